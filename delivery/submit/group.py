"""Group: many sessions' messages share a transaction, and so the disk's one flush.

Threads of a process, each with a database connection: a thread takes everything that waits, prepares each (what is wrong with it is its own
outcome), stores them together and tells them all. While one waits for the commit, the other gathers and prepares the next group; it goes ahead
only when the first hangs, for two small groups cost twice what a large one does. Promises: an outcome is told after
the commit; one message that the database cannot take fails alone. A database that is away is waited for, DATABASE_WAIT_S at most; so is one that cannot say
whether it committed, for messages with a key; else nothing is tried again that might have been stored: that is an exception for all of the group.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import connection

from delivery.submit.accept import prepare
from delivery.submit.commit import NotCertain
from delivery.submit.idempotency import WAIT_S, Clash
from delivery.submit.request import Prepared, Refused, Request
from delivery.submit.together import Outcome, stored
from mailplatform.shell.database.away import is_away, pauses
from mailplatform.shell.errors import short

log = structlog.get_logger(__name__)

THREADS = 2
PATIENCE_S = 0.05
MOST = 100
LOOK_AGAIN_S = 0.05
_IDLE_S = 1.0  # a connection that rested so long is looked at before it is used

Told = Outcome | BaseException


@dataclass(slots=True, eq=False)
class _Job:
    make: Callable[[], Request]
    future: asyncio.Future[Told]
    prepared: Prepared | None = None


class Group:
    def __init__(self, threads: int = THREADS, most: int = MOST) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._most = most
        self._turn = threading.Lock()
        self._threads = [threading.Thread(target=self._work, name=f"group-{number}", daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    async def accept(self, make: Callable[[], Request]) -> Outcome:
        """What became of the request that `make` makes (in a thread: it may read the database). Raises what `make` or the database raised; a Refused
        of `make` is an outcome."""
        loop = asyncio.get_running_loop()
        job, until = _Job(make, loop.create_future()), loop.time() + WAIT_S
        away_until, moments = loop.time() + settings.DATABASE_WAIT_S, pauses(0.1, 0.5)
        while True:
            self._jobs.put(job)
            told = await job.future
            if isinstance(told, BaseException) and not isinstance(told, Refused):
                if loop.time() > away_until or not _may_be_repeated(told, job):
                    raise told
                await asyncio.sleep(next(moments))  # the database is being switched
                job.future = loop.create_future()
                continue
            if not isinstance(told, Refused) or told.clash is not Clash.IN_USE or loop.time() > until:
                return told
            await asyncio.sleep(LOOK_AGAIN_S)
            job.future = loop.create_future()

    def close(self) -> None:
        """After what was asked is done."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(10)

    # -- in the threads -----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        used_at = time.monotonic()
        try:
            while job := self._jobs.get():
                if time.monotonic() - used_at > _IDLE_S:
                    connection.close_if_unusable_or_obsolete()
                batch = _Batch()
                ends = self._gather(batch, job)
                has_turn = self._turn.acquire(timeout=PATIENCE_S)
                try:
                    ends = ends or self._gather(batch)
                    batch.store()
                finally:
                    if has_turn:
                        self._turn.release()
                batch.tell()
                used_at = time.monotonic()
                if ends:
                    return
        finally:
            connection.close()

    def _gather(self, batch: "_Batch", job: _Job | None = None) -> bool:
        """Prepare everything that waits now; whether this is the end."""
        if job is not None:
            batch.add(job)
        while len(batch.jobs) < self._most:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return False
            if job is None:
                return True
            batch.add(job)
        return False


class _Batch:
    """Jobs and what they were told; those that were prepared wait to be stored."""

    def __init__(self) -> None:
        self.jobs: list[_Job] = []
        self.told: dict[int, Told] = {}
        self.ready: dict[int, Prepared] = {}

    def add(self, job: _Job) -> None:
        number = len(self.jobs)
        self.jobs.append(job)
        try:
            job.prepared = self.ready[number] = job.prepared or prepare(job.make())
        except Exception as no:
            self.told[number] = no
            if is_away(no):
                connection.close()

    def store(self) -> None:
        self.told.update(zip(self.ready, _stored(list(self.ready.values())), strict=True))

    def tell(self) -> None:
        """One step over to the event loop for all of them."""
        loop = self.jobs[0].future.get_loop()
        try:
            loop.call_soon_threadsafe(_settle, [(job.future, self.told[number]) for number, job in enumerate(self.jobs)])
        except RuntimeError:
            pass  # the loop has ended: nobody listens any more


def _stored(group: list[Prepared]) -> list[Told]:
    """Together; one by one where the database refused the whole for what one of them holds."""
    if not group:
        return []
    try:
        return list(stored(group, waits=False))
    except NotCertain as no:
        if not connection.is_usable():
            connection.close()
        return [no] * len(group)
    except Exception as error:
        if len(group) == 1 or not _has_rolled_back():
            if is_away(error):
                log.info("a group of messages waits for the database", messages=len(group), error=short(error))
            else:
                log.error("a group of messages could not be stored", messages=len(group), exc_info=error)
            connection.close()
            return [error] * len(group)
    return [each for one in group for each in _stored([one])]


def _may_be_repeated(error: BaseException, job: _Job) -> bool:
    """What was certainly not stored; what may have been, only under its key, which tells."""
    if isinstance(error, NotCertain):
        return job.prepared is not None and job.prepared.request.token is not None
    return is_away(error)


def _has_rolled_back() -> bool:
    """Whether the server said so: then nothing is stored. A connection that broke may have committed."""
    raw = connection.connection
    return raw is not None and not raw.closed and not raw.broken and connection.is_usable()


def _settle(pairs: Sequence[tuple[asyncio.Future[Told], Told]]) -> None:
    for future, outcome in pairs:
        if not future.done():  # its client may be gone
            future.set_result(outcome)
