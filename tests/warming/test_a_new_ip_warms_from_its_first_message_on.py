"""Warm-ups begin by themselves: who needs one has its caps before it is in a pool, who does not keeps its full speed."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mailplatform.shell.clock import now
from pools.models import Path, PathMinute, PoolMember, Provider, SendingIP
from tests.warming.conftest import House, clean, path, warmup
from warming.start import mark_warm
from warming.warmups import IpPast, WarmingPolicy, Warmup, WarmupDecision

pytestmark = pytest.mark.django_db


def test_every_provider_has_a_cap_when_the_ip_joins_a_pool(house: House) -> None:
    ip = house.new_ip()
    shipped = Provider.objects.filter(is_tail=False).count()
    assert shipped > 20
    assert Path.objects.filter(ip=ip, warm_per_day__gt=0, warm_per_hour__gt=0, warmed=False).count() == shipped
    ip.refresh_from_db()
    assert (ip.warm_default_per_day, ip.warm_default_per_hour) == (path(ip, "default").warm_per_day, path(ip, "default").warm_per_hour)
    assert Warmup.objects.filter(ip=ip, state="waiting").count() == WarmupDecision.objects.filter(kind="start", number=1).count() == shipped


def test_joining_a_second_pool_begins_nothing_anew(house: House) -> None:
    ip = house.new_ip()
    before = Warmup.objects.count()
    house.pool.pk = None
    house.pool.name = "second"
    house.pool.save()
    PoolMember.objects.create(pool=house.pool, ip=ip)
    assert Warmup.objects.count() == before


def test_an_ip_with_a_past_does_not_warm(house: House) -> None:
    ip = house.new_ip(joins=False)
    google = Provider.objects.get(key="google")
    Path.objects.create(ip=ip, provider=google, updated_at=now())
    clean(ip, n=house.rules().history_at_least, at=now() - timedelta(days=3))
    PoolMember.objects.create(pool=house.pool, ip=ip)
    assert not Warmup.objects.exists()
    assert path(ip).warm_per_day is None
    assert IpPast.objects.get(ip=ip).warm_since is not None


def test_an_ip_that_a_person_calls_warm_does_not_warm(house: House) -> None:
    ip = house.new_ip(joins=False)
    mark_warm([ip], "It sent from our old system.", by="operator@platform.example")
    PoolMember.objects.create(pool=house.pool, ip=ip)
    assert not Warmup.objects.exists()


def test_an_idle_ip_warms_by_the_plan_for_that(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip(joins=False)
    mark_warm([ip], "Long ago.")
    PoolMember.objects.create(pool=house.pool, ip=ip)
    rounds()
    assert not Warmup.objects.exists()
    IpPast.objects.update(warm_since=now() - timedelta(days=90), last_sent_at=now() - timedelta(days=31))
    rounds(after=timedelta(hours=2))
    assert Warmup.objects.filter(ip=ip).count() == Provider.objects.filter(is_tail=False).count()
    assert "nothing for 30 days" in warmup(ip).why


def test_who_sent_this_month_is_not_idle(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip(joins=False)
    mark_warm([ip], "Long ago.")
    IpPast.objects.update(warm_since=now() - timedelta(days=90))
    Path.objects.create(ip=ip, provider=Provider.objects.get(key="google"), updated_at=now())
    clean(ip, n=5, at=now() - timedelta(days=12))
    PoolMember.objects.create(pool=house.pool, ip=ip)
    rounds()
    assert not Warmup.objects.exists()


@pytest.mark.parametrize("off", ["is_on", "starts_itself"])
def test_switched_off_nothing_begins(house: House, rounds: Callable[..., None], off: str) -> None:
    house.rules(**{off: False})
    ip = house.new_ip()
    rounds(2)
    assert not Warmup.objects.exists()
    house.rules(**{off: True})
    rounds()
    assert Warmup.objects.filter(ip=ip).exists(), "the round finds it when it is on again"


def test_without_a_policy_nothing_begins(house: House) -> None:
    WarmingPolicy.objects.all().delete()
    house.new_ip()
    assert not Warmup.objects.exists()


def test_what_joined_unheard_is_found_within_a_round(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip(joins=False)
    PoolMember.objects.bulk_create([PoolMember(pool=house.pool, ip=ip)])
    rounds()
    assert SendingIP.objects.get(pk=ip.pk).warm_default_per_day


def test_what_is_in_a_pool_when_warming_comes_is_warm(house: House) -> None:
    from warming.start import first_policy

    WarmingPolicy.objects.all().delete()
    ip = house.new_ip()
    assert first_policy()
    assert not first_policy()
    assert IpPast.objects.get(ip=ip).warm_since is not None
    assert PathMinute.objects.count() == 0
