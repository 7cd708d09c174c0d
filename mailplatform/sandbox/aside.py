"""A world in a thread with an event loop of its own, for tests and tools that block.

    with running(folder) as world:
        world.resolver, world.smtp_port, world.url, world.ca_file
        world.control({"action": "break", "ip": "127.10.1.1", "provider": "gmail"})
        world.accepted()
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .loop import new_loop
from .web import Request
from .world import World


class Aside:
    """What the other threads may touch of a running world."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self.world, self._loop = world, loop
        self.resolver, self.smtp_port, self.url, self.ca_file = world.resolver, world.smtp_port, world.url, world.ca_file

    def control(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """POST /api/control, without the HTTP."""

        async def run() -> dict[str, Any]:
            return self.world.control.do(order)

        return self._wait(run())

    def accepted(self) -> list[dict[str, Any]]:
        """Every message accepted so far, the oldest first."""
        return self._wait(self.world.store.rows("SELECT * FROM accepted ORDER BY n"))

    def counts(self, **query: str) -> dict[str, Any]:
        """GET /api/counts."""
        return self._wait(self.world.inbox.counts(Request("GET", "/api/counts", query, {}, b"", "127.0.0.1")))

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@contextmanager
def running(data: Path | str, **options: Any) -> Iterator[Aside]:
    """A started world; stopped at the end."""
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox", daemon=True)
    thread.start()
    world = World(data, **options)
    try:
        asyncio.run_coroutine_threadsafe(world.start(), loop).result(30)
        yield Aside(world, loop)
    finally:
        asyncio.run_coroutine_threadsafe(world.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
