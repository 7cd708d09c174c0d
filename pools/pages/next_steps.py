"""What happens next to a path that left: the probe, the steps of probation, the earliest return; in words, as the policy has it.

Promises: pure; says "at the earliest" of what evidence must still earn. Never: decides (pools.reputation.decide does).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mailplatform.shell.formats import about, duration, number, plural


@dataclass(frozen=True, slots=True)
class Course:
    """Where a path is on its way: `step` 0 is the probe, then the policy's steps from 1."""

    state: str
    step: int
    until: datetime | None
    covering: bool = False
    grace_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What of the policy a way back depends on."""

    mode: str
    leave_below: float
    return_at: float
    steps: Sequence[int]
    step_s: int
    step_floor: int
    trickle_per_hour: int


def earliest_return(course: Course, rules: Rules, at: datetime) -> datetime | None:
    """When it could be open again if everything it sends is taken; None: it is open."""
    if course.state not in ("quarantined", "probation"):
        return None
    begins = max(course.until or at, at)
    left = len(rules.steps) - (course.step if course.state == "probation" else 0)
    more = left - 1 if course.state == "probation" else left
    return begins + timedelta(seconds=rules.step_s * max(0, more))


def told(course: Course, rules: Rules, at: datetime) -> str:
    """What comes next, in a sentence or two; empty for a path that is open and always was."""
    if course.grace_until and course.grace_until > at:
        return f"A person cancelled what was done here: it is not done again before {about(course.grace_until, at)}."
    if course.covering:
        return "It should have left and stays at a reduced rate, because nothing else covers its pool there; it leaves as soon as something does."
    back = earliest_return(course, rules, at)
    if back is None:
        return ""
    if rules.mode != "automatic":
        return "The platform does nothing here by itself now: a person lets it return, or switches reputation to automatic."
    steps = ", ".join(f"{step}\u00a0%" for step in rules.steps[course.step if course.state == "probation" else 0 :])
    each = f"a step takes {duration(rules.step_s)}, {number(rules.step_floor)} answers and a score of {number(rules.return_at)} at least"
    if course.state == "quarantined":
        return f"The first probe goes {_at(course.until, at)}, at most {_trickle(rules)}; then {steps} of its rates ({each}). {_back(back, at)}"
    if course.step == 0:
        return f"It is probed now with at most {_trickle(rules)}; then {steps} of its rates ({each}). {_back(back, at)}"
    return f"The next step comes {_at(course.until, at)}: {steps} of its rates are left to go ({each}). {_back(back, at)}"


class IpRule(Protocol):
    """What of the policy speaks of whole IPs."""

    mode: str
    large_providers: int
    ip_within_s: int
    ip_stay_s: int


def whole_ip(rules: IpRule) -> str:
    """When an IP leaves at all providers, and comes back."""
    if rules.mode == "off":
        return "Reputation is off: no IP leaves by itself."
    does = "it leaves everywhere" if rules.mode == "automatic" else "it is proposed that it leaves everywhere"
    return (
        f"When a block list that counts has it, or {plural(rules.large_providers, 'large provider')} lost it within {duration(rules.ip_within_s)}, {does}, for"
        f" {duration(rules.ip_stay_s)} at least and as long as a list has it; then its paths come back by probation."
    )


def _at(until: datetime | None, at: datetime) -> str:
    return f"at {about(until, at)} at the earliest" if until and until > at else "as soon as there is mail for it"


def _trickle(rules: Rules) -> str:
    return f"{number(rules.trickle_per_hour)} an hour"


def _back(back: datetime, at: datetime) -> str:
    return f"It is open again at {about(back, at)} at the earliest."
