"""A tenant's own program, as far as the demo needs one: takes webhooks at POST /hooks/NAME and shows them at GET /hooks.

Promises: keeps the latest KEPT in memory, a bounded piece of each; takes them from this machine only. Never: verifies (it has no secret).
"""

import ipaddress
import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from . import pages
from .web import Request, Response

KEPT = 200
_MOST_BODY = 16_384


@dataclass(frozen=True, slots=True)
class Heard:
    """One request."""

    at_ms: int
    name: str
    id: str
    signature: str
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The body's JSON object; empty when it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Hooks:
    """What was heard, the newest first."""

    def __init__(self) -> None:
        self.heard: deque[Heard] = deque(maxlen=KEPT)

    def answer(self, request: Request) -> Response:
        """The page, or 204 to an event."""
        if request.method != "POST":
            return Response(self.page(), headers={"Content-Security-Policy": pages.POLICY})
        if not ipaddress.ip_address(request.peer).is_loopback or len(request.body) > _MOST_BODY:
            return Response(b"", "text/plain", 403)
        given = request.headers.get
        name = request.path.removeprefix("/hooks").strip("/")[:60]
        self.heard.appendleft(Heard(time.time_ns() // 1_000_000, name, given("webhook-id", "")[:80], given("webhook-signature", "")[:200], request.body))
        return Response(b"", "text/plain", 204)

    def page(self) -> bytes:
        """All of them."""
        return pages.hooks([(one.at_ms, one.name, one.id, one.signature, one.event, one.body.decode("utf-8", "replace")) for one in self.heard])
