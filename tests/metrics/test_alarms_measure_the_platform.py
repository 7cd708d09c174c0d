"""The alarms process: a tick each ten seconds of the database's clock, once however many look."""

import threading

import pytest

from mailplatform.shell.clock import now
from monitoring.alarms import LOCK, ROUNDS, begin
from monitoring.metrics.models import MetricTick
from monitoring.rhythm import Rhythm
from monitoring.steward import Steward
from tests.monitoring.conftest import until

pytestmark = pytest.mark.django_db(transaction=True)


def ticks() -> list[object]:
    return list(MetricTick.objects.filter(metric="collect_ms", dimension="all").order_by("at").values_list("at", flat=True))


def test_of_two_processes_one_measures_on_the_ten_seconds(transactional_db: None) -> None:
    two = [Steward(ROUNDS, Rhythm(), LOCK) for _ in range(2)]
    threads = [threading.Thread(target=one.run, daemon=True) for one in two]
    for thread in threads:
        thread.start()
    until(ticks, 20, "a tick was measured")
    until(lambda: any(one.acting for one in two), 5, "one acts")
    assert sum(one.acting for one in two) == 1
    for one in two:
        one.rhythm.stop()
    for thread in threads:
        thread.join(10)
    measured = ticks()
    assert all(at.second % 10 == 0 and at.microsecond == 0 for at in measured)  # type: ignore[attr-defined]
    assert len(set(measured)) == len(measured)


def test_a_look_within_the_same_tick_measures_nothing(db: None) -> None:
    act = begin()
    act(now())
    before = len(ticks())
    for _ in range(3):
        act(now())
    assert before == 1
    assert len(ticks()) <= 2  # the ten seconds may have ended meanwhile
