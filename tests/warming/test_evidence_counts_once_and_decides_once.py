"""Rounds: evidence is counted once, a decision is made once, caps rise with a decision's row and in no other way, whoever makes the round and dies in it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from mailplatform.shell.clock import now
from mailplatform.shell.models import Notice
from pools.models import Provider
from tests.warming.conftest import House, clean, happened, path, warmup
from warming import round as warming_round
from warming.caps import TAIL
from warming.warmups import Warmup, WarmupDay, WarmupDecision

STEWARD = """
import os
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = os.environ["DATABASE"]
from mailplatform.shell.clock import now
from warming import round as warming_round
act = warming_round.begin()
warming_round.EVERY_S = 0.0
print("ready", flush=True)
while True:
    act(now())
    print("made", flush=True)
"""


@pytest.mark.django_db
def test_each_attempt_counts_once_however_often_it_is_looked_at(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip()
    clean(ip, n=5)
    rounds(3)
    clean(ip, n=2)
    happened(ip, attempted=1, deferred=1)
    rounds(2)
    one = warmup(ip)
    assert (one.attempted, one.delivered, one.deferred) == (8, 7, 1)
    another = warming_round.begin()
    another(now() + timedelta(minutes=2))
    assert warmup(ip).attempted == 8
    assert WarmupDay.objects.get(warmup=one).attempted == 8


@pytest.mark.django_db
@pytest.mark.parametrize(("others_deferred", "kinds"), [(0, {"step_back"}), (60, set())])
def test_what_a_provider_tells_everybody_takes_no_cap_back(
    house: House, rounds: Callable[..., None], others_deferred: int, kinds: set[str]
) -> None:  # fmt: skip
    ip, other = house.new_ip(), house.new_ip(joins=False)
    clean(ip)
    rounds()
    happened(ip, attempted=39, deferred=20, delivered=19)
    happened(other, attempted=100, deferred=others_deferred, delivered=100 - others_deferred)
    rounds()
    made = set(WarmupDecision.objects.filter(warmup=warmup(ip)).values_list("kind", flat=True))
    assert made & {"step_back", "pause"} == kinds


@pytest.mark.django_db
def test_a_stage_begins_with_an_empty_count(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip()
    clean(ip, n=warmup(ip).cap_per_day)
    rounds()
    rounds(after=timedelta(hours=6))
    one = warmup(ip)
    assert one.attempted == 0
    assert path(ip).warm_per_day == one.cap_per_day > 50
    clean(ip, n=3)
    rounds()
    assert warmup(ip).attempted == 3


@pytest.mark.django_db
def test_small_providers_count_for_the_tail(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip()
    small = Provider.objects.create(key="mx:mail.smith.example", name="smith.example", is_tail=True)
    first = warmup(ip, TAIL).cap_per_day
    clean(ip, small.key, n=first)
    rounds()
    rounds(after=timedelta(hours=6))
    ip.refresh_from_db()
    assert warmup(ip, TAIL).cap_per_day > first
    assert ip.warm_default_per_day == warmup(ip, TAIL).cap_per_day == path(ip, TAIL).warm_per_day
    assert warmup(ip).attempted == 0


@pytest.mark.django_db
def test_bad_evidence_is_told_and_never_raises_a_cap(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip()
    happened(ip, attempted=40, blocked=30, delivered=10)
    rounds(3)
    assert warmup(ip).state == "paused"
    assert path(ip).warm_per_day == path(ip).warm_per_hour == 0
    assert Notice.objects.get(kind=warming_round.NOTICE, cleared_at=None).sentence.startswith(f"{ip} at Gmail")


@pytest.mark.django_db
def test_switched_off_nothing_is_decided_and_caps_stay(house: House, rounds: Callable[..., None]) -> None:
    ip = house.new_ip()
    was = path(ip).warm_per_day
    house.rules(is_on=False)
    clean(ip, n=500)
    rounds(3)
    assert path(ip).warm_per_day == was
    assert warmup(ip).attempted == 0


@pytest.mark.django_db(transaction=True)
def test_two_stewards_at_once_decide_once(house: House) -> None:
    ip = house.new_ip()
    clean(ip, n=10)
    warming_round.begin()(now())
    for n in (1, 2, 3):
        clean(ip, n=warmup(ip).cap_per_day)
        Warmup.objects.filter(ip=ip).update(stage_since=now() - timedelta(hours=8))
        start = threading.Barrier(4)

        def steward(start: threading.Barrier = start) -> None:
            act = warming_round.begin()
            start.wait()
            act(now())
            connection.close()

        threads = [threading.Thread(target=steward) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        numbers = list(WarmupDecision.objects.filter(warmup=warmup(ip)).order_by("number").values_list("number", "kind", "cap_after"))
        advances = [one for one in numbers if one[1] == "advance"]
        assert [one[0] for one in numbers] == list(range(1, len(numbers) + 1))
        assert len(advances) == n, numbers
        assert path(ip).warm_per_day == advances[-1][2] == warmup(ip).cap_per_day


@pytest.mark.django_db(transaction=True)
def test_a_steward_killed_at_any_moment_leaves_caps_that_a_decision_names(house: House) -> None:
    ip = house.new_ip()
    for kill_after_s in (0.002, 0.03):
        process = _steward()
        try:
            clean(ip, n=warmup(ip).cap_per_day)
            Warmup.objects.filter(ip=ip).update(stage_since=now() - timedelta(hours=8))
            time.sleep(kill_after_s)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        _consistent(ip.pk)
    warming_round.begin()(now())
    _consistent(ip.pk)
    counted = sum(WarmupDay.objects.filter(warmup=warmup(ip)).values_list("attempted", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(attempted) FROM pools_pathminute WHERE ip_id = %s", [ip.pk])
        assert counted == cursor.fetchone()[0], "every attempt was counted, and counted once"


def _consistent(ip: int) -> None:
    for one in Warmup.objects.filter(ip_id=ip).select_related("path"):
        last = WarmupDecision.objects.filter(warmup=one).order_by("-number").first()
        assert last is not None
        assert (last.number, last.cap_after) == (one.decisions, one.cap_per_day)
        assert one.path.warm_per_day == one.cap_per_day


def _steward() -> subprocess.Popen[str]:
    """A process that makes rounds as fast as it can."""
    environment = {**os.environ, "DATABASE": str(connection.settings_dict["NAME"])}
    process = subprocess.Popen([sys.executable, "-c", STEWARD], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdout.readline()
    return process
