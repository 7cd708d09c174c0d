"""Hours: whether somebody is on call, or a rule is quiet, at a moment. Pure; all times are UTC. A span may go over midnight."""

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


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


def next_on_call(at: datetime, weekdays: Collection[int], start: time | None, end: time | None) -> datetime | None:
    """When somebody is on call next; now, when somebody is. None: never."""
    if on_call(at, weekdays, start, end):
        return at
    at = at.astimezone(UTC)
    begins = (datetime.combine(at.date() + timedelta(days=days), start or time(), UTC) for days in range(9))
    return next((one for one in begins if one > at and on_call(one, weekdays, start, end)), None)


def words(weekdays: Collection[int], start: time | None, end: time | None) -> str:
    """Always; Mon–Fri, 08:00–18:00."""
    days = sorted(set(weekdays))
    in_row = len(days) > 2 and days[-1] - days[0] == len(days) - 1
    named = f"{DAYS[days[0] - 1]}–{DAYS[days[-1] - 1]}" if in_row else ", ".join(DAYS[day - 1] for day in days)
    parts = [named if 0 < len(days) < 7 else "", f"{start:%H:%M}–{end:%H:%M}" if start is not None and end is not None else ""]
    return ", ".join(part for part in parts if part) or "always"
