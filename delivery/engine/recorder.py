"""Recorder: settled deliveries go to the database in batches.

After a rest a single message waits for nobody; under load batches begin REST_S apart, so that they grow with it (M: at 800 messages/s a batch of
eight cost a message 0.3 ms of PostgreSQL, one of thirty 0.1). What goes along another path is never kept waiting. When the database is away the
batch is kept and tried again: the journal has it already, and recording twice changes nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from psycopg import Connection, Error
from psycopg.errors import UniqueViolation

from delivery.engine.waiting import wait_for
from delivery.queue.record import advance_virtual_time, record
from delivery.queue.record_new import NotNew, record_new
from delivery.queue.settled import Settled
from delivery.queue.wake import Lane, notify

BATCH = 500
REST_S = 0.08
log = structlog.get_logger(__name__)

Lanes = frozenset[Lane]


class Recorder:
    """`add` never waits; `run` is the engine's loop; `flushed` waits until nothing is left."""

    def __init__(self, engine_id: int, in_database: Callable[..., Awaitable[Lanes]], on_recorded: Callable[[list[Settled]], None]) -> None:
        self._engine_id = engine_id
        self._in_database = in_database
        self._on_recorded = on_recorded
        self._pending: list[Settled] = []
        self._tags: dict[Lane, float] = {}
        self._news, self._urgent = asyncio.Event(), asyncio.Event()
        self._rested_at = 0.0
        self._busy = self._ending = False

    def add(self, settled: Settled) -> None:
        self._pending.append(settled)
        self._news.set()
        if settled.reroute or len(self._pending) >= BATCH or self._ending:
            self._urgent.set()

    def claimed(self, key: Lane, tag: float) -> None:
        """A lane's virtual time, (pool, provider, purpose), as far as claimed."""
        self._tags[key] = max(tag, self._tags.get(key, 0.0))
        self._news.set()

    async def run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._pending or self._tags:
                await self._rest()
                await self._one_batch()

    async def _rest(self) -> None:
        """Until it is time for another batch, or something cannot wait."""
        rest_s = self._rested_at - time.monotonic()
        if rest_s > 0 and not self._ending:
            await wait_for(self._urgent, rest_s)
        self._urgent.clear()
        self._rested_at = time.monotonic() + REST_S

    async def flushed(self) -> None:
        self._ending = True
        self._urgent.set()
        while self._pending or self._busy:  # noqa: ASYNC110  only at an engine's end, where a few milliseconds do not matter
            await asyncio.sleep(0.01)

    async def _one_batch(self) -> None:
        batch, self._pending = self._pending[:BATCH], self._pending[BATCH:]
        tags, self._tags = self._tags, {}
        self._busy = True
        try:
            await self._in_database(store, self._engine_id, batch, tags)
        except Error as error:
            log.warning("record_failed", error=str(error), waiting=len(batch))
            self._pending = batch + self._pending
            await asyncio.sleep(0.1)
        else:
            self._on_recorded(batch)
        finally:
            self._busy = False


def store(connection: Connection, engine_id: int, batch: list[Settled], tags: dict[Lane, float]) -> Lanes:
    """One transaction; then wake whoever can take what was rerouted. A batch of which something is known already is recorded with care."""
    try:
        lanes = _store(connection, engine_id, batch, tags, record_new)
    except (NotNew, UniqueViolation):
        lanes = _store(connection, engine_id, batch, tags, record)
    if lanes:
        notify(connection, lanes)
    return lanes


def _store(connection: Connection, engine_id: int, batch: list[Settled], tags: dict[Lane, float], how: Callable[..., Lanes]) -> Lanes:
    with connection.transaction(), connection.cursor() as cursor:
        (now,) = cursor.execute("SELECT platform_now()").fetchone() or (None,)
        lanes = how(cursor, engine_id, batch, now) if batch else frozenset()
        if tags:
            advance_virtual_time(cursor, tags)
    return lanes
