"""Moves: by age and standing, between graded shared pools, a week apart at least; off by default; what is queued keeps its pool."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry, Notice
from mailplatform.tenants.models import Tenant
from pools.models import Pool, Stream
from pools.neighbours import settle, word
from pools.neighbours.models import Level, Mode, PoolMove
from pools.neighbours.moves import GradedPool, Settler, Stay, plan
from pools.neighbours.policy import policy_now
from pools.purposes import Purpose
from tests.neighbours.world import Neighbour, a_round, asks, graded

STAY = Stay(7, 14)
ONE = Settler(1, "news", 1, "Acme", 2, 10, "new", Level.GOOD, 30, 30, False, None)
POOLS = [GradedPool(10, "new", "new", 2, {2: 5}), GradedPool(20, "good", "good", 2, {0: 9}), GradedPool(21, "good-b", "good", 2, {2: 3}),
         GradedPool(30, "poor", "poor", 1, {}), GradedPool(31, "empty", "poor", 0, {})]  # fmt: skip


def to(one: Settler) -> str:
    return next((each.to.name for each in plan([one], POOLS, STAY)), "")


def test_who_is_old_and_good_moves_to_where_its_purpose_is_served_and_who_is_slowed_to_the_poor() -> None:
    assert to(ONE) == "good-b"
    assert to(replace(ONE, age_days=13)) == "", "too young"
    assert to(replace(ONE, good_days=13)) == "", "not good for long enough"
    assert to(replace(ONE, capped=True)) == "", "a newcomer still"
    for level in (Level.SLOWED, Level.HELD):
        assert to(replace(ONE, level=level, good_days=None)) == "poor", "the empty one is no place"
    assert to(replace(ONE, level=Level.WARNED, good_days=None)) == ""
    assert to(replace(ONE, grade="poor", pool_id=30)) == "good-b", "and back"
    assert to(replace(ONE, grade="good", pool_id=20)) == ""


def test_nobody_moves_twice_within_the_minimum_stay() -> None:
    assert to(replace(ONE, rested_days=6.9)) == ""
    assert to(replace(ONE, rested_days=7.1)) == "good-b"


@pytest.fixture
def bad(db: None) -> Neighbour:
    asks()
    graded("the-poor", "poor")
    one = Neighbour.build("hostile", graded("the-good", "good"), days_old=30)
    word.impose(one.tenant, "slow", 0, "A bad list.", "ann", now())
    return one


def pools_of(one: Neighbour) -> set[str]:
    return set(Stream.objects.filter(tenant=one.tenant).values_list("pool__name", flat=True))


def test_off_by_default_and_the_preview_says_who_and_why(bad: Neighbour) -> None:
    a_round()
    assert pools_of(bad) == {"the-good"}
    assert not PoolMove.objects.exists()
    assert {each.sentence for each in settle.planned(policy_now(), now())} == {
        f"Hostile is slowed: its stream {purpose.label} belongs on a pool for poor tenants." for purpose in Purpose
    }


def test_proposed_moves_wait_and_are_withdrawn_when_they_are_over(bad: Neighbour) -> None:
    asks(moves=Mode.PROPOSE)
    a_round()
    a_round()
    assert PoolMove.objects.filter(state="proposed").count() == 3
    assert pools_of(bad) == {"the-good"}
    assert Notice.objects.filter(kind="pool_moves", cleared_at=None).exists()
    Tenant.objects.get(pk=bad.tenant.pk).standing.delete()
    a_round()
    assert not PoolMove.objects.exists()
    assert not Notice.objects.filter(kind="pool_moves", cleared_at=None).exists()


def test_made_by_themselves_they_are_audited_taken_back_and_not_made_again(bad: Neighbour) -> None:
    asks(moves=Mode.AUTOMATIC)
    word.impose(bad.tenant, "hold", bad.streams[Purpose.MARKETING].pk, "A bad list.", "ann", now())
    a_round()
    assert pools_of(bad) == {"the-poor"}
    assert AuditEntry.objects.filter(action="stream moved", actor="the platform").count() == 3
    for row in PoolMove.objects.all():
        assert settle.undo(row, "ann", now())
        assert not settle.undo(row, "ann", now()), "once"
    a_round()
    assert pools_of(bad) == {"the-good"}
    a_round(now() + timedelta(days=8))
    assert pools_of(bad) == {"the-poor"}, "after the stay"


def test_a_stream_that_somebody_moved_meanwhile_is_left_alone(bad: Neighbour) -> None:
    asks(moves=Mode.PROPOSE)
    a_round()
    elsewhere = Pool.objects.create(name="elsewhere")
    Stream.objects.filter(tenant=bad.tenant).update(pool=elsewhere)
    row = PoolMove.objects.first()
    assert row is not None
    assert settle.make(row, "ann", now()) is False
    assert pools_of(bad) == {"elsewhere"}


def test_dedicated_and_hybrid_pools_are_never_touched(bad: Neighbour) -> None:
    asks(moves=Mode.AUTOMATIC)
    own = Pool.objects.create(name="own", kind="hybrid", tenant=bad.tenant, grade="good")
    Stream.objects.filter(tenant=bad.tenant).update(pool=own)
    a_round()
    assert pools_of(bad) == {"own"}
