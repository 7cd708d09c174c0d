"""Watched connections: psycopg's, that give up on a server that is gone (`silence`), wherever they wait for it.

All waiting of psycopg goes through `wait`, which drives a generator and wakes it ten times a second; it is wrapped here. Costs some microseconds a statement. A
connection that was given up is closed, and what it waited for raises OperationalError: whether a COMMIT was done is then not known.
"""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, Connection

from mailplatform.shell.database.address import DEFAULT_PORT
from mailplatform.shell.database.silence import ServerHeard, server_at

T = TypeVar("T")
_Steps = Generator[Any, Any, T]


class ServerGone(psycopg.OperationalError):
    """The server has not answered for seconds, to nobody."""


class WatchedConnection(Connection[Any]):
    _opened_s: float = 0.0
    _server: ServerHeard | None = None
    until_s: float = float("inf")  # on the monotonic clock; nothing waits longer than that, whether the server lives or not

    def wait(self, gen: _Steps[T], *arguments: Any, **named: Any) -> T:  # type: ignore[override]
        try:
            return super().wait(_watched(gen, *_seen(self), self.until_s), *arguments, **named)
        except ServerGone:
            self.pgconn.finish()
            raise


class WatchedAsyncConnection(AsyncConnection[Any]):
    _opened_s: float = 0.0
    _server: ServerHeard | None = None

    async def wait(self, gen: _Steps[T], *arguments: Any, **named: Any) -> T:  # type: ignore[override]
        try:
            return await super().wait(_watched(gen, *_seen(self)), *arguments, **named)
        except ServerGone:
            self.pgconn.finish()
            raise


def _seen(connection: Any) -> tuple[ServerHeard, float]:
    """(the server, since when this connection is open); looked up at its first statement."""
    if connection._server is None:
        raw = connection.pgconn
        connection._server = server_at((raw.host or b"").decode(), (raw.port or b"").decode() or DEFAULT_PORT)
        connection._opened_s = time.monotonic()
    return connection._server, connection._opened_s


def _watched(gen: _Steps[T], server: ServerHeard, opened_s: float, until_s: float = float("inf")) -> _Steps[T]:
    """The same steps, as long as the server lives and there is time."""
    since_s = time.monotonic()
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                since_s = time.monotonic()
            elif server.is_gone(opened_s, since_s):
                raise ServerGone(f"the database server has not answered for {time.monotonic() - since_s:.0f} s")
            elif time.monotonic() > until_s:
                raise ServerGone("the database server lives, and took longer than may be waited for")
            wanted = gen.send(ready)
    except StopIteration as end:
        server.answered()
        return end.value  # type: ignore[no-any-return]
