"""Lanes for the console: which have mail that could go now, how long it has waited, what each waits for; the worst first.

Never counts a big table. A skip scan over ready_of_lane (pool, provider, purpose, tag) gives each lane's first delivery with one probe; only the lanes
that are shown are counted, each to a limit. The first by tag is the oldest but for turns between tenants: what is shown as oldest is of the next ones to go.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from delivery.waits import For, Wait, lane_words
from mailplatform.shell.clock import now
from mailplatform.shell.database.rows import select
from pools.models import Pool, Provider
from pools.purposes import Purpose
from pools.ways import Lane, ways_of

COUNT_LIMIT = 1_000
LANES_SCANNED = 4_000  # lanes by purpose; a probe takes some microseconds
LANES_SHOWN = 30
RATE_OVER_MINUTES = 5
PATIENCE_S = {Purpose.TRANSACTIONAL: 5.0, Purpose.NOTIFICATION: 60.0, Purpose.MARKETING: 900.0}  # older than this is worth a look
_HEADS = """
    WITH RECURSIVE lane AS (
        (SELECT pool_id, provider_id, purpose, ready_at FROM delivery_ready ORDER BY pool_id, provider_id, purpose, tag LIMIT 1)
        UNION ALL
        SELECT next.* FROM lane CROSS JOIN LATERAL (
            SELECT r.pool_id, r.provider_id, r.purpose, r.ready_at FROM delivery_ready r
             WHERE (r.pool_id, r.provider_id, r.purpose) > (lane.pool_id, lane.provider_id, lane.purpose)
             ORDER BY r.pool_id, r.provider_id, r.purpose, r.tag LIMIT 1) next)
    SELECT pool_id, provider_id, purpose, ready_at FROM lane LIMIT %(lanes)s
"""
_COUNTS = """
    SELECT l.pool_id, l.provider_id, l.purpose, c.waiting, c.oldest
      FROM unnest(%(pools)s::int8[], %(providers)s::int8[], %(purposes)s::int2[]) AS l(pool_id, provider_id, purpose)
     CROSS JOIN LATERAL (
           SELECT count(*) AS waiting, min(ready_at) AS oldest FROM (
               SELECT ready_at FROM delivery_ready r
                WHERE r.pool_id = l.pool_id AND r.provider_id = l.provider_id AND r.purpose = l.purpose ORDER BY r.tag LIMIT %(limit)s) few) c
"""
_RATES = """
    SELECT pool_id, provider_id, sum(delivered + bounced + bounced_other) / %(minutes)s / 60.0
      FROM pools_streamminute
     WHERE minute >= platform_now() - %(minutes)s * interval '1 min' AND pool_id = ANY (%(pools)s) GROUP BY pool_id, provider_id
