"""Send yourself a message, or a burst of them: the platform as its own tenant, through the real REST API over HTTP.

Never in process: the stopwatch shall measure what a tenant would see. The key is the demo tenant's, from DATA/demo.json.
"""

import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

TIMEOUT_S = 5.0
BURST_DOMAINS = 40


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the API answered."""

    message: UUID
    delivery: UUID


def recipient_for(email: str) -> str:
    """The person's own name, at a simulated Gmail."""
    local = "".join(letter for letter in email.partition("@")[0].lower() if letter.isalnum() or letter in "._-").strip("._-")
    return f"{local or 'you'}@gmail.com"


def send(data: Path, url: str, recipient: str) -> Accepted | str:
    """Post it; or say in a sentence why it could not be."""
    access = _access(data)
    if isinstance(access, str):
        return access
    key, domain = access
    body = {
        "from": f"Mailplatform <hello@{domain}>", "to": recipient, "subject": "Hello from your own platform", "stream": "transactional",
        "text": "You sent this to yourself from the overview. It left through the REST API, the queue, an engine and SMTP with TLS.\n",
        "html": "<p>You sent this to yourself from the overview.</p><p>It left through the REST API, the queue, an engine and SMTP with TLS.</p>",
        "tags": ["try-it"],
    }  # fmt: skip
    try:
        status, answer = post(url, "/api/v1/messages", key, body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"The API did not answer ({type(error).__name__})."
    if status != 202:
        return f"The API refused it with {status}: {str(answer.get('detail') or answer.get('title') or '')[:200]}"
    return Accepted(UUID(answer["id"]), UUID(answer["deliveries"][0]["id"]))


def burst(data: Path, url: str, count: int) -> str:
    """Give the engines something to have in their hands: `count` small messages to made-up people at forty made-up shops. Empty: accepted."""
    access = _access(data)
    if isinstance(access, str):
        return access
    key, domain = access
    messages = [
        {
            "from": f"Mailplatform <hello@{domain}>", "to": f"guest-{n}@shop-{n % BURST_DOMAINS + 1:02d}.example", "subject": "Part of a drill",
            "stream": "notification", "text": "An engine was killed while this message was on its way.\n", "tags": ["drill"],
        }
        for n in range(count)
    ]  # fmt: skip
    try:
        status, _ = post(url, "/api/v1/messages/batch", key, {"messages": messages})
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"The API did not answer ({type(error).__name__})."
    return "" if status == 202 else f"The API refused the burst with {status}."


def _access(data: Path) -> tuple[str, str] | str:
    try:
        tenant = json.loads((data / "demo.json").read_text())["tenant"]
        return tenant["api_key"], tenant["domain"]
    except (OSError, ValueError, KeyError, TypeError):
        return "There is no demo tenant's key in the data folder."


def post(url: str, path: str, key: str, body: object) -> tuple[int, dict]:  # type: ignore[type-arg]
    """The status and the answer; raises what the connection raises."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read(1_000_000) or b"{}")
        return response.status, answer if isinstance(answer, dict) else {}
    finally:
        connection.close()
