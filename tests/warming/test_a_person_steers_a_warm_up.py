"""What a person does to a warm-up is written like a decision, holds for engines at once, and can be taken back."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mailplatform.shell.clock import now
from pools.models import SendingIP
from tests.warming.conftest import House, clean, happened, path, warmup
from warming.act import MEANWHILE, before, change, take_back
from warming.caps import TAIL
from warming.decided import Change, settle
from warming.models import WarmupPlan
from warming.warmups import IpPast, Warmup, WarmupDecision

pytestmark = pytest.mark.django_db
WHO = "operator@platform.example"


def do(house: House, one: Warmup, what: str, value: str = "") -> Warmup:
    after = change(one, what, value, WHO, now(), house.rules())
    assert isinstance(after, Warmup), after
    assert WarmupDecision.objects.get(warmup=one, number=after.decisions).by == WHO
    return after


def test_paused_nothing_goes_until_it_is_resumed_at_the_same_cap(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip()
    was = path(ip).warm_per_day
    do(house, warmup(ip), "pause")
    assert path(ip).warm_per_day == path(ip).warm_per_hour == 0
    clean(ip, n=500)
    rounds(3)
    assert path(ip).warm_per_day == 0, "the controller resumes nothing that a person paused"
    do(house, warmup(ip), "resume")
    assert path(ip).warm_per_day == was


def test_a_stage_is_skipped_and_stepped_back(house: House) -> None:
    ip = house.new_ip()
    first = path(ip).warm_per_day or 0
    after = do(house, warmup(ip), "skip")
    assert path(ip).warm_per_day == after.cap_per_day == 2 * first
    do(house, after, "back")
    assert path(ip).warm_per_day == first
    assert "first stage" in str(change(warmup(ip), "back", "", WHO, now(), house.rules()))


def test_finished_no_cap_of_warming_holds(house: House) -> None:
    ip = house.new_ip()
    do(house, warmup(ip), "finish")
    there = path(ip)
    assert (there.warm_per_day, there.warm_per_hour, there.warmed) == (None, None, True)
    assert path(ip, "yahoo").warm_per_day
    do(house, warmup(ip, TAIL), "finish")
    assert SendingIP.objects.get(pk=ip.pk).warm_default_per_day is None


def test_another_pace_keeps_the_cap_and_changes_how_quickly_it_rises(house: House, rounds: Callable[..., None]) -> None:
    reached = {}
    for pace in ("0.5", "2"):
        ip = house.new_ip()
        was = path(ip).warm_per_day
        do(house, warmup(ip), "pace", pace)
        assert path(ip).warm_per_day == was
        clean(ip, n=was or 0)
        rounds()
        rounds(after=timedelta(hours=6))
        reached[pace] = path(ip).warm_per_day or 0
    assert 50 < reached["0.5"] < reached["2"]
    for wrong in ("9", "0", "fast", "nan"):
        assert isinstance(change(warmup(ip), "pace", wrong, WHO, now(), house.rules()), str)


def test_another_plan_begins_where_its_cap_is_not_above_todays(house: House) -> None:
    ip = house.new_ip()
    for _ in range(4):
        do(house, warmup(ip), "skip")
    was = path(ip).warm_per_day or 0
    other = WarmupPlan.objects.get(name="mailtrap")
    after = do(house, warmup(ip), "plan", str(other.pk))
    assert after.plan == other
    assert after.cap_per_day <= was
    readable = WarmupPlan.objects.filter(daily=[]).first()
    assert readable and isinstance(change(after, "plan", str(readable.pk), WHO, now(), house.rules()), str)


def test_what_was_done_is_taken_back_once_and_not_over_a_later_decision(house: House) -> None:
    ip = house.new_ip()
    one = warmup(ip)
    was = before(one)
    after = do(house, one, "finish")
    assert "as before" in take_back(one.pk, after.decisions, was, WHO, now(), house.rules())
    assert path(ip).warm_per_day == was["cap_per_day"]
    assert path(ip).warmed is False
    assert take_back(one.pk, after.decisions, was, WHO, now(), house.rules()) == MEANWHILE


def test_who_decides_on_what_is_no_longer_so_comes_too_late(house: House) -> None:
    ip = house.new_ip()
    one = warmup(ip)
    do(house, one, "skip")
    assert settle(one, Change("advance", "Late.", stage=9, per_day=9_000, per_hour=900), now()) is None
    assert change(one, "skip", "", WHO, now(), house.rules()) == MEANWHILE
    assert warmup(ip).stage == 2


def test_an_ip_is_warm_when_the_last_path_with_mail_has_finished(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip()
    Warmup.objects.filter(ip=ip, provider__key="google").update(cap_per_day=1_000_000, cap_per_hour=200_000, carried={"clean_days": 2.0})
    clean(ip, n=500_000)
    rounds()
    rounds(after=timedelta(hours=6))
    assert path(ip).warmed
    assert IpPast.objects.get(ip=ip).warm_since is not None
    assert path(ip, "yahoo").warm_per_day, "where it never sent, it still begins small"


def test_a_hold_is_told_once_a_day_and_when_its_reason_changes(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip()
    happened(ip, attempted=40, delivered=35, deferred=5)
    rounds(5)
    assert WarmupDecision.objects.filter(warmup=warmup(ip), kind="hold").count() == 1
    happened(ip, attempted=10, delivered=9, blocked=1)
    rounds(3)
    assert WarmupDecision.objects.filter(warmup=warmup(ip), kind="hold").count() == 2
    rounds(after=timedelta(hours=7))
    assert warmup(ip).attempted == 0, "a hold looks at fresh evidence after a while"
