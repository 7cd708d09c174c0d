"""Front doors: two simulated load balancers, one a zone, that lead to the platform's web server and can be shut for a while.

They stand for an operator's addresses in two data centres, so that DNS failover has something to fail over between on one machine. Shut means that nobody
listens: connections are refused, like at a machine whose program was killed. A door opens by itself when its time is over.
"""

import asyncio
import contextlib

ADDRESSES = ("127.30.1.1", "127.30.2.1")  # of the zones north and south
LONGEST_SHUT_S = 3600
_CHUNK = 65536
_IDLE_S = 60.0


class Fronts:
    """All of them listen at one port; `to` is where the web server is."""

    def __init__(self, to: tuple[str, int] | None, port: int) -> None:
        self.to, self.port = to, port
        self._open: dict[str, asyncio.Server] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        for address in ADDRESSES if self.to else ():
            await self._listen(address)

    async def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for server in self._open.values():
            server.close()

    def shut(self, address: str, seconds: float) -> None:
        """For so long; 0 opens it again."""
        if self.to is None or address not in ADDRESSES:
            raise ValueError(f"There is no front door at {address!r}; there are {', '.join(ADDRESSES) if self.to else 'none'}.")
        if not 0 <= seconds <= LONGEST_SHUT_S:
            raise ValueError(f"A door is shut for 0 to {LONGEST_SHUT_S} s, not {seconds!r}.")
        if timer := self._timers.pop(address, None):
            timer.cancel()
        if seconds and (server := self._open.pop(address, None)):
            server.close()
        if seconds:
            self._timers[address] = asyncio.get_running_loop().call_later(seconds, self._reopen, address)
        else:
            self._reopen(address)

    def _reopen(self, address: str) -> None:
        if address not in self._open:
            task = asyncio.get_running_loop().create_task(self._listen(address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _listen(self, address: str) -> None:
        self._open[address] = await asyncio.start_server(self._lead_on, address, self.port)

    async def _lead_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.to is not None
        with contextlib.closing(writer), contextlib.suppress(OSError, TimeoutError):
            first = await asyncio.wait_for(reader.read(_CHUNK), _IDLE_S)  # who only knocks costs the web server nothing
            if not first:
                return
            inside, behind = await asyncio.open_connection(*self.to)
            with contextlib.closing(behind):
                behind.write(first)
                ways = [asyncio.ensure_future(_pump(reader, behind)), asyncio.ensure_future(_pump(inside, writer))]
                _, late = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in late:
                    way.cancel()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
