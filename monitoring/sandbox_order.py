"""Orders to the simulated world: what a drill breaks, and heals. Through its own door, from this machine, in the sandbox only."""

import http.client
import json
from urllib.parse import urlsplit

from django.conf import settings

TIMEOUT_S = 5.0


def may_order() -> bool:
    return bool(settings.MAIL_MODE == "sandbox" and settings.SANDBOX_URL)


def order(action: str, **parameters: object) -> str:
    """Empty: it was done. Otherwise why not, in a sentence."""
    if not may_order():
        return "Only the sandbox can be broken."
    parts = urlsplit(settings.SANDBOX_URL)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", "/api/control", json.dumps({"action": action, **parameters}), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read(1_000_000) or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"The sandbox did not answer ({type(error).__name__})."
    finally:
        connection.close()
    return "" if isinstance(answer, dict) and answer.get("done") else f"The sandbox did not do it: {str(answer)[:200]}"
