"""Forecast: what a plan would come to at some providers, for a volume of mail. Pure: the controller itself, day by day, with clean evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from warming.controller import LOOKS_A_DAY, Act, Pace, Stage, decide
from warming.gates import StageEvidence
from warming.plan import Plan, PlanRow, plan_of

MOST_DAYS = 90
LOOKS = LOOKS_A_DAY // 3
START = datetime(2000, 1, 1, tzinfo=UTC)  # any
# How the recipients of a European sender are spread, where a person does not know better.
SHARES = {"google": 40, "microsoft_consumer": 17, "microsoft_365": 13, "yahoo": 10, "apple": 8, "default": 12}


@dataclass(frozen=True, slots=True)
class Day:
    """`cap` at the day's end."""

    number: int
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


def outlook(plan: PlanRow, times: float, per_day: int, shares: Mapping[str, float], most_days: int = MOST_DAYS) -> list[Outlook]:
    """Each provider with its part of `per_day`."""
    whole = sum(shares.values()) or 1
    return [_one(key, plan_of(plan, key), Pace(times=times), round(per_day * share / whole), most_days) for key, share in shares.items() if share > 0]


def path_of(plan: Plan, pace: Pace, wanted: int, most_days: int, stage: Stage | None = None) -> list[Day]:
    """Caps and what was sent, day by day, from a stage or the plan's first; ends when it is finished."""
    stage, days = replace(stage or Stage(plan.first, START), since=START), []
    attempted, finished = 0.0, False
    for number in range(1, most_days + 1):
        sent = 0.0
        for look in range(LOOKS):
            part = min(wanted, stage.cap_per_day) / LOOKS if not finished else wanted / LOOKS
            sent, attempted = sent + part, attempted + part
            if finished:
                continue
            at = START + timedelta(days=number - 1 + (look + 1) / LOOKS)
            decision = decide(stage, StageEvidence(int(attempted), int(attempted)), plan, pace, at)
            stage, finished = decision.stage, decision.act is Act.FINISH
            attempted = 0.0 if decision.anew else attempted
        days.append(Day(number, stage.cap_per_day, wanted, min(wanted, round(sent))))
        if finished:
            break
    return days


def _one(key: str, plan: Plan, pace: Pace, wanted: int, most_days: int) -> Outlook:
    days = path_of(plan, pace, wanted, most_days)
    full_on = next((day.number for day in days if day.sent >= wanted), None)
    return Outlook(key, tuple(days[: (full_on or len(days)) + 2]), full_on)
