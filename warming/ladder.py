"""Ladder: a plan's stages at one provider, at some pace, as caps. Pure.

At pace 1 a stage is a day of the plan. At pace 2 each stage is two days further, at 0.5 half a day: the curve stays the plan's, and so does its top.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol


class PlanRow(Protocol):
    @property
    def daily(self) -> Sequence[int]: ...
    @property
    def facts(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Caps:
    per_day: int
    per_hour: int


def stages(plan: PlanRow, provider_key: str, pace: float = 1.0) -> list[Caps]:
    """Stage 1, 2, … there. The last one is the plan's last day, whatever the pace."""
    factors = plan.facts.get("provider_factor", {})
    factor = float(factors.get(provider_key, factors.get("default", 1.0)))
    share = float(plan.facts.get("hourly_cap_fraction", 0.2))
    last = len(plan.daily) - 1
    days = [_day(plan.daily, min(last, n * pace)) for n in range(ceil(last / pace) + 1)]
    caps = [max(1, round(factor * day)) for day in days]
    return [Caps(day, max(1, min(day, round(share * day)))) for day in caps]


def first_stage(plan: PlanRow, provider_key: str) -> Caps:
    return stages(plan, provider_key)[0]


def stage_of(steps: Sequence[Caps], per_day: int) -> int:
    """The highest stage that is not above this cap; 1 where all are."""
    return max([n for n, caps in enumerate(steps, 1) if caps.per_day <= per_day], default=1)


def _day(daily: Sequence[int], position: float) -> float:
    """Between two days of the plan in proportion, as the plan grows."""
    before, part = int(position), position - int(position)
    if part == 0:
        return float(daily[before])
    return float(daily[before]) * (daily[before + 1] / daily[before]) ** part
