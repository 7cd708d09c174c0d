"""Peers: two mailbox providers on loopback that treat each source address in its own way. Real SMTP on real sockets.

A habit is data: how long the greeting and the answer after the dot take, whether MAIL is refused, how many messages a second are let
through (more is counted as a violation, and answered as such). Kept: when each delivery was accepted, and along which address.
"""

import asyncio
import random
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

DELIVERY = re.compile(rb"^X-Mailplatform-Delivery: ([0-9a-f-]{36})\r$", re.MULTILINE)
SPREAD = 0.25  # of the times, either way


@dataclass(frozen=True, slots=True)
class Habit:
    greeting_s: float = 0.1
    answer_s: float = 0.4
    silent: bool = False
    refusal: bytes = b""
    per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Accepted:
    at_s: float
    address: str


class Peers:
    """`ports` by provider. Start with `with`; everything ends with it."""

    def __init__(self, habits: Mapping[str, Mapping[str, Habit]], seed: str) -> None:
        self.accepted: dict[str, Accepted] = {}
        self.doubled = self.violations = 0
        self.ports: dict[str, int] = {}
        self._habits = habits  # provider → source address → habit
        self._dice = random.Random(seed)
        self._sent: dict[tuple[str, str], list[float]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="peers", daemon=True)

    def __enter__(self) -> "Peers":
        self._thread.start()
        for provider in self._habits:
            self.ports[provider] = asyncio.run_coroutine_threadsafe(self._listen(provider), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self, provider: str) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            address = writer.get_extra_info("peername")[0]
            try:
                await self._converse(provider, address, reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _converse(self, provider: str, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        habit = self._habits[provider].get(address, Habit())
        if habit.silent:
            await reader.read()  # until the client has had enough
            return
        await self._take(habit.greeting_s)
        writer.write(b"220 peer ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-peer\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                writer.write(await self._message(habit, provider, address, await reader.readuntil(b"\r\n.\r\n")))
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                await writer.drain()
                return
            elif verb in (b"MAIL", b"RCPT") and habit.refusal:
                writer.write(habit.refusal + b"\r\n")
                if verb == b"RCPT" and (await reader.readline())[:4].upper() == b"DATA":  # pipelined behind a refused RCPT
                    writer.write(b"503 5.5.1 no recipient\r\n")
            else:
                writer.write(b"250 2.0.0 ok\r\n")
            await writer.drain()

    async def _message(self, habit: Habit, provider: str, address: str, message: bytes) -> bytes:
        if habit.per_s and not self._within(habit.per_s, (provider, address)):
            self.violations += 1
            return b"451 4.7.0 too many messages from you\r\n"
        await self._take(habit.answer_s)
        found = DELIVERY.search(message)
        delivery = found[1].decode() if found else ""
        self.doubled += delivery in self.accepted
        self.accepted.setdefault(delivery, Accepted(time.monotonic(), address))
        return b"250 2.0.0 taken\r\n"

    def _within(self, per_s: float, who: tuple[str, str]) -> bool:
        """At most `per_s` in ten seconds' mean, as a provider counts."""
        now, sent = time.monotonic(), self._sent.setdefault(who, [])
        sent[:] = [at for at in sent if at > now - 10]
        if len(sent) >= per_s * 10 + 1:
            return False
        sent.append(now)
        return True

    async def _take(self, about_s: float) -> None:
        await asyncio.sleep(about_s * self._dice.uniform(1 - SPREAD, 1 + SPREAD))
