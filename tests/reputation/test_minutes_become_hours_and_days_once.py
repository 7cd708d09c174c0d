"""Roll-up: sums are computed anew, late minutes are in the next sum, and what is forgotten was summed before."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Sum

from pools.models import BlockEvidence, PathMinute, PoolMinute, StreamMinute
from pools.reputation.models import PathDay, PathHour, PoolDay, ScoreSample, StreamDay, StreamHour
from pools.reputation.rollup import forget, roll_up

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)


def _minutes(*ages: timedelta) -> None:
    for age in ages:
        minute = (AT - age).replace(second=0)
        PathMinute.objects.create(ip_id=1, provider_id=2, minute=minute, attempted=10, delivered=8, blocked=2, latency_ms_sum=100)
        StreamMinute.objects.create(stream_id=3, tenant_id=4, purpose=2, pool_id=5, provider_id=2, minute=minute, attempted=10, delivered=8, suppressed=1)
        PoolMinute.objects.create(pool_id=5, ip_id=1, minute=minute, attempted=10, delivered=8)


def _all() -> list[object]:
    return [list(model.objects.order_by("pk").values()) for model in (PathHour, PathDay, StreamHour, StreamDay, PoolDay)]


def test_sums_are_right_and_running_it_again_changes_nothing() -> None:
    _minutes(timedelta(minutes=5), timedelta(minutes=25), timedelta(hours=1), timedelta(hours=11), timedelta(days=3))
    assert roll_up(AT) == (12, 9)
    assert list(PathHour.objects.order_by("hour").values_list("hour__hour", "attempted", "blocked")) == [(10, 10, 2), (23, 10, 2), (9, 10, 2), (10, 20, 4)]
    assert list(PathDay.objects.order_by("day").values_list("day__day", "attempted", "delivered")) == [(2, 10, 8), (4, 10, 8), (5, 30, 24)]
    assert StreamDay.objects.get(day="2026-03-05").suppressed == 3
    before = _all()
    assert roll_up(AT) == (0, 0)
    assert _all() == before


def test_a_minute_that_comes_late_is_in_the_next_sum() -> None:
    _minutes(timedelta(minutes=5))
    roll_up(AT)
    _minutes(timedelta(hours=2))
    roll_up(AT)
    assert PathDay.objects.get().attempted == 20


def test_what_is_forgotten_was_summed_and_stays_summed() -> None:
    _minutes(timedelta(days=10), timedelta(days=7), timedelta(minutes=5))
    BlockEvidence.objects.create(minute=AT - timedelta(days=10), ip_id=1, provider_id=2, pool_id=5, tenant_id=4, stream_id=3, fingerprint=1, blocked=1)
    ScoreSample.objects.create(scope="path", ip_id=1, provider_id=2, at=AT - timedelta(days=100), score=50)
    roll_up(AT - timedelta(days=9, hours=23))
    roll_up(AT)
    assert forget(AT) == 5
    assert PathMinute.objects.count() == StreamMinute.objects.count() == PoolMinute.objects.count() == 2
    roll_up(AT)
    assert PathHour.objects.aggregate(n=Sum("attempted"))["n"] == PathDay.objects.aggregate(n=Sum("attempted"))["n"] == 30
    forget(AT + timedelta(days=100))
    assert not PathHour.objects.exists()
    assert PathDay.objects.count() == 3