"""


class Rank(IntEnum):
    """How bad it is, the worst first."""

    STUCK = 0  # nothing leaves until a person acts
    STOPPED = 1  # nothing leaves until a time, or until the provider answers
    SLOW = 2  # it moves, and its mail is older than it should be
    MOVING = 3


_BADGES = {Rank.STUCK: "stuck", Rank.SLOW: "slow", Rank.MOVING: "moving"}


@dataclass(frozen=True, slots=True)
class Part:
    """A lane's mail of one purpose, counted to a limit."""

    purpose: Purpose
    waiting: int
    oldest: datetime | None

    @property
    def label(self) -> str:
        return self.purpose.label


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One lane that has mail to send."""

    pool: str
    pool_id: int
    provider: str
    provider_id: int
    wait: Wait
    rank: Rank
    parts: tuple[Part, ...]
    per_second: float

    @property
    def badge(self) -> str:
        return _BADGES.get(self.rank) or str(self.wait.what)

    @property
    def waiting(self) -> int:
        return sum(part.waiting for part in self.parts)

    @property
    def bounded(self) -> bool:
        return any(part.waiting >= COUNT_LIMIT for part in self.parts)

    @property
    def oldest(self) -> datetime | None:
        return min((part.oldest for part in self.parts if part.oldest), default=None)

    @property
    def seconds_left(self) -> float | None:
        """How long it takes at the pace of the last minutes; None when nothing moved, or not all was counted."""
        return self.waiting / self.per_second if self.per_second and not self.bounded else None

    @property
    def may_lift(self) -> int:
        """How many of its paths have learned something that a person may lift."""
        return sum(way.may_lift for way in self.wait.ways)

    @property
    def needs_a_look(self) -> bool:
        return self.rank <= Rank.STOPPED


@dataclass(frozen=True, slots=True)
class Lanes:
    """The worst lanes; `more` that are not shown waited less."""

    rows: tuple[LaneRow, ...]
    more: int
    oldest_transactional: datetime | None

    @property
    def worst(self) -> tuple[LaneRow, ...]:
        return tuple(row for row in self.rows if row.needs_a_look)


def lanes_now() -> Lanes:
    """All lanes with mail that could go."""
    heads: dict[Lane, dict[Purpose, datetime]] = {}
    for pool, provider, purpose, ready_at in select(_HEADS, {"lanes": LANES_SCANNED}):
        heads.setdefault((pool, provider), {})[Purpose(purpose)] = ready_at
    at = now()
    worst = sorted(heads, key=lambda lane: -_impatience(heads[lane], at))[:LANES_SHOWN]
    transactional = [parts[Purpose.TRANSACTIONAL] for parts in heads.values() if Purpose.TRANSACTIONAL in parts]
    return Lanes(tuple(_lane_rows(worst, heads, at)), len(heads) - len(worst), min(transactional, default=None))


def _impatience(parts: dict[Purpose, datetime], at: datetime) -> float:
    """How many times longer than it should its oldest mail has waited."""
    return max((at - ready_at).total_seconds() / PATIENCE_S[purpose] for purpose, ready_at in parts.items())


def _lane_rows(lanes: Sequence[Lane], heads: dict[Lane, dict[Purpose, datetime]], at: datetime) -> list[LaneRow]:
    ways, counts = ways_of(lanes), _counts(lanes, heads)
    pools = dict(Pool.objects.filter(pk__in={pool for pool, _ in lanes}).values_list("id", "name"))
    providers = dict(Provider.objects.filter(pk__in={provider for _, provider in lanes}).values_list("id", "name"))
    rates = {row[:2]: float(row[2]) for row in select(_RATES, {"minutes": RATE_OVER_MINUTES, "pools": list(pools)})}
    rows = []
    for lane in lanes:
        provider = providers.get(lane[1], "a provider that is gone")
        wait, impatience = lane_words(ways[lane], provider, at), _impatience(heads[lane], at)
        row = LaneRow(pools.get(lane[0], "a pool that is gone"), lane[0], provider, lane[1], wait, _rank(wait, impatience), counts[lane], rates.get(lane, 0.0))
        rows.append((row.rank, -impatience, row))
    return [row for _, _, row in sorted(rows, key=lambda one: one[:2])]


def _rank(wait: Wait, impatience: float) -> Rank:
    if wait.what == For.PATH:
        return Rank.STUCK
    if wait.what in (For.SUSPENDED, For.UNREACHABLE):
        return Rank.STOPPED
    return Rank.SLOW if impatience > 1.0 else Rank.MOVING


def _counts(lanes: Sequence[Lane], heads: dict[Lane, dict[Purpose, datetime]]) -> dict[Lane, tuple[Part, ...]]:
    asked = [(*lane, purpose) for lane in lanes for purpose in heads[lane]]
    pools, providers, purposes = (list(column) for column in zip(*asked, strict=True)) if asked else ([], [], [])
    found: dict[Lane, list[Part]] = {lane: [] for lane in lanes}
    for pool, provider, purpose, waiting, oldest in select(_COUNTS, {"pools": pools, "providers": providers, "purposes": purposes, "limit": COUNT_LIMIT}):
        if waiting:
            found[pool, provider].append(Part(Purpose(purpose), waiting, oldest))
    return {lane: tuple(sorted(parts, key=lambda part: part.purpose)) for lane, parts in found.items()}
