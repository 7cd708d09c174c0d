"""Hours: whether somebody is on call, or a rule is quiet, at a moment. Pure; all times are UTC. A span may go over midnight."""

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta


def within(at: datetime, start: time | None, end: time | None) -> bool:
    """Whether the moment is in the span; without ends it is in none."""
    if start is None or end is None:
        return False
    moment = at.astimezone(UTC).time()
    return start <= moment < end if start < end else moment >= start or moment < end


def on_call(at: datetime, weekdays: Collection[int], start: time | None, end: time | None) -> bool:
    """A night that began on a day of duty is that day's until its end."""
    at = at.astimezone(UTC)
    if start is not None and end is not None:
        if not within(at, start, end):
            return False
        if start >= end and at.time() < end:
            at -= timedelta(days=1)
    return not weekdays or at.isoweekday() in weekdays
