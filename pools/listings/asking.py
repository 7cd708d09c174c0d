"""The thread that asks: DNS takes seconds when it is ill, and the steward's other rounds must not wait for it.

Owns: one short-lived thread a batch and the pace that all batches share. Promises: no database in it; each job ends with a result or the error that
ended it, in the queue; bounded in questions a second, in questions at once and in time. A steward that goes leaves nothing behind: the thread is a daemon.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue

from mailplatform.shell.ask import Answer, Asker
from pools.listings.addresses import Address, Named, look_at_names
from pools.listings.look import Look, look
from pools.listings.zones import ZoneFacts

CHUNK = 100
AT_ONCE = 10
TIMEOUT_S, LIFETIME_S = 1.5, 3.0
LONGEST_S = 120.0
NAMES = "names"  # the key of the job about names


@dataclass(frozen=True, slots=True)
class Job:
    """Subjects to ask one list about, or (no list) IPs whose names to ask for."""

    key: str
    began: datetime
    zone: ZoneFacts | None = None
    subjects: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A part of a job; `last`: it is done. Exactly one of look, names and error is there."""

    job: Job
    last: bool
    look: Look | None = None
    names: tuple[Named, ...] | None = None
    error: BaseException | None = None
    questions: int = 0


class Pace:
    """So many questions a second, whichever thread asks."""

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s
        self._next_s = 0.0
        self._lock = threading.Lock()

    async def turn(self) -> None:
        with self._lock:
            at = max(self._next_s, time.monotonic())
            self._next_s = at + 1 / self.per_s
        if (wait_s := at - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)


class _Paced:
    """An asker that takes its turn and counts."""

    def __init__(self, server: str, pace: Pace, most: int) -> None:
        self._ask = Asker(server, timeout_s=TIMEOUT_S, lifetime_s=LIFETIME_S, questions=most, seconds=LONGEST_S, at_once=AT_ONCE)
        self._pace = pace

    async def __call__(self, name: str, kind: str) -> Answer:
        await self._pace.turn()
        return await self._ask(name, kind)

    @property
    def questions(self) -> int:
        return self._ask.questions


def start(jobs: Sequence[Job], server: str, pace: Pace, results: "SimpleQueue[Result]") -> threading.Thread:
    thread = threading.Thread(target=lambda: asyncio.run(_all(jobs, server, pace, results)), name="listings", daemon=True)
    thread.start()
    return thread


async def _all(jobs: Sequence[Job], server: str, pace: Pace, results: "SimpleQueue[Result]") -> None:
    await asyncio.gather(*(_one(job, server, pace, results) for job in jobs))


async def _one(job: Job, server: str, pace: Pace, results: "SimpleQueue[Result]") -> None:
    try:
        parts = _chunks(job) or [job]
        for number, part in enumerate(parts, start=1):
            results.put(await _part(part, server, pace, number == len(parts)))
    except Exception as error:  # a surprise is the round's to tell, and this list's alone
        results.put(Result(job, True, error=error))


def _chunks(job: Job) -> list[Job]:
    """Parts small enough that test points are never old when an answer is believed."""
    if job.zone is not None:
        return [Job(job.key, job.began, job.zone, job.subjects[at : at + CHUNK]) for at in range(0, len(job.subjects), CHUNK)]
    return [Job(job.key, job.began, addresses=job.addresses[at : at + CHUNK]) for at in range(0, len(job.addresses), CHUNK)]


async def _part(job: Job, server: str, pace: Pace, last: bool) -> Result:
    if job.zone is None:
        ask = _Paced(server, pace, 12 * CHUNK)
        return Result(job, last, names=await look_at_names(job.addresses, ask), questions=ask.questions)
    ask = _Paced(server, pace, 2 * CHUNK + 10)
    return Result(job, last, look=await look(job.zone, job.subjects, ask), questions=ask.questions)
