"""Days: made of the hours of a day that is over, once and again the same; a chart of a year reads them, and the hours of today."""

from datetime import UTC, datetime, timedelta

import pytest

from mailplatform.shell import clock
from monitoring.metrics import grain, read
from monitoring.metrics.models import MetricDay, MetricHour, MetricSubject
from monitoring.metrics.store import Store
from monitoring.metrics.tick import Tick, beginning

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = beginning(datetime.now(UTC), 86_400)


def _hours(since: datetime, count: int, attempted: float = 100, deferred: float = 25, cpu: float = 0.5) -> None:
    """As they were rolled up: `count` of them."""
    whole, node = (MetricSubject.objects.get_or_create(dimension=of, key=key, defaults={"label": key})[0].pk for of, key in (("all", "all"), ("node", "1")))
    MetricHour.objects.bulk_create(
        MetricHour(metric=metric, dimension=dimension, at=since + n * HOUR, subjects=[subject], values=[value], lows=lows, highs=highs)
        for n in range(count)
        for metric, dimension, subject, value, lows, highs in (
            ("collect_ms", "all", whole, 5, None, None), ("attempted", "all", whole, attempted, None, None), ("deferred", "all", whole, deferred, None, None),
            ("cpu_share", "node", node, cpu, [cpu / 2], [cpu * 1.5]),
        )
    )  # fmt: skip


def _keep(at: datetime, by: Store | None = None) -> None:
    (by or Store()).keep(Tick(at, {("collect_ms", "all"): {"all": 5.0}, ("attempted", "all"): {"all": 1.0}}))


def test_a_day_is_made_of_its_hours_when_it_is_over_and_may_be_made_again() -> None:
    _hours(TODAY - DAY, 24)
    _hours(TODAY, 1, attempted=7)
    _keep(TODAY + HOUR)
    day = MetricDay.objects.get(metric="attempted", dimension="all")
    assert (day.at, day.values, day.lows) == (TODAY - DAY, [2400], None)
    level = MetricDay.objects.get(metric="cpu_share")
    assert (level.values, level.lows, level.highs) == ([0.5], [0.25], [0.75])
    _keep(TODAY + HOUR + timedelta(minutes=1))
    assert MetricDay.objects.filter(metric="attempted").count() == 1, "whoever takes over makes the last one again"


def test_a_year_that_has_no_days_yet_gets_them_a_few_at_a_time() -> None:
    _hours(TODAY - 5 * DAY, 5 * 24)
    store = Store()
    made = []
    for n in range(4):
        _keep(TODAY + timedelta(minutes=n), store)
        made.append(MetricDay.objects.filter(metric="attempted").count())
    assert made == [2, 4, 5, 5]


def test_killed_between_an_hour_and_its_day_the_next_one_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _hours(TODAY - DAY, 24)
    with monkeypatch.context() as killed, pytest.raises(SystemError):
        killed.setattr(Store, "make", _dies)
        _keep(TODAY + timedelta(minutes=1))
    assert not MetricDay.objects.exists()
    _keep(TODAY + timedelta(minutes=1, seconds=10))
    assert MetricDay.objects.get(metric="attempted").values == [2400]


def _dies(self: Store, step: timedelta, at: datetime) -> None:
    if step == DAY:
        raise SystemError


def test_a_chart_of_a_year_is_of_days_and_of_the_hours_since() -> None:
    _hours(TODAY - 40 * DAY, 40 * 24)
    for n in range(40, 1, -1):
        Store().make(DAY, TODAY - n * DAY)
    MetricHour.objects.filter(at__lt=TODAY - DAY).delete()
    _hours(TODAY, 1, attempted=7, deferred=1, cpu=0.9)
    until = max(clock.now(), TODAY + HOUR)
    counted = dict(read.points("attempted", "all", ["all"], until - 365 * DAY, until)["all"])
    assert counted[TODAY - 40 * DAY] == 2400 and counted[TODAY - DAY] == 2400, "made of its hours as long as the day is not made"
    assert counted[TODAY] == 7 and counted[TODAY - 41 * DAY] is None
    assert dict(read.points("cpu_share", "node", None, until - 365 * DAY, until)["1"])[TODAY - 2 * DAY] == 0.5
    shares = dict(read.points("deferred_share", "all", ["all"], until - 365 * DAY, until)["all"])
    assert shares[TODAY - 3 * DAY] == 0.25 and shares[TODAY] is None, "seven attempts are too few"


@pytest.mark.parametrize(("days", "name"), [(0.05, "tick"), (1, "minute"), (7, "hour"), (60, "hour"), (120, "day"), (365, "day"), (1000, "day")])
def test_what_is_read_is_no_finer_than_what_is_shown(days: float, name: str) -> None:
    at = clock.now()
    found = grain.of_time(at - days * DAY, at, 400)
    step_s = grain.step_of(found, at - days * DAY, at, 400)
    assert 60 <= days * 86_400 / step_s <= 400
    assert found.name == name
