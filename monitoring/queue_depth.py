"""Queue depth, at a price that does not grow with the queue.

A queue table is counted up to a limit; beyond it the server's own estimate (kept by its statistics) is given, and said to be one.
"""

from dataclasses import dataclass
from datetime import datetime

from mailplatform.shell.database.rows import select

LIMIT = 10_000
_COUNT = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {limit}) bounded),
       greatest((SELECT n_live_tup FROM pg_stat_user_tables WHERE relid = '{table}'::regclass), 0)
"""
# One probe a lane through the index (pool, provider, purpose, tag); 256 lanes at most.
_OLDEST = """
SELECT min(head.ready_at) FROM (SELECT pool_id, provider_id FROM delivery_lane ORDER BY id LIMIT 256) lane
 CROSS JOIN LATERAL (SELECT ready_at FROM delivery_ready r
                      WHERE r.pool_id = lane.pool_id AND r.provider_id = lane.provider_id AND r.purpose = 0 ORDER BY tag LIMIT 1) head
"""
_BY_PURPOSE = "SELECT purpose, count(*) FROM (SELECT purpose FROM delivery_ready LIMIT %s) bounded GROUP BY purpose"
_WAITING = "SELECT why, count(*) FROM (SELECT why FROM delivery_waiting LIMIT %s) bounded GROUP BY why"


@dataclass(frozen=True, slots=True)
class Depth:
    """How many rows; `estimated` when they were not counted to the end."""

    rows: int
    estimated: bool = False

    def __str__(self) -> str:
        return f"about {self.rows:,}" if self.estimated else f"{self.rows:,}"


@dataclass(frozen=True, slots=True)
class Queue:
    ready: Depth
    waiting: Depth
    claimed: Depth
    ready_by_purpose: dict[int, int]
    waiting_by_why: dict[str, int]
    oldest_transactional_at: datetime | None

    @property
    def total(self) -> Depth:
        parts = (self.ready, self.waiting, self.claimed)
        return Depth(sum(part.rows for part in parts), any(part.estimated for part in parts))


def queue() -> Queue:
    """The queue now."""
    return Queue(
        ready=_depth("delivery_ready"),
        waiting=_depth("delivery_waiting"),
        claimed=_depth("delivery_claimed"),
        ready_by_purpose=dict(select(_BY_PURPOSE, [LIMIT])),
        waiting_by_why=waiting_by_why(),
        oldest_transactional_at=select(_OLDEST)[0][0],
    )


def waiting_by_why() -> dict[str, int]:
    return dict(select(_WAITING, [LIMIT]))


def _depth(table: str) -> Depth:
    counted, estimate = select(_COUNT.format(table=table, limit=LIMIT))[0]
    return Depth(max(counted, estimate), estimated=True) if counted >= LIMIT else Depth(counted)
