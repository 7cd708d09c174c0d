"""Calendar: when a drill is due next, by day of the week and hour of the day. Pure; everything is UTC."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """Days (1 is Monday) and hours in which drills start by themselves."""

    weekdays: Collection[int]
    from_hour: int
    until_hour: int

    def holds(self, at: datetime) -> bool:
        return at.isoweekday() in self.weekdays and self.from_hour <= at.hour < self.until_hour


def next_in(window: Window, at_the_earliest: datetime) -> datetime:
    """The first moment of a window from then on; that very moment when it lies in one. Without days there is no window: then."""
    if not window.weekdays or window.holds(at_the_earliest):
        return at_the_earliest
    day = at_the_earliest.replace(hour=window.from_hour, minute=0, second=0, microsecond=0)
    if day < at_the_earliest:
        day += timedelta(days=1)
    while day.isoweekday() not in window.weekdays:
        day += timedelta(days=1)
    return day


def overdue_since(planned_for: datetime, overdue_days: int, at: datetime) -> timedelta | None:
    """How long a date is over, once that is longer than is borne."""
    late = at - planned_for
    return late if late > timedelta(days=overdue_days) else None
