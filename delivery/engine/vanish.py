"""Vanish: whether the packets of a whole sending IP reach nobody, found out as soon as one connection of it gets no answer.

A hint is a connection that is being made for HINT_S without an answer, or one that nobody hears (`smtp.unheard`). It proves nothing: a provider that is
silent is silent to everybody. So the IP asks, at once, up to MOST_MARKS hosts of *other* providers that answered somebody lately, and where this engine
has another IP, that asks the same hosts beside it. Promises: an IP that any of them answers is left alone; one that none answers, though they answer its
sibling, is a black hole: all its paths open their circuits, what is being connected from it ends, and what has no dot yet goes along others. With fewer
than FEWEST_MARKS nothing is said. A question is a connection that is opened and closed: none while nothing hints, at most one round in IP_RESTS_S for an IP.
A path that hinted in vain is not listened to for AGAIN_S, and for longer each time it hints on (a provider that greets slowly hints all the time); the
IP's other paths are, for the packets may vanish at any moment after. How it fails: each path finds it out by itself, as its own mail meets it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from delivery.engine.path import Path
from delivery.smtp.dial import dial
from delivery.smtp.failure import ConnectFailure
from delivery.smtp.target import Source, Target, TlsMode
from delivery.smtp.wire import Failure, Phase
from pools.binds import CIRCUIT_OPENS_AT

if TYPE_CHECKING:
    from delivery.engine.hands import Hands

HINT_S, ANSWERS_WITHIN_S, STALLED_S = 1.0, 1.5, 0.25
IP_RESTS_S, AGAIN_S, SELDOMEST_S = 2.0, 5.0, 20.0
REMEMBERED_S, FEWEST_MARKS, MOST_MARKS = 600.0, 2, 3
WHY = "nobody answers this IP"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Mark:
    """A host that answered."""

    host: str
    address: str
    port: int
    at_s: float


@dataclass(slots=True)
class Vanish:
    """An engine's own."""

    hands: "Hands"
    _marks: dict[int, Mark] = field(default_factory=dict)  # by provider, the last one
    _asked_s: dict[int, float] = field(default_factory=dict)  # by IP: when it asked last
    _heeded: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)  # by path: when a hint of its was heeded, and the rest since
    _reaching: dict[int, set[asyncio.Timeout]] = field(default_factory=dict)

    def answered(self, provider_id: int, host: str, address: str, port: int) -> None:
        """Somebody of ours has a session there."""
        self._marks[provider_id] = Mark(host, address, port, time.monotonic())

    @contextlib.asynccontextmanager
    async def patience(self, ip_id: int, address: str) -> AsyncIterator[None]:
        """Around making a connection: it ends at once when its IP is found to be a black hole."""
        mine = self._reaching.setdefault(ip_id, set())
        timeout = asyncio.timeout(None)
        try:
            async with timeout:
                mine.add(timeout)
                try:
                    yield
                finally:
                    mine.discard(timeout)
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise ConnectFailure(Phase.CONNECT, Failure.TIMEOUT, detail=f"no answer from {address}: {WHY}") from error

    def hint(self, path: Path) -> None:
        """A connection of this path gets no answer."""
        now_s, key = time.monotonic(), (path.ip_id, path.provider_id)
        heeded_s, rest_s = self._heeded.get(key, (float("-inf"), AGAIN_S))
        if now_s < max(heeded_s + rest_s, self._asked_s.get(path.ip_id, float("-inf")) + IP_RESTS_S):
            return
        self._asked_s[path.ip_id] = now_s
        self._heeded[key] = now_s, AGAIN_S if now_s > heeded_s + 2 * rest_s else min(2 * rest_s, SELDOMEST_S)
        self.hands.run(self._look(path.ip_id, path.provider_id))

    async def _look(self, ip_id: int, provider_id: int) -> None:
        ips = self.hands.world.ips
        if ip_id not in ips:
            return
        ipv6 = ":" in ips[ip_id].address
        marks = self._others(provider_id, ipv6)
        sibling = next((one for one, own in ips.items() if one != ip_id and (":" in own.address) == ipv6), None)
        if len(marks) < FEWEST_MARKS:
            return
        asked = [(ip_id, mark) for mark in marks] + ([(sibling, mark) for mark in marks] if sibling else [])
        began_s = time.monotonic()
        heard = await asyncio.gather(*(self._hears(one, mark) for one, mark in asked))
        mine, siblings = heard[: len(marks)], heard[len(marks) :]
        if time.monotonic() - began_s > ANSWERS_WITHIN_S + STALLED_S:
            return  # this process itself stood still, and may have missed the answers
        if any(mine) or (sibling and sum(siblings) < FEWEST_MARKS) or ip_id not in self.hands.world.ips:
            return
        self._found(ip_id, [mark.host for mark in marks])

    def _others(self, provider_id: int, ipv6: bool) -> list[Mark]:
        """Hosts of other providers, those that answered last first."""
        since_s = time.monotonic() - REMEMBERED_S
        self._marks = {one: mark for one, mark in self._marks.items() if mark.at_s > since_s}
        known = [mark for one, mark in self._marks.items() if one != provider_id and (":" in mark.address) == ipv6]
        return sorted(known, key=lambda mark: -mark.at_s)[:MOST_MARKS]

    async def _hears(self, ip_id: int, mark: Mark) -> bool:
        """Whether anything comes back: a connection, or a refusal of it."""
        own, hands = self.hands.world.ips[ip_id], self.hands
        target = Target(mark.host, mark.address, mark.port, TlsMode.NONE)
        try:
            if hands.holes:
                await hands.holes.swallow(ip_id, mark.address, ANSWERS_WITHIN_S)
            sock = await dial(target, Source(own.address, own.ehlo_name, own.proxy), ANSWERS_WITHIN_S, hands.setup.policy)
        except ConnectFailure as failure:
            return failure.failure is not Failure.TIMEOUT
        sock.close()
        return True

    def _found(self, ip_id: int, asked: list[str]) -> None:
        now_s = time.monotonic()
        log.warning("ip_reaches_nobody", ip=ip_id, asked=asked)
        for path in [path for path in self.hands.paths.values() if path.ip_id == ip_id]:
            while path.circuit_failures < CIRCUIT_OPENS_AT:
                path.connect_failed(now_s, WHY)
        loop_s = asyncio.get_running_loop().time()
        for timeout in list(self._reaching.get(ip_id, ())):
            timeout.reschedule(loop_s)
