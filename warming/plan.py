"""Plan: one plan at one provider, as the controller reads it: a curve of caps with an end, and the gates. Pure.

Promises: caps grow with the day and never pass the last day's; `day_of` and `cap_at` are each other's inverse but for whole messages. A plan with figures
that fall or are empty is not runnable: `problems` (plan_check.py) says so before it gets here.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Any, Protocol

from warming.gates import DEFAULT, Gate, Gates, Limits, Trouble


class PlanRow(Protocol):
    @property
    def daily(self) -> Sequence[int]: ...
    @property
    def facts(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """A path's `caps` on the plan's `days` (0: the first), with the provider's factor in them; both grow. A level of several days is one point."""

    days: tuple[float, ...]
    caps: tuple[float, ...]
    hour_share: float = 0.2
    gates: Gates = field(default=DEFAULT)

    @property
    def ceiling(self) -> int:
        return max(1, round(self.caps[-1]))

    @property
    def first(self) -> int:
        return max(1, round(self.caps[0]))

    @property
    def least(self) -> int:
        """Trouble takes no cap below half of the first day's: something must go for it to recover."""
        return max(1, self.first // 2)

    def cap_at(self, day: float) -> int:
        """A day's cap at this place of the curve, in proportion between two points."""
        if len(self.caps) == 1 or day >= self.days[-1]:
            return self.ceiling
        n = min(len(self.days) - 2, max(0, bisect_right(self.days, day) - 1))
        part = (day - self.days[n]) / (self.days[n + 1] - self.days[n])
        return max(1, round(self.caps[n] * (self.caps[n + 1] / self.caps[n]) ** part))

    def day_of(self, cap: float) -> float:
        """Where on the curve this cap stands; below the first day's it is negative."""
        if len(self.caps) == 1:
            return 0.0
        n = min(len(self.caps) - 2, max(0, bisect_right(self.caps, cap) - 1))
        part = log(max(1.0, cap) / self.caps[n]) / log(self.caps[n + 1] / self.caps[n])
        return self.days[n] + part * (self.days[n + 1] - self.days[n])

    def hour_of(self, cap: int) -> int:
        return max(1, min(cap, round(self.hour_share * cap)))


def plan_of(row: PlanRow, provider_key: str) -> Plan:
    """A row of warm-up plans at this provider."""
    factors = row.facts.get("provider_factor", {})
    factor = float(factors.get(provider_key, factors.get("default", 1.0)))
    points = [(float(day), factor * cap) for day, cap in enumerate(row.daily) if day == 0 or cap > row.daily[day - 1]]
    days, caps = zip(*points, strict=True)
    return Plan(days, caps, float(row.facts.get("hourly_cap_fraction", 0.2)), gates_of(row.facts.get("gates", {})))


def gates_of(facts: Mapping[str, Any]) -> Gates:
    """`{"hold": {"deferred": 0.1}, …}`: other shares than the default's; floors stay."""
    return Gates(*(_limits(getattr(DEFAULT, name), facts.get(name, {})) for name in ("hold", "back", "pause")))


def _limits(default: Limits, shares: Mapping[str, float]) -> Limits:
    return {what: Gate(float(shares.get(what.value, gate.share)), gate.floor, gate.least, gate.slow) for what, gate in default.items()}


__all__ = ["Plan", "PlanRow", "Trouble", "gates_of", "plan_of"]
