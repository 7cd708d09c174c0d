"""Dates: drills start by themselves on the days and in the hours that operators chose."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.drills.calendar import Window, next_in, overdue_since

OFFICE = Window((1, 2, 3, 4), 9, 16)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("earliest", "then"),
    [
        (MONDAY.replace(hour=10, minute=30), MONDAY.replace(hour=10, minute=30)),
        (MONDAY.replace(hour=3), MONDAY.replace(hour=9)),
        (MONDAY.replace(hour=16), MONDAY.replace(day=24, hour=9)),
        (MONDAY.replace(day=27, hour=10), MONDAY.replace(day=30, hour=9)),
    ],
)
def test_the_first_moment_of_a_window(earliest: datetime, then: datetime) -> None:
    assert next_in(OFFICE, earliest) == then


@pytest.mark.parametrize("hours", range(0, 24 * 14, 5))
def test_every_date_lies_in_a_window_and_within_a_week(hours: int) -> None:
    earliest = MONDAY + timedelta(hours=hours, minutes=7)
    then = next_in(OFFICE, earliest)
    assert OFFICE.holds(then)
    assert earliest <= then < earliest + timedelta(days=7)


def test_overdue_only_after_its_days() -> None:
    assert overdue_since(MONDAY, 7, MONDAY + timedelta(days=7)) is None
    assert overdue_since(MONDAY, 7, MONDAY + timedelta(days=8)) == timedelta(days=8)
