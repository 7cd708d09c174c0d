"""A small HTTP/1.1 server: one request a connection, bounded in every direction.

Owns parsing and writing. Promises that a request that is too large, too slow or malformed gets a 4xx or is cut, and that a
handler's surprise is a 500 that the log names.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

_MOST_HEAD = 16_384
_MOST_BODY = 1_048_576
_PATIENCE_S = 10.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    peer: str


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Handler(Protocol):
    """What answers."""

    async def answer(self, request: Request) -> Response:
        """The response to a request."""
        ...


class WebServer:
    """The listening socket."""

    def __init__(self, handler: Handler, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.handler = handler
        self.host, self.port = host, port
        self.tls = tls
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=_MOST_HEAD, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                request = await _read(reader, str(writer.get_extra_info("peername")[0]))
            response = await self._respond(request)
            writer.write(_head(response) + (b"" if request and request.method == "HEAD" else response.body))
            await writer.drain()
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _respond(self, request: Request | None) -> Response:
        if request is None:
            return Response(b"Bad request\n", "text/plain", 400)
        try:
            return await self.handler.answer(request)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return Response(b"Internal error\n", "text/plain", 500)


async def _read(reader: asyncio.StreamReader, peer: str) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError:
        return None
    first, *lines = head.split("\r\n")[:-2]
    words = first.split(" ")
    pairs = [line.partition(":") for line in lines]
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = headers.get("content-length", "0")
    if len(words) != 3 or not length.isdecimal() or int(length) > _MOST_BODY or "transfer-encoding" in headers:
        return None
    body = await reader.readexactly(int(length))
    url = urlsplit(words[1])
    return Request(words[0], unquote(url.path), dict(parse_qsl(url.query)), headers, body, peer)


def _head(response: Response) -> bytes:
    lines = [
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        "Connection: close",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: same-origin",  # with none at all browsers send our own forms with `Origin: null`, as if a stranger had made them
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
