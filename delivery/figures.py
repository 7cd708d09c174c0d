"""Figures of the queue for the console: what waits, where and why.

Never counts a big table: every count stops at a limit and says so (10,000+), lanes come from a skip scan of the lane index, and estimates
from the last minutes' throughput.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from delivery.models import WaitingFor
from pools.models import Pool, Provider
from pools.purposes import Purpose

COUNT_LIMIT = 10_000
LANES_SHOWN = 60
# A skip scan over ready_of_lane (pool, provider, purpose, tag): one probe a lane and purpose, however many rows stand in it.
_LANES = """
    WITH RECURSIVE lane AS (
        (SELECT pool_id, provider_id, purpose FROM delivery_ready ORDER BY pool_id, provider_id, purpose LIMIT 1)
        UNION ALL
        SELECT next.* FROM lane CROSS JOIN LATERAL (
            SELECT r.pool_id, r.provider_id, r.purpose FROM delivery_ready r
             WHERE (r.pool_id, r.provider_id, r.purpose) > (lane.pool_id, lane.provider_id, lane.purpose)
             ORDER BY r.pool_id, r.provider_id, r.purpose LIMIT 1) next)
    SELECT l.pool_id, l.provider_id, l.purpose, c.waiting, c.oldest
      FROM (SELECT * FROM lane LIMIT %(lanes)s) l
      CROSS JOIN LATERAL (
           SELECT count(*) AS waiting, min(ready_at) AS oldest FROM (
               SELECT ready_at FROM delivery_ready r
                WHERE r.pool_id = l.pool_id AND r.provider_id = l.provider_id AND r.purpose = l.purpose ORDER BY r.tag LIMIT %(limit)s) few) c
     ORDER BY l.purpose, c.waiting DESC
"""
_RATES = """
    SELECT pool_id, provider_id, purpose, sum(delivered + bounced + bounced_other) / %(minutes)s / 60.0
      FROM pools_streamminute
     WHERE minute >= platform_now() - %(minutes)s * interval '1 min' GROUP BY pool_id, provider_id, purpose
"""
_WAITING = """
    SELECT why, count(*), min(due_at) FROM (
        SELECT why, due_at FROM (VALUES ('sorting'), ('retry'), ('schedule'), ('hold'), ('quota'), ('lane')) w(reason)
         CROSS JOIN LATERAL (SELECT why, due_at FROM delivery_waiting d WHERE d.why = w.reason LIMIT %(limit)s) few) bounded
     GROUP BY why
"""
_CLAIMED = "SELECT count(*), min(claimed_at) FROM (SELECT claimed_at FROM delivery_claimed LIMIT %(limit)s) few"
RATE_OVER_MINUTES = 5
WAITS_FOR = {
    WaitingFor.SORTING: ("to be sorted", "The provider of its domain is being looked up.", "working"),
    WaitingFor.RETRY: ("for its next try", "A provider deferred it, or its domain could not be looked up.", "limited"),
    WaitingFor.SCHEDULE: ("for its time", "The tenant gave a time to send it at.", "working"),
    WaitingFor.HOLD: ("for a person", "Somebody must decide; the message page says what.", "held"),
    WaitingFor.QUOTA: ("for allowance", "Every path there has used what it may send for now.", "limited"),
    WaitingFor.LANE: ("for its lane to open", "The pool or the provider is closed.", "paused"),
}


@dataclass(frozen=True, slots=True)
class LaneRow:
    """What can be claimed now, of one pool, provider and purpose."""

    pool: str
    provider: str
    provider_id: int
    purpose: str
    waiting: int
    oldest: datetime | None
    per_second: float

    @property
    def seconds_left(self) -> float | None:
        """How long it takes at the pace of the last minutes; None when nothing moved."""
        return self.waiting / self.per_second if self.per_second else None


@dataclass(frozen=True, slots=True)
class WaitingRow:
    why: str
    words: str
    explanation: str
    look: str
    count: int
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class QueueFigures:
    lanes: tuple[LaneRow, ...]
    waiting: tuple[WaitingRow, ...]
    claimed: int
    oldest_claim: datetime | None

    @property
    def ready(self) -> int:
        return sum(lane.waiting for lane in self.lanes)

    @property
    def held(self) -> int:
        return next((row.count for row in self.waiting if row.why == WaitingFor.HOLD), 0)

    @property
    def oldest_transactional(self) -> datetime | None:
        return min((lane.oldest for lane in self.lanes if lane.purpose == Purpose.TRANSACTIONAL.label and lane.oldest), default=None)


def queue_figures() -> QueueFigures:
    """The whole queue on one page."""
    lanes = _rows(_LANES, {"limit": COUNT_LIMIT, "lanes": LANES_SHOWN})
    rates = {row[:3]: float(row[3]) for row in _rows(_RATES, {"minutes": RATE_OVER_MINUTES})}
    pools = dict(Pool.objects.filter(pk__in={row[0] for row in lanes}).values_list("id", "name"))
    providers = dict(Provider.objects.filter(pk__in={row[1] for row in lanes}).values_list("id", "name"))
    claimed, oldest_claim = _rows(_CLAIMED, {"limit": COUNT_LIMIT})[0]
    return QueueFigures(
        lanes=tuple(
            LaneRow(pools.get(pool, str(pool)), providers.get(provider, "unsorted"), provider, Purpose(purpose).label, waiting, oldest,
                    rates.get((pool, provider, purpose), 0.0))
            for pool, provider, purpose, waiting, oldest in lanes
        ),
        waiting=tuple(WaitingRow(why, *WAITS_FOR[WaitingFor(why)], count, due) for why, count, due in _rows(_WAITING, {"limit": COUNT_LIMIT})),
        claimed=claimed,
        oldest_claim=oldest_claim,
    )  # fmt: skip


def held_count() -> int:
    """How many deliveries wait for a person, to a limit; by the index (why, scope)."""
    return int(_rows("SELECT count(*) FROM (SELECT 1 FROM delivery_waiting WHERE why = 'hold' LIMIT %(limit)s) few", {"limit": 1_000})[0][0])


def _rows(sql: str, asked: dict[str, int]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return list(cursor.fetchall())
