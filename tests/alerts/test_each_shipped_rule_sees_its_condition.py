"""Each shipped rule sees what it is for, within thirty seconds of its time, and sees that it is over; where all is well nothing fires.

The collector, the store and the judge are the real ones, on what engines, agents, watchers and clusters write; the clock alone is moved.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings

from monitoring.alerts.live import Alerts
from monitoring.alerts.models import Incident
from monitoring.alerts.shipped import SHIPPED, seed_shipped
from monitoring.metrics.store import Store
from tests.alerts.conditions import MISSING, TICK, World

HURRY = 0.01
LATE = timedelta(seconds=30)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.end()


@pytest.mark.django_db(transaction=True)
def test_every_rule_fires_in_time_and_clears(world: World, settings: LazySettings) -> None:
    settings.MONITORING_HURRY = HURRY
    seed_shipped()
    store, alerts, at = Store(), Alerts(), world.start

    def go(ticks: int, at: datetime) -> datetime:
        for _ in range(ticks):
            world.tick(at)
            tick = world.collector.collect(at)
            assert world.collector.failed == ()
            store.keep(tick)
            alerts.step(tick)
            at += TICK
        return at

    at = go(8, at)
    assert list(Incident.objects.values_list("sentence", flat=True)) == [], "a healthy platform is quiet"

    world.break_everything(at)
    broken_at = at
    at = go(26, at)
    opened = {one.rule.shipped: one.opened_at for one in Incident.objects.filter(source__startswith="rule:").order_by("-opened_at") if one.rule}
    assert {one.key for one in SHIPPED} - opened.keys() == set(), "these did not fire"
    for one in SHIPPED:
        assert opened[one.key] <= broken_at + one.for_s * timedelta(seconds=HURRY) + LATE, one.key

    world.mend_everything(at)
    at = go(10, at + timedelta(hours=25))  # what is counted over a day is over then
    assert list(Incident.objects.filter(resolved_at=None).values_list("sentence", flat=True)) == []


@pytest.mark.parametrize("ticks", [60, pytest.param(8640, marks=pytest.mark.long)])
@pytest.mark.django_db(transaction=True)
def test_a_day_with_its_usual_noise_fires_nothing(world: World, ticks: int) -> None:
    """Busy minutes, deferrals, bounces, a complaint, a job that fails, a queue that fills and drains, figures that are missing for a tick. Real times."""
    seed_shipped()
    store, alerts, chance = Store(), Alerts(), random.Random(3)
    for n in range(ticks):
        at = world.start + n * TICK
        world.noise = chance
        world.tick(at)
        tick = world.collector.collect(at)
        if chance.random() < 0.02:
            tick = replace(tick, values={key: of for key, of in tick.values.items() if key[0] not in MISSING})
        store.keep(tick)
        alerts.step(tick)
    assert list(Incident.objects.values_list("sentence", flat=True)) == []
