"""Ladder: a plan's stages at one provider, as caps. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
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


def stages(plan: PlanRow, provider_key: str) -> list[Caps]:
    """Stage 1, 2, … of this plan there."""
    factors = plan.facts.get("provider_factor", {})
    factor = float(factors.get(provider_key, factors.get("default", 1.0)))
    share = float(plan.facts.get("hourly_cap_fraction", 0.2))
    days = [max(1, round(factor * day)) for day in plan.daily]
    return [Caps(day, max(1, min(day, round(share * day)))) for day in days]


def first_stage(plan: PlanRow, provider_key: str) -> Caps:
    return stages(plan, provider_key)[0]
