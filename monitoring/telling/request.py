"""HTTP for channels and the heartbeat: one request, bounded, to addresses that the policy permits, with a connection of its own.

Whose answer is not 2xx has not taken it. Says nothing of the URL in what it raises: there may be a secret in it.
"""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from ssl import SSLContext

from django.conf import settings

from delivery.sort.resolver import Resolver
from mailplatform.shell.outgoing import Answer, Bounds, NoAnswer, Outgoing, UrlRefused, context_with, permitted
from monitoring.telling.message import NotTold

BOUNDS = Bounds(connect_s=5, total_s=15, body_s=2, most_bytes=1000)
_FINAL = {400, 401, 403, 404, 405, 410, 422}


def ask(method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> str:
    """What was answered, in short, or NotTold."""
    try:
        answer = asyncio.run(_ask(method, url, headers or {}, body))
    except UrlRefused as no:
        raise NotTold(str(no), final=True) from None
    except NoAnswer as no:
        raise NotTold(str(no)) from None
    if 200 <= answer.status < 300:
        return f"it answered {answer.status}"
    raise NotTold(f"it answered {answer.status}", final=answer.status in _FINAL)


async def _ask(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    outgoing = Outgoing(Resolver(settings.RESOLVER).addresses, permitted(), context(settings.EXTRA_CA_FILE), most_connections=1)
    try:
        return await outgoing.request(method, url, headers, body, BOUNDS)
    finally:
        await outgoing.aclose()


@lru_cache(maxsize=2)
def context(extra_ca_file: str) -> SSLContext:
    """A new one costs tens of milliseconds."""
    return context_with(extra_ca_file)
