"""Policy: what operators ask of tenants that share IPs. One row; a platform without it, before its first start, asks nothing.

`policy()` is at most CACHE_S old: submission asks for it. Promises: what is edited holds in every process within that time.
"""

import time
from datetime import timedelta

from pools.neighbours.models import Mode, NeighboursPolicy
from pools.neighbours.standing import Rules, Thresholds

CACHE_S = 2.0
_cache: list[tuple[float, NeighboursPolicy]] = []


def nothing_asked() -> NeighboursPolicy:
    return NeighboursPolicy(mode=Mode.OFF, moves=Mode.OFF, caps_newcomers=False, asks_alignment=False)


def policy_now() -> NeighboursPolicy:
    """As the table has it."""
    return NeighboursPolicy.objects.filter(pk=1).first() or nothing_asked()


def policy() -> NeighboursPolicy:
    """The same, at most CACHE_S old."""
    if _cache and time.monotonic() - _cache[0][0] < CACHE_S:
        return _cache[0][1]
    found = policy_now()
    _cache[:] = [(time.monotonic(), found)]
    return found


def forget_cached() -> None:
    """For tests, and for whoever just changed it in this process."""
    _cache.clear()


def install() -> None:
    """At a platform's start: the row is there, with what we recommend. An operator's changes stay."""
    NeighboursPolicy.objects.get_or_create(pk=1)


def rules_of(row: NeighboursPolicy) -> Rules:
    return Rules(
        bounces=Thresholds(row.bounce_warn / 100, row.bounce_slow / 100, row.bounce_hold / 100, row.bounce_floor),
        complaints=Thresholds(row.complaint_warn / 100, row.complaint_slow / 100, row.complaint_hold / 100, row.complaint_floor),
        suppressed=Thresholds(row.suppressed_warn / 100, None, None, row.bounce_floor),
        stay=timedelta(minutes=row.stay_minutes),
        expires=timedelta(hours=row.expires_hours),
    )
