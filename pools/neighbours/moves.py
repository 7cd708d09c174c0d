"""Moves: on which grade of shared pool a stream belongs: `new`, `good` or `poor`. Pure.

Promises: only streams on shared pools that have a grade move, only to shared pools that have one and have sending IPs, and none sooner than the minimum
stay after its last move (or after somebody declined one). Dedicated and hybrid pools are nobody's business here. What is queued keeps its pool.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pools.neighbours.models import Level


@dataclass(frozen=True, slots=True)
class GradedPool:
    """A shared pool with a grade. `purposes`: how many streams of each it serves."""

    id: int
    name: str
    grade: str
    ips: int
    purposes: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Settler:
    """A stream on such a pool, and what is known of its tenant. `good_days`: in good standing so long, without a break; None: it is not."""

    stream_id: int
    stream: str
    tenant_id: int
    tenant: str
    purpose: int
    pool_id: int
    grade: str
    level: str
    age_days: float
    good_days: float | None
    capped: bool
    rested_days: float | None  # since its last move; None: it never moved


@dataclass(frozen=True, slots=True)
class Stay:
    """The policy, as far as moves go."""

    move_stay_days: float
    good_after_days: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stream that would move, where to and why."""

    settler: Settler
    to: GradedPool
    sentence: str


def grade_of(one: Settler, stay: Stay) -> tuple[str, str]:
    """(the grade that it deserves, why); its own where nothing speaks for another."""
    if one.level in (Level.SLOWED, Level.HELD):
        return "poor", f"{one.tenant} is {one.level}"
    seasoned = one.age_days >= stay.good_after_days and one.good_days is not None and one.good_days >= stay.good_after_days
    if seasoned and not one.capped:
        return "good", f"{one.tenant} has been in good standing for {one.good_days:.0f} days"
    if one.age_days < stay.good_after_days and one.grade == "good" and one.rested_days is None:
        return "new", f"{one.tenant} is here for {one.age_days:.0f} days only"
    return one.grade, ""


def plan(settlers: Sequence[Settler], pools: Sequence[GradedPool], stay: Stay) -> list[Wanted]:
    """Who would move, by tenant."""
    found = []
    for one in settlers:
        grade, why = grade_of(one, stay)
        if grade == one.grade or (one.rested_days is not None and one.rested_days < stay.move_stay_days):
            continue
        if to := _pool_for(one, grade, pools):
            found.append(Wanted(one, to, f"{why}: its stream {one.stream} belongs on a pool for {grade} tenants."))
    return sorted(found, key=lambda each: (each.settler.tenant, each.settler.stream))


def _pool_for(one: Settler, grade: str, pools: Sequence[GradedPool]) -> GradedPool | None:
    """The one that serves this purpose already, then the least crowded."""
    open_ = [pool for pool in pools if pool.grade == grade and pool.ips and pool.id != one.pool_id]
    return min(open_, key=lambda pool: (not pool.purposes.get(one.purpose), sum(pool.purposes.values()), pool.name), default=None)
