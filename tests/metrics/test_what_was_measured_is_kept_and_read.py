"""Keeping and reading: a tick once, minutes and hours of what is over, the old forgotten; charts get what they ask for, gaps are gaps."""

from datetime import UTC, datetime, timedelta

import pytest

from mailplatform.shell import clock
from monitoring.alerts.judge import Comparison, Rule
from monitoring.alerts.judging import usual_of
from monitoring.metrics import read
from monitoring.metrics.catalog import METRICS
from monitoring.metrics.models import MetricHour, MetricMinute, MetricSubject, MetricTick, MonitoringPolicy
from monitoring.metrics.store import Store
from monitoring.metrics.tick import Tick, beginning

pytestmark = pytest.mark.django_db
TICK = timedelta(seconds=10)
AT = beginning(datetime.now(UTC), 3600) - timedelta(hours=2)


def _tick(at: datetime, cpu: float | None = 0.5, attempted: float = 100, deferred: float = 10) -> Tick:
    values = {("collect_ms", "all"): {"all": 5.0}, ("attempted", "all"): {"all": attempted}, ("deferred", "all"): {"all": deferred}, ("listings", "ip"): {}}
    if cpu is not None:
        values["cpu_share", "node"] = {"1": cpu, "2": 0.25}
    return Tick(at, values, {("node", "1"): "north-1", ("node", "2"): "north-2"})


def _keep(*ticks: Tick, by: Store | None = None) -> Store:
    store = by or Store()
    for tick in ticks:
        store.keep(tick)
    return store


def test_a_tick_is_kept_once_whoever_keeps_it() -> None:
    _keep(_tick(AT, 0.5))
    _keep(_tick(AT, 0.9))
    assert MetricTick.objects.filter(metric="cpu_share").count() == 1
    [row] = read.ticks(AT, AT + TICK, [("cpu_share", "node")])
    assert row.values["cpu_share", "node"] == {"1": 0.5, "2": 0.25}
    assert read.labels("node") == {"1": "north-1", "2": "north-2"}


def test_a_subject_follows_its_new_name() -> None:
    store = _keep(_tick(AT))
    _keep(Tick(AT + TICK, _tick(AT).values, {("node", "1"): "renamed"}), by=store)
    assert read.labels("node")["1"] == "renamed" and MetricSubject.objects.filter(dimension="node").count() == 2


def test_minutes_and_hours_are_made_when_they_are_over() -> None:
    store = _keep(*(_tick(AT + n * TICK, 0.1 * n) for n in range(6)))
    assert not MetricMinute.objects.exists()
    _keep(_tick(AT + timedelta(minutes=1)), _tick(AT + timedelta(minutes=1, seconds=50)), by=store)
    minute = MetricMinute.objects.get(metric="cpu_share", at=AT)
    assert (minute.values[0], minute.lows[0], minute.highs[0]) == pytest.approx((0.25, 0.0, 0.5))
    counted = MetricMinute.objects.get(metric="attempted", at=AT)
    assert counted.values == [600] and counted.lows is None
    _keep(_tick(AT + timedelta(hours=1)), by=store)
    hour = MetricHour.objects.get(metric="attempted", at=AT)
    assert hour.values == [800]
    assert MetricHour.objects.get(metric="cpu_share", at=AT).highs[0] == pytest.approx(0.5)


def test_who_takes_over_makes_what_is_missing() -> None:
    MetricTick.objects.all().delete()
    _keep(_tick(AT), _tick(AT + timedelta(minutes=1)), _tick(AT + timedelta(minutes=1, seconds=10)))
    _keep(_tick(AT + timedelta(minutes=1, seconds=20)), _tick(AT + timedelta(minutes=2)), by=Store())
    assert list(MetricMinute.objects.filter(metric="attempted").order_by("at").values_list("values", flat=True)) == [[100.0], [300.0]]


