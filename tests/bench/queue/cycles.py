"""Cycles: how long the queue's own statements take on a queue of a given depth, without anything else of an engine.

A registered engine claims 200 deliveries over 100 lanes, records each as delivered, and claims again; the campaigns' other deliveries stay
where they are. Only `claim` is timed one by one; the cycle's throughput is of claim and record together, in one process.
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from delivery.engine.claimer import PLANNER
from delivery.queue.claim import Bid, Claim, claim
from delivery.queue.fence import evict, register, renew
from delivery.queue.record_new import record_new
from delivery.queue.settled import AttemptRow, Settled
from mailplatform.shell.ids import attempt_id

ROWS, LANES = 200, 100
NODE = "bench-1"
RENEW_S = 0.1


@dataclass(frozen=True, slots=True)
class Cycles:
    claim_ms: list[float]  # in order of length
    per_s: float

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.claim_ms)

    @property
    def p99_ms(self) -> float:
        return self.claim_ms[max(0, -(-len(self.claim_ms) * 99 // 100) - 1)]


def together(passes: Sequence[Cycles]) -> Cycles:
    """Percentiles of all claims, and the rate of all cycles."""
    took_s = sum(len(one.claim_ms) / one.per_s for one in passes)
    claim_ms = sorted(ms for one in passes for ms in one.claim_ms)
    return Cycles(claim_ms, len(claim_ms) / took_s)


def measure(url: str, pool_id: int, provider_ids: list[int], count: int) -> Cycles:
    """So many cycles on the queue as it is."""
    bids = [Bid(pool_id, provider, 2, 0, ROWS // LANES, (1,)) for provider in provider_ids[:LANES]]
    with _engine(url) as engine_id:
        return asyncio.run(_cycles(url, engine_id, bids, count))


async def _cycles(url: str, engine_id: int, bids: list[Bid], count: int) -> Cycles:
    took_ms, done, began = [], 0, time.monotonic()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, options=PLANNER) as claiming:
        with psycopg.connect(url, autocommit=True, options="-c jit=off") as recording:
            for number in range(count + 10):
                if number == 10:  # plans and caches are warm
                    took_ms, done, began = [], 0, time.monotonic()
                (now,) = recording.execute("SELECT platform_now()").fetchone() or (None,)
                at = time.perf_counter()
                claims = await claim(claiming, engine_id, bids, now)  # type: ignore[arg-type]
                took_ms.append((time.perf_counter() - at) * 1000)
                done += len(claims)
                with recording.transaction(), recording.cursor() as cursor:
                    record_new(cursor, engine_id, [_delivered(one, engine_id) for one in claims], now)  # type: ignore[arg-type]
    return Cycles(sorted(took_ms), done / (time.monotonic() - began))


def _delivered(one: Claim, engine_id: int) -> Settled:
    attempt = AttemptRow(
        attempt_id(one.id, one.tries + 1), engine_id, 1, one.pool_id, one.provider_id, one.ready_at, "delivered", "accepted", "none", "body",
        code=250, reply="250 2.0.0 Ok", mx_host="mx.bench.example", mx_address="127.0.0.1", timings={"body": 1}, why={"w": 1},
    )  # fmt: skip
    return Settled(attempt, one.tenant_id, one.stream_id, one.purpose, one.recipient, one.attempts + 1, final="delivered")


@contextmanager
def _engine(url: str) -> Iterator[int]:
    """An engine's row whose lease is renewed, on a node that no agent looks after."""
    stopped = threading.Event()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO pools_node (zone_id, name, state, engine_slots) SELECT min(id), %s, 'active', 1 FROM pools_zone ON CONFLICT DO NOTHING", [NODE]
        )
        number = register(connection, NODE, 0, 1)
        assert number is not None
        renewing = threading.Thread(target=_renew, args=(url, number, stopped.wait), daemon=True)
        renewing.start()
        try:
            yield number
        finally:
            stopped.set()
            renewing.join()
            evict(connection, number)
            connection.execute("DELETE FROM pools_node WHERE name = %s", [NODE])


def _renew(url: str, engine_id: int, stopped: Callable[[float], bool]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while not stopped(RENEW_S):
            renew(connection, engine_id)
