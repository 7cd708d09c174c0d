"""Outboxes: what a path has to send to one site, and who is sending it.

A site is a set of hosts that take the same mail: a domain's MX hosts in their order, or an operator's route. Connections are kept per
(path, site) and serve every domain of that site. Connections are opened as the queue needs them, slowly at first.
"""

import asyncio
import heapq
import time
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple
from uuid import UUID

from delivery.engine.paper import Paper
from delivery.engine.path import Path
from delivery.queue.claim import Claim, StoredBody
from delivery.smtp.target import TlsMode
from pools.purposes import Purpose

WAITING_A_CONNECTION = 2
ENOUGH = 2.0  # times as many connections as the rate needs
WAITS_LONG_S = 0.1  # waiting so long for a connection is longer than opening one, unless that is slow too
STANDS_STILL_S = 1.0  # a job that no connection took for so long gets one of its own: a server may keep us waiting for minutes after the dot


@dataclass(frozen=True, slots=True)
class Site:
    """Where a domain's mail is taken, and what TLS has to prove there.

    `hosts` in order of preference; `ranks` says which are equal (empty: none). `secure`: their names are signed, DANE may be asked. `barred`
    are hosts that the domain's MTA-STS policy does not name: for DANE only. The hash is made once: a site is looked up for each message.
    """

    hosts: tuple[str, ...]
    port: int
    tls: TlsMode
    username: str = ""
    password: str = field(default="", repr=False)
    ranks: tuple[int, ...] = ()
    secure: bool = False
    barred: tuple[str, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.hosts, self.port, self.tls, self.username, self.ranks, self.secure, self.barred)))

    def __hash__(self) -> int:
        return self._hash


@dataclass(slots=True)
class Job:
    """A claim on its way out."""

    claim: Claim
    body: StoredBody
    path: Path
    provider_key: str
    why: dict[str, object]
    paper: Paper | None = None  # begun early, where the keys were at hand

    @property
    def id(self) -> UUID:
        return self.claim.id


class Idle(NamedTuple):
    """A connection that waits."""

    job: "asyncio.Future[Job | None]"
    first_only: bool


@dataclass
class Outbox:
    """The jobs of one path for one site and its connections. Transactional ones go first; the others as they were claimed, which is in their shares."""

    path: Path
    site: Site
    workers: int = 0
    first_only: int = 0  # of the workers, those that carry transactional mail alone (kept)
    connecting: int = 0  # of the workers, those without a session yet
    moved_at_s: float = 0.0  # when a job was last taken, or a connection opened for those that wait
    reaching_since_s: float = float("inf")  # when a connection that is being made was begun
    talking: set[object] = field(default_factory=set)  # workers with a session
    lost_early: int = 0  # connections in a row that ended with an envelope that had gone early
    _heap: list[tuple[int, float, int, Job]] = field(default_factory=list)
    _idle: list[Idle] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, job: Job) -> None:
        """Hand it to a connection that waits, or queue it."""
        first = job.claim.purpose == Purpose.TRANSACTIONAL
        for place in range(len(self._idle) - 1, -1, -1):
            if first or not self._idle[place].first_only:
                waiting = self._idle.pop(place).job
                if not waiting.done():
                    waiting.set_result(job)
                    return
        if not self._heap:
            self.moved_at_s = time.monotonic()
        heapq.heappush(self._heap, (not first, job.claim.tag if first else 0.0, next(self._order), job))

    @property
    def first_waits(self) -> bool:
        """A transactional job is the next one."""
        return bool(self._heap) and not self._heap[0][0]

    def next(self, first_only: bool = False) -> Job | None:
        """The next job for a connection; none of other purposes where only transactional ones may go, or where one of these waits for the slot."""
        if not self._heap or ((first_only or self.path.kept.yields) and self._heap[0][0]):
            return None
        self.moved_at_s = time.monotonic()
        return heapq.heappop(self._heap)[3]

    def next_bulk(self) -> Job | None:
        """The next one, unless it is transactional: that goes along whichever connection is free first."""
        return self.next() if self._heap and self._heap[0][0] else None

    async def wait(self, timeout_s: float, first_only: bool = False) -> Job | None:
        """The next job, or None when none came in time or the connection is wanted elsewhere."""
        if self._heap and not (first_only and self._heap[0][0]):
            return self.next(first_only)
        waiting = Idle(asyncio.get_running_loop().create_future(), first_only)
        self._idle.append(waiting)
        try:
            return await asyncio.wait_for(waiting.job, timeout_s)
        except TimeoutError:
            # The job may have been handed over in the tick in which the time ran out.
            return waiting.job.result() if waiting.job.done() and not waiting.job.cancelled() else None
        finally:
            if waiting in self._idle:
                self._idle.remove(waiting)

    def wants_connection(self) -> bool:
        """More waits than the connections there are take soon, or transactional mail waits for longer than opening one takes. Slow start: no more are
        being opened than are open."""
        workers = self.workers if self.first_waits else self.workers - self.first_only
        if not self._heap or workers == 0:
            return bool(self._heap)
        now_s = time.monotonic()
        many = len(self._heap) > WAITING_A_CONNECTION * workers and not self.fast_enough(workers)
        more = many or self.opening_is_sooner(now_s) or self.waits_long(now_s) or self.stands_still(now_s)
        return more and self.connecting < self.workers - self.connecting

    def fast_enough(self, connections: int) -> bool:
        """So many send faster than the path's rate allows: one more would only stand in line, and be one less for the next owner of the IP."""
        return connections * self.path.spacing_s >= ENOUGH * self.path.mood.answer_s

    def opening_is_sooner(self, now_s: float) -> bool:
        """A transactional one waits, and the next connection that is free comes later than one that is opened now. Where both are slow because this
        machine has too much to do, as after a rescue, more connections would only make it more."""
        mood = self.path.mood
        turn_s = mood.answer_now_s(now_s) * len(self._heap) / max(1, self.workers - self.connecting)
        return self.first_waits and turn_s > self.path.connect_s(now_s)

    def waits_long(self, now_s: float) -> bool:
        """The answers are so slow that what waits here is sooner sent along a connection that is opened now."""
        mood = self.path.mood
        waits_s = len(self._heap) * mood.answer_s / self.workers
        return waits_s > max(WAITS_LONG_S, self.path.connect_s(now_s)) and self.path.next_send_s(now_s) <= now_s

    def stands_still(self, now_s: float) -> bool:
        """Jobs wait and every connection has been busy with one and the same for long, though the rates would let one go. For a transactional one long is
        what opening a connection takes."""
        long_s = min(STANDS_STILL_S, max(WAITS_LONG_S, self.path.connect_s(now_s))) if self.first_waits else STANDS_STILL_S
        return bool(self._heap) and now_s - self.moved_at_s > long_s and self.path.next_send_s(now_s) <= now_s

    def close_one_idle(self, others: bool = False) -> bool:
        """Let an idle connection go, one that may carry other purposes if `others`: another site of this path needs its slot."""
        for waiting in list(self._idle):
            if others and waiting.first_only:
                continue
            self._idle.remove(waiting)
            if not waiting.job.done():
                waiting.job.set_result(None)
                return True
        return False

    def excess(self, keep: int) -> list[Job]:
        """What is not begun, but for the first `keep`."""
        self._heap.sort()  # which is a heap, too
        jobs = [entry[3] for entry in self._heap[keep:]]
        del self._heap[keep:]
        return jobs

    def drain(self) -> list[Job]:
        """Everything not begun."""
        jobs = [entry[3] for entry in self._heap]
        self._heap.clear()
        return jobs