def test_a_clock_that_jumps_back_and_forth_loses_and_doubles_nothing() -> None:
    store = _keep(_tick(AT), _tick(AT + timedelta(minutes=1)))
    _keep(_tick(AT + timedelta(minutes=30)), _tick(AT + timedelta(minutes=1, seconds=10)), by=store)
    _keep(_tick(AT + timedelta(minutes=1)), _tick(AT + timedelta(minutes=2)), _tick(AT + timedelta(minutes=31)), by=store)
    sums = {row.at: row.values[0] for row in MetricMinute.objects.filter(metric="attempted")}
    assert sums[AT] == 100 and sums[AT + timedelta(minutes=1)] == 200 and sums[AT + timedelta(minutes=30)] == 100


def test_the_old_is_forgotten_as_the_policy_says() -> None:
    MonitoringPolicy.objects.create(pk=1, ticks_hours=2)
    _keep(_tick(AT - timedelta(hours=3)), _tick(AT - timedelta(minutes=30)))
    _keep(_tick(AT), by=Store())
    assert sorted(set(MetricTick.objects.values_list("at", flat=True))) == [AT - timedelta(minutes=30), AT]
    assert MetricMinute.objects.filter(at=AT - timedelta(hours=3)).exists(), "minutes are kept for days"


def test_points_are_the_moments_asked_for_and_gaps_are_gaps() -> None:
    _keep(_tick(AT, 0.2), _tick(AT + TICK, None), _tick(AT + 3 * TICK, 0.4))
    found = read.points("cpu_share", "node", ["1", "absent"], AT, AT + 4 * TICK)
    assert found["1"] == [(AT, pytest.approx(0.2)), (AT + TICK, None), (AT + 2 * TICK, None), (AT + 3 * TICK, pytest.approx(0.4))]
    assert [value for _, value in found["absent"]] == [None] * 4
    assert set(read.points("cpu_share", "node", None, AT, AT + TICK)) == {"1", "2"}


def test_a_share_is_exact_over_its_window_and_nothing_below_its_floor() -> None:
    _keep(*(_tick(AT + n * TICK, attempted=100 if n < 30 else 0, deferred=50 if n < 30 else 0) for n in range(90)))
    shares = dict(read.points("deferred_share", "all", ["all"], AT, AT + 90 * TICK)["all"])
    assert shares[AT + 10 * TICK] == 0.5 and shares[AT + 50 * TICK] == 0.5
    assert shares[AT + 80 * TICK] is None, "nothing was attempted in its five minutes"


@pytest.mark.parametrize("days", [0.1, 1, 6, 30, 365])
def test_no_chart_gets_more_points_than_it_asked_for(days: float) -> None:
    _keep(_tick(AT))
    found = read.points("cpu_share", "node", ["1"], clock.now() - timedelta(days=days), clock.now(), most=400)
    assert 100 <= len(found["1"]) <= 400


def test_the_usual_is_the_median_of_the_hours_before() -> None:
    subject = MetricSubject.objects.create(dimension="all", key="all", label="all")
    hour = beginning(AT, 3600)
    for n in range(1, 8 * 24):
        value = 1000.0 if n % 5 == 0 else 10.0
        MetricHour.objects.create(metric="attempted", dimension="all", at=hour - timedelta(hours=n), subjects=[subject.pk], values=[value])
    compared = (Comparison.TIMES_MEDIAN, Comparison.TIMES_WEEK)
    usual, week_ago = (usual_of(Rule(1, METRICS["attempted"], "all", one, window_s=3600), hour, hour) for one in compared)
    assert usual.of("all", hour) == 10
    assert week_ago.of("all", hour) == 10
    assert usual.of("nobody", hour) is None


def test_latest_is_the_last_minutes_word() -> None:
    at = beginning(clock.now())
    _keep(_tick(at - TICK, 0.1), _tick(at, 0.7))
    assert read.latest("cpu_share", "node")["1"] == pytest.approx(0.7)
    assert read.latest("deferred_share", "all") == {"all": pytest.approx(0.1)}
    assert [subject.key for subject in read.subjects_of("cpu_share", "node")] == ["1", "2"]
