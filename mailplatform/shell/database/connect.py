"""Connect: open a connection to the primary, whichever of the servers in DATABASE_URL it is.

Promises: a server that is frozen, cut off or a standby is passed over; statements wait for no server that is gone (`watched`). Remembers,
for this process, which server was the primary last. Fails with psycopg.OperationalError; `away.is_away` knows it.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from mailplatform.shell.database import cut
from mailplatform.shell.database.address import DEFAULT_PORT, Server, ordered, parameters
from mailplatform.shell.database.silence import server_at
from mailplatform.shell.database.watched import WatchedAsyncConnection, WatchedConnection

C = TypeVar("C", WatchedConnection, WatchedAsyncConnection)
_last: Server | None = None  # the primary that answered last


def connect(url: str, options: str = "", **own: Any) -> WatchedConnection:
    """An autocommit connection; `options` are libpq's, like `-c jit=off`, `own` are more of its parameters."""
    cut.refuse()
    return remembered(WatchedConnection.connect(autocommit=True, **parameters(url, options, _rank, **own)))


async def connect_async(url: str, options: str = "", **own: Any) -> WatchedAsyncConnection:
    cut.refuse()
    return remembered(await WatchedAsyncConnection.connect(autocommit=True, **parameters(url, options, _rank, **own)))


def connect_as_django(wanted: Mapping[str, Any]) -> WatchedConnection:
    """With the parameters that Django has gathered."""
    cut.refuse()
    return remembered(WatchedConnection.connect(**ordered(dict(wanted), _rank)))


def _rank(server: Server) -> int:
    """The last primary first, who was given up as lost at last."""
    return 2 if server_at(*server).is_lost else 0 if server == _last else 1


def remembered(connection: C) -> C:
    global _last
    cut.note(connection)
    _last = (connection.pgconn.host or b"").decode(), (connection.pgconn.port or b"").decode() or DEFAULT_PORT
    return connection
