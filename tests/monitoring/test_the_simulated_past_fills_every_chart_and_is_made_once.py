"""mailplatform.up.history against a real database."""

import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models import Sum

from mailplatform.shell.clock import now
from mailplatform.shell.models import Notice
from mailplatform.up import seed
from mailplatform.up.demo import SENDERS
from mailplatform.up.history import MARK, make_history
from pools.models import PathMinute, StreamMinute


@pytest.fixture
def demo_world(db: None) -> None:
    call_command("load_catalogue", verbosity=0)
    seed.demo_platform()
    seed.demo_tenants()


def test_seven_days_of_every_purpose_are_made_quickly_and_once(demo_world: None) -> None:
    begun = time.monotonic()
    assert make_history()
    print(f"made in {time.monotonic() - begun:.2f} s")
    assert time.monotonic() - begun < 30  # 1.5 s on a quiet machine
    assert set(StreamMinute.objects.values_list("purpose", flat=True)) == {0, 1, 2}
    assert StreamMinute.objects.filter(minute__lt=now() - timedelta(days=6, hours=23)).exists()
    assert not StreamMinute.objects.filter(minute__gt=now() - timedelta(seconds=60)).exists(), "the present is real"
    rows = StreamMinute.objects.count()
    assert not make_history()
    assert StreamMinute.objects.count() == rows
    sums = StreamMinute.objects.aggregate(attempted=Sum("attempted"), parts=Sum("delivered") + Sum("deferred") + Sum("bounced"))
    assert sums["attempted"] == sums["parts"] > 100_000
    assert PathMinute.objects.values("ip_id").distinct().count() == 8


def test_simulated_history_says_so(demo_world: None) -> None:
    make_history()
    assert "generated" in Notice.objects.get(kind=MARK).sentence


def test_live_mode_has_no_invented_past(demo_world: None, settings: object) -> None:
    settings.MAIL_MODE = "live"  # type: ignore[attr-defined]
    assert not make_history()
    assert not StreamMinute.objects.exists()


def test_the_traffic_generator_knows_the_seeded_tenants() -> None:
    """It imports nothing of the platform, so it has their names of its own."""
    assert {(s.tenant, s.domain) for s in SENDERS} == {(t.name, t.domain) for t in seed.TENANTS}
