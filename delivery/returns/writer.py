"""Writer: what came in, in groups of one transaction each: a session's 250 waits for the COMMIT of its group.

Promises: nothing is answered 250 before it is stored; a COMMIT whose answer never came is answered 451, and the sender's next try changes nothing that
is there already. What cannot be decided yet (its delivery is being recorded just now) waits a moment, then is asked to come again. One message that
nobody can store holds up no other: a group that fails goes one by one. While the database is away everybody waits, a while, then hears 451. Reading
happens in the writer's thread: the loop only moves bytes. Never: decides what a message means.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from psycopg import Connection, Error
from psycopg.errors import DeadlockDetected, SerializationFailure

from delivery.classify.rulebook import RuleBook
from delivery.returns import effects
from delivery.returns.arrived import Arrived, Decided, Read
from delivery.returns.finding import Counted, Finding, Kind
from delivery.returns.read import read
from delivery.returns.rules import Rules
from delivery.returns.tokens import Keys, token_of
from mailplatform.shell.clock import now
from mailplatform.shell.database.away import is_away
from mailplatform.shell.database.connect import connect
from mailplatform.shell.errors import short

log = structlog.get_logger(__name__)

GROUP, MOST_WAITING = 100, 1_000
PATIENCE_S, AGAIN_S = 3.0, 0.2  # for a delivery that is being recorded
BACK_OFF_S = 0.3
COUNT_EVERY_S = 0.5
TRIES = 3  # of a transaction that met another in a circle
OPTIONS = "-c statement_timeout=15000 -c jit=off"
TAKEN = "250 2.0.0 OK"
LATER = "451 4.3.0 Not now; come back later"
FULL = "452 4.3.1 Too much at once; come back later"


@dataclass(slots=True, eq=False)
class _Waiting:
    arrived: Arrived
    answer: "asyncio.Future[str]"
    until_s: float
    away_until_s: float
    read: Read | None = None


@dataclass(slots=True)
class Told:
    """What this process has done since it began; for its log and for tests."""

    taken: int = 0
    waited: int = 0
    whats: Counter[Counted] = field(default_factory=Counter)


class Writer:
    def __init__(self, database_url: str, keys: Keys, believed_for: timedelta, away_for_s: float = 0.0) -> None:
        self._url, self._keys, self._believed_for, self._away_for_s = database_url, keys, believed_for, away_for_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="returns")
        self._connection: Connection | None = None
        self._rules = Rules()
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(MOST_WAITING)
        self._counts: Counter[Counted] = Counter()
        self.told = Told()

    async def take(self, arrived: Arrived) -> str:
        """The reply for its sender, once that is certain."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(arrived, loop.create_future(), loop.time() + PATIENCE_S, loop.time() + self._away_for_s)
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            return FULL
        return await waiting.answer

    def count(self, what: Counted) -> None:
        """Something that was refused at the door; stored with the next group, or soon."""
        self._counts[what] += 1

    async def run(self, ending: asyncio.Event) -> None:
        """Until `ending` is set and nothing waits."""
        while not (ending.is_set() and self._queue.empty()):
            group = await self._group(ending)
            if group or self._counts:
                await self._write(group)
        self._thread.submit(self._drop)
        self._thread.shutdown(wait=True)

    async def _group(self, ending: asyncio.Event) -> list[_Waiting]:
        """All that wait; when nothing does, what comes first within a moment."""
        group: list[_Waiting] = []
        with contextlib.suppress(TimeoutError):
            group.append(await asyncio.wait_for(self._queue.get(), 0.05 if ending.is_set() else COUNT_EVERY_S))
        while group and len(group) < GROUP and not self._queue.empty():
            group.append(self._queue.get_nowait())
        return group

    async def _write(self, group: list[_Waiting]) -> None:
        counts, self._counts = self._counts, Counter()
        loop = asyncio.get_running_loop()
        try:
            decided = await loop.run_in_executor(self._thread, self._store, group, counts)
        except Exception as error:
            if is_away(error):
                log.warning("the database is away; what comes back waits for it", waiting=len(group), error=short(error))
                self._counts.update(counts)
                await self._wait_for_the_database(group)
                return
            if len(group) > 1:
                self._counts.update(counts)
                for one in group:
                    await self._write([one])
                return
            log.error("what came back could not be stored", exc_info=error)
            for one in group:
                _answer(one, LATER)
        else:
            self._conclude(group, decided)

    async def _wait_for_the_database(self, group: Sequence[_Waiting]) -> None:
        """Stored already or not, once more changes nothing. Who has waited long enough comes again by itself."""
        now_s = asyncio.get_running_loop().time()
        for one in group:
            if now_s < one.away_until_s:
                self._again(one)
            else:
                _answer(one, LATER)
        await asyncio.sleep(BACK_OFF_S)

    def _conclude(self, group: Sequence[_Waiting], decided: Sequence[Decided]) -> None:
        loop = asyncio.get_running_loop()
        for one, what in zip(group, decided, strict=True):
            if not what.later:
                self.told.taken += 1
                self.told.whats[what.what] += 1
                _answer(one, TAKEN)
            elif loop.time() < one.until_s:
                self.told.waited += 1
                loop.call_later(AGAIN_S, self._again, one)
            else:
                _answer(one, LATER)

    def _again(self, one: _Waiting) -> None:
        try:
            self._queue.put_nowait(one)
        except asyncio.QueueFull:
            _answer(one, FULL)

    # -- in the thread ------------------------------------------------------------------------------------------------

    def _store(self, group: Sequence[_Waiting], counts: Counter[Counted]) -> list[Decided]:
        connection = self._connected()
        try:
            rulebook = self._rules.of(connection)
            for one in group:
                one.read = one.read or self._read(one.arrived)
            for left in reversed(range(TRIES)):
                try:
                    return self._committed(connection, group, counts, rulebook)
                except (DeadlockDetected, SerializationFailure):
                    if not left:
                        raise
            raise AssertionError("the last try returns or raises")
        except Error:
            self._drop()
            raise

    def _committed(self, connection: Connection, group: Sequence[_Waiting], counts: Counter[Counted], rulebook: RuleBook) -> list[Decided]:
        with connection.transaction(), connection.cursor() as cursor:
            decided = self._applied(cursor, group, rulebook)
            effects.count(cursor, counts + Counter(one.what for one in decided if not one.later), now())
        return decided

    def _applied(self, cursor: effects.Cursor, group: Sequence[_Waiting], rulebook: RuleBook) -> list[Decided]:
        at = now()
        reads = [one.read for one in group if one.read is not None and not one.arrived.unsubscribe]
        decided = iter(effects.apply(cursor, reads, rulebook, at, self._believed_for))
        return [Decided(effects.leave(cursor, one.arrived.unsubscribe, at)) if one.arrived.unsubscribe else next(decided) for one in group]

    def _read(self, arrived: Arrived) -> Read:
        finding = Finding(Kind.UNKNOWN, "") if arrived.unsubscribe else read(arrived.raw, self._keys.domain)
        return Read(arrived, finding, token_of(arrived.recipient, finding, self._keys))

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, OPTIONS)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _answer(one: _Waiting, reply: str) -> None:
    if not one.answer.done():
        one.answer.set_result(reply)
