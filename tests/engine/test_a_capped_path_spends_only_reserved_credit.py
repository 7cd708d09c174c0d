"""Allowance: credit is reserved before it is spent, is valid for its bucket, and what is left is handed back."""

from datetime import UTC, datetime

import pytest

from delivery.engine.allowance import DAY_S, HOUR_S, Allowance, Granted, Want, ask, hand_back
from delivery.engine.path import Path
from pools.providers.profile import Profile
from tests.queue.house import House, connect, knows, rows

BUCKET = datetime(2026, 11, 22, 12, tzinfo=UTC)


def _granted(window_s: int, amount: int, valid_s: float = 30, start: datetime = BUCKET) -> Granted:
    return Granted(Want(1, 1, window_s, 100, amount), amount, start, valid_s)


def test_a_path_without_caps_has_no_allowance() -> None:
    assert Allowance.of(None, None) is None


def test_nothing_is_sent_before_credit_came_and_no_more_than_came() -> None:
    path = Path.new(1, 1, Profile(per_hour=100))
    assert path.room(0) == 0 and not path.spend(0)
    assert path.allowance is not None
    path.allowance.take(_granted(HOUR_S, 2), asked_s=0)
    assert path.room(1) == 2
    assert [bool(path.spend(1)), bool(path.spend(1)), bool(path.spend(1))] == [True, True, False]


def test_the_tightest_window_binds() -> None:
    allowance = Allowance.of(100, 1000)
    assert allowance is not None
    allowance.take(_granted(HOUR_S, 5), 0)
    assert allowance.left(1) == 0
    allowance.take(_granted(DAY_S, 1), 0)
    assert allowance.left(1) == 1


def test_credit_ends_with_its_bucket_counted_from_when_it_was_asked_for() -> None:
    allowance = Allowance.of(100, None)
    assert allowance is not None
    allowance.take(_granted(HOUR_S, 5, valid_s=10), asked_s=100)
    assert allowance.left(109.9) == 5
    assert allowance.left(110) == 0 and not allowance.spend(110)
    assert allowance.wants(1, 110) == {HOUR_S: 1}


def test_who_got_nothing_asks_again_only_after_a_while() -> None:
    allowance = Allowance.of(100, None)
    assert allowance is not None
    allowance.take(_granted(HOUR_S, 0), 0)
    assert allowance.wants(1, 0.5) == {} and allowance.wants(1, 1.5) == {HOUR_S: 1}


@pytest.mark.django_db(transaction=True)
def test_the_cap_holds_over_several_owners_and_what_is_handed_back_can_be_had_again() -> None:
    house, provider = House.build(), knows("gmail.com")
    want = Want(house.ips[0].id, provider.id, HOUR_S, 10, 4)
    with connect() as raw:
        got = [ask(raw, [want])[0].amount for _ in range(4)]
        assert got == [4, 4, 2, 0]
        (last,) = ask(raw, [want])
        hand_back(raw, [(want.ip_id, want.provider_id, HOUR_S, last.bucket_start, 3)])
        assert ask(raw, [want])[0].amount == 3
    assert rows("SELECT sum(reserved) FROM pools_allowancebucket") == [(10,)]
