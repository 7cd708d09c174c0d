"""Probation: how a path stands, and what a step of its way back has shown. Pure values.

Step 0 is the probe (a trickle of real mail), then the policy's steps; arriving at 100 %, or past the last, is being open again. A step counts its own
answers: nothing of before decides it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any

from pools.reputation.evidence import Counts
from pools.reputation.thresholds import Policy

DAY = timedelta(hours=24)
FEW = 4.0  # refusals before a step can have failed; clean answers that are enough once patience is over
REMEMBERED = 8.0  # times the step's floor: older answers of a step count half


class State(StrEnum):
    """As pools.models.Path.State has them; PAUSED is an operator's, and nothing is decided about it."""

    OPEN = "open"
    QUARANTINED = "quarantined"
    PROBATION = "probation"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a decision about a path must remember. `entries`: when it entered quarantine, in the last 24 hours, oldest first."""

    state: State = State.OPEN
    step: int = 0
    since: datetime | None = None
    until: datetime | None = None
    entries: tuple[datetime, ...] = ()
    relapses: int = 0  # entries since it was last open for long
    usual_per_hour: float = 0.0  # what it sent when it left
    answers: float = 0.0  # of this step
    refused: float = 0.0
    by_rule: bool = False  # a rule had shut it, and one tenant's campaigns were enough: they are on its way back, too

    def memory(self) -> dict[str, Any]:
        """What of it has no column of its own."""
        rounded = {name: round(getattr(self, name), 3) for name in ("usual_per_hour", "answers", "refused")}
        return {"relapses": self.relapses, **rounded} | ({"by_rule": True} if self.by_rule else {})


ALWAYS_OPEN = Standing()


def standing_of(
    state: str, step: int, since: datetime | None, until: datetime | None, entries: tuple[datetime, ...], memory: Mapping[str, Any]
) -> Standing:  # fmt: skip
    """From a row; total as to the memory."""
    number = {name: float(memory.get(name) or 0) for name in ("relapses", "usual_per_hour", "answers", "refused")}
    return Standing(
        State(state), step, since, until, entries, int(number["relapses"]), number["usual_per_hour"], number["answers"], number["refused"],
        memory.get("by_rule") is True,
    )  # fmt: skip


def heard(standing: Standing, counts: Counts, policy: Policy) -> Standing:
    """A path on probation had so many answers; elsewhere nothing is counted."""
    if standing.state is not State.PROBATION or counts.attempted <= 0:
        return standing
    answers, refused = standing.answers + float(counts.attempted), standing.refused + float(counts.blocked + counts.deferred_reputation)
    if answers > REMEMBERED * policy.step_floor:
        answers, refused = answers / 2, refused / 2
    return replace(standing, answers=answers, refused=refused)


def beyond(standing: Standing, others_refused: float) -> float:
    """The share of a step's answers that refused our address, beyond what other IPs hear."""
    share = standing.refused / max(standing.answers, standing.refused, 1.0)
    return max(0.0, share - others_refused) / (1.05 - others_refused)


def share_of(standing: Standing, policy: Policy) -> int:
    """Percent of connections and rates. The probe has the first step's, and its cap."""
    if standing.state is State.OPEN:
        return 100
    if standing.state is State.QUARANTINED:
        return 0
    return policy.steps[min(max(standing.step - 1, 0), len(policy.steps) - 1)]


def per_hour_of(standing: Standing, policy: Policy) -> int | None:
    """The cap: a trickle, later a part of what it used to send (twice that: it may be asked to carry more than before)."""
    if standing.state is not State.PROBATION:
        return None
    if standing.step == 0:
        return policy.trickle_per_hour
    return max(policy.trickle_per_hour, ceil(2 * standing.usual_per_hour * share_of(standing, policy) / 100))


def is_last(step: int, policy: Policy) -> bool:
    """Whether arriving there is being open."""
    return step > len(policy.steps) or policy.steps[step - 1] >= 100


def stay_until(entries: tuple[datetime, ...], relapses: int, policy: Policy, now: datetime, least_s: float = 0.0) -> datetime:
    """The end of the minimum stay: doubled by each relapse; and so long that the next entry is none too many in any 24 hours."""
    stay_s = max(min(policy.stay_s * 2.0 ** min(relapses, 30), policy.stay_most_s), least_s)
    until = now + timedelta(seconds=stay_s)
    allowed = policy.entries_per_day
    return max(until, entries[-allowed] + DAY) if len(entries) >= allowed else until
