"""Database: an engine's blocking statements, in threads, on three connections.

One thread records, one asks for credit, one does everything else; each owns its connection and makes a new one when it broke. Statements time out, so a
hanging database never hangs an engine's end.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from psycopg import Connection, Error

from mailplatform.shell.database.away import is_away
from mailplatform.shell.database.connect import connect

T = TypeVar("T")
OPTIONS = "-c statement_timeout=10000 -c jit=off"


class Database:
    def __init__(self, url: str, record_options: str = "", name: str = "") -> None:
        """`name`: under which the database knows its sessions."""
        self._url = url
        self._own = {"application_name": name} if name else {}
        self._options = {"record": f"{OPTIONS} {record_options}"}
        self._threads = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("record", "credit", "other")}
        self._connections: dict[str, Connection] = {}

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function(connection, *arguments)`, in its turn. Raises what it raises."""
        return await self._in_thread("other", function, arguments)

    def record(self, function: Callable[..., T], *arguments: Any) -> Awaitable[T]:
        """The same on the recorder's connection: history never waits behind configuration."""
        return self._in_thread("record", function, arguments)

    async def credit(self, function: Callable[..., T], *arguments: Any) -> T:
        """The same where a path waits for credit: that does not wait behind configuration either."""
        return await self._in_thread("credit", function, arguments)

    def close(self) -> None:
        for name, thread in self._threads.items():
            thread.submit(self._drop, name)
            thread.shutdown(wait=False)

    async def _in_thread(self, name: str, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads[name], self._call, name, function, arguments)

    def _call(self, name: str, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        connection = self._connections.get(name)
        if connection is None or connection.closed:
            connection = self._connections[name] = connect(self._url, self._options.get(name, OPTIONS), **self._own)
        try:
            return function(connection, *arguments)
        except Error as error:
            if is_away(error):  # also a session that may only read now: its server is the primary no more
                self._drop(name)
            raise

    def _drop(self, name: str) -> None:
        connection = self._connections.pop(name, None)
        if connection is not None:
            connection.close()
