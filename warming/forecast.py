"""Forecast: what a plan would come to at some providers, for a volume of mail. Pure.

A stage advances when the day used nine tenths of its cap, as the controller does with clean evidence; a day without mail is not a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warming.judge import USED_SHARE
from warming.ladder import Caps, PlanRow, stages

MOST_DAYS = 120
# How the recipients of a European sender are spread, where a person does not know better.
SHARES = {"google": 40, "microsoft_consumer": 17, "microsoft_365": 13, "yahoo": 10, "apple": 8, "default": 12}


@dataclass(frozen=True, slots=True)
class Day:
    number: int
    stage: int
    cap: int
    wanted: int
    sent: int

    @property
    def elsewhere(self) -> int:
        return self.wanted - self.sent


@dataclass(frozen=True, slots=True)
class Outlook:
    """One provider's days; `full_on` is the first day on which all of the mail fits, None: not within the days looked at."""

    key: str
    days: tuple[Day, ...]
    full_on: int | None


def outlook(plan: PlanRow, pace: float, per_day: int, shares: Mapping[str, float], most_days: int = MOST_DAYS) -> list[Outlook]:
    """Each provider with its part of `per_day`."""
    whole = sum(shares.values()) or 1
    return [_one(key, stages(plan, key, pace), round(per_day * share / whole), most_days) for key, share in shares.items() if share > 0]


def _one(key: str, steps: Sequence[Caps], wanted: int, most_days: int) -> Outlook:
    days: list[Day] = []
    stage, full_on = 1, None
    for number in range(1, most_days + 1):
        if stage > len(steps):
            full_on = full_on or number
            break
        cap = steps[stage - 1].per_day
        days.append(Day(number, stage, cap, wanted, min(cap, wanted)))
        if full_on is None and wanted <= cap:
            full_on = number
        if full_on is not None and number >= full_on + 2:
            break
        stage += 1 if 0 < min(cap, wanted) >= USED_SHARE * cap else 0
    return Outlook(key, tuple(days), full_on)
