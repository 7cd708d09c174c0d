"""Decide: who is to be told what of an incident at a moment. Pure.

At once and by steps while nobody has acknowledged; not while it is silenced, quiet, or part of another incident; who is not on call is told when their
hours begin, if it is still open then. Its end is told to those who were told of it, and that somebody has it to those of them that keep waking people.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.telling.message import Act


@dataclass(frozen=True, slots=True)
class Step:
    severity: int
    after_minutes: int
    channel_id: int


@dataclass(frozen=True, slots=True)
class Case:
    """An incident, as far as telling goes."""

    severity: int
    state: str  # open, acknowledged, resolved
    opened_at: datetime
    is_part: bool = False
    hushed: bool = False  # silenced, or in its rule's quiet hours
    told: frozenset[int] = frozenset()  # channels that have heard that it opened


@dataclass(frozen=True, slots=True)
class Wanted:
    act: Act
    channel_id: int
    after_minutes: int = 0


def wanted(
    case: Case, steps: Iterable[Step], on_call: Collection[int], tells_end: Collection[int], at: datetime, hear_who_has_it: Collection[int] = ()
) -> list[Wanted]:
    """In the steps' order, each channel at most once an act and time."""
    if case.state == "resolved":
        return [Wanted(Act.RESOLVED, channel) for channel in sorted(case.told) if channel in tells_end]
    if case.state == "acknowledged":
        return [Wanted(Act.ACKNOWLEDGED, channel) for channel in sorted(case.told) if channel in hear_who_has_it]
    if case.is_part or case.hushed or case.state != "open":
        return []
    due = [step for step in steps if step.severity <= case.severity and step.channel_id in on_call and _is_due(step, case, at)]
    found = [Wanted(Act.ESCALATED if step.after_minutes else Act.OPENED, step.channel_id, step.after_minutes) for step in due]
    return list(dict.fromkeys(sorted(found, key=lambda one: (one.after_minutes, one.channel_id))))


def _is_due(step: Step, case: Case, at: datetime) -> bool:
    return at >= case.opened_at + timedelta(minutes=step.after_minutes)
