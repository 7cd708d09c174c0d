"""Send yourself a message: the platform as its own tenant, through the real REST API over HTTP.

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
    try:
        tenant = json.loads((data / "demo.json").read_text())["tenant"]
        key, domain = tenant["api_key"], tenant["domain"]
    except (OSError, ValueError, KeyError, TypeError):
        return "There is no demo tenant's key in the data folder."
    body = {
        "from": f"Mailplatform <hello@{domain}>", "to": recipient, "subject": "Hello from your own platform", "stream": "transactional",
        "text": "You sent this to yourself from the overview. It left through the REST API, the queue, an engine and SMTP with TLS.\n",
        "html": "<p>You sent this to yourself from the overview.</p><p>It left through the REST API, the queue, an engine and SMTP with TLS.</p>",
        "tags": ["try-it"],
    }  # fmt: skip
    try:
        status, answer = _post(url, key, body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"The API did not answer ({type(error).__name__})."
    if status != 202:
        return f"The API refused it with {status}: {str(answer.get('detail') or answer.get('title') or '')[:200]}"
    return Accepted(UUID(answer["id"]), UUID(answer["deliveries"][0]["id"]))


def _post(url: str, key: str, body: object) -> tuple[int, dict]:  # type: ignore[type-arg]
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", "/api/v1/messages", json.dumps(body), {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read(100_000) or b"{}")
        return response.status, answer if isinstance(answer, dict) else {}
    finally:
        connection.close()
