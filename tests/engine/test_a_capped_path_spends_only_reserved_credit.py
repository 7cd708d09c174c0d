"""Allowance: credit is reserved before it is spent, is valid for its bucket, is carried while there is no answer, and what is left is handed back."""

from datetime import UTC, datetime, timedelta

import pytest

from delivery.engine.allowance import Allowance, answered, carried
from delivery.engine.credit import Ledger, dealt_out, left_over, to_deal
from delivery.engine.path import Path
from pools.allowances import Credit
from pools.providers.profile import Profile
from pools.windows import DAY_S, HOUR_S
from tests.queue.house import House, connect, knows, rows

BUCKET = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEXT = BUCKET + timedelta(seconds=30)


def _credit(amount: int, valid_s: float = 30, start: datetime = BUCKET, used: int = 0) -> Credit:
    return Credit(amount, start, valid_s, used)


def _allowance(per_hour: int | None = 100, per_day: int | None = None) -> Allowance:
    allowance = Allowance.of(per_hour, per_day)
    assert allowance is not None
    return allowance


def test_a_path_without_caps_has_no_allowance() -> None:
    assert Allowance.of(None, None) is None


def test_nothing_is_sent_before_credit_came_and_no_more_than_came() -> None:
    path = Path.new(1, 1, Profile(per_hour=100))
    assert path.room(0) == 0 and not path.spend(0)
    path.credited(HOUR_S, _credit(2), 0)
    assert path.room(1) == 2
    assert [bool(path.spend(1)), bool(path.spend(1)), bool(path.spend(1))] == [True, True, False]


def test_what_is_under_way_keeps_nothing_else_from_being_claimed() -> None:
    path = Path.new(1, 1, Profile(per_hour=100))
    path.credited(HOUR_S, _credit(2), 0)
    path.in_hand = 1
    assert path.room(1) == 1
    assert path.spend(1)
    assert path.room(1) == 1, "the one in hand has had its credit"


def test_the_tightest_window_binds() -> None:
    allowance = _allowance(100, 1000)
    allowance.take(HOUR_S, _credit(5), 0)
    assert allowance.left(1) == 0
    allowance.take(DAY_S, _credit(1), 0)
    assert allowance.left(1) == 1


def test_credit_ends_with_its_bucket_counted_from_when_it_was_asked_for() -> None:
    allowance = _allowance()
    allowance.take(HOUR_S, _credit(5, valid_s=10), asked_s=100)
    assert allowance.left(109.9) == 5
    assert allowance.left(110) == 0 and not allowance.spend(110)
    assert allowance.wants(1, 110) == {HOUR_S: 1}
    assert allowance.expire(110) == [(HOUR_S, BUCKET, 5)] and allowance.expire(110) == []


def test_credit_of_the_next_bucket_is_asked_for_before_this_one_ends() -> None:
    allowance = _allowance(10_000)
    allowance.take(HOUR_S, _credit(10, valid_s=30), 0)
    assert allowance.wants(100, 14.9) == {} and allowance.wants(100, 15.1) == {HOUR_S: 10}
    assert allowance.take(HOUR_S, _credit(10, start=NEXT), 15.1) == (HOUR_S, BUCKET, 10), "and the rest is given back"


def test_who_got_nothing_asks_again_only_after_a_while() -> None:
    allowance = _allowance()
    allowance.take(HOUR_S, _credit(0), 0)
    assert allowance.wants(1, 0.5) == {} and allowance.wants(1, 1.5) == {HOUR_S: 1}


def test_a_message_that_has_no_answer_when_its_bucket_ends_counts_in_the_next_one() -> None:
    """A provider counts it between our write and its answer: were it forgotten with its bucket, a window there would hold one too many."""
    allowance = _allowance()
    allowance.take(HOUR_S, _credit(3), 0)
    first, second, third = [allowance.spend(29) for _ in range(3)]
    assert first and second and third
    answered(first, 29.5)
    allowance.expire(31)
    answered(second, 31)  # after the bucket's end: perhaps counted after it, too
    (one,) = allowance.to_carry(31.5)
    assert (one.start, one.under_way, one.late) == (BUCKET, 1, 1)
    carried(one, NEXT, 31.5, 28.5, 31.6)
    assert not list(allowance.to_carry(59))
    (again,) = allowance.to_carry(60.1)
    assert (again.start, again.under_way, again.late) == (NEXT, 1, 0), "and again, for as long as there is none"
    carried(again, NEXT + timedelta(seconds=30), 60.1, 29.9, 60.2)
    answered(third, 70)
    assert not list(allowance.to_carry(200))


def test_a_lower_cap_takes_hold_at_once_and_a_higher_one_is_asked_for_at_once() -> None:
    path = Path.new(1, 1, Profile(per_hour=1000))
    path.credited(HOUR_S, _credit(4, used=500), 0)
    path.adopt(Profile(per_hour=400), 1, 1)
    assert path.room(1) == 0 and path.spend(1) is None
    assert path.rests == [(HOUR_S, BUCKET, 4)], "credit above the new cap is not spent"
    path.credited(HOUR_S, _credit(0, used=500), 1)
    assert path.allowance and path.allowance.wants(1, 1.1) == {}
    path.adopt(Profile(per_hour=2000), 2, 2)
    assert path.allowance.wants(1, 1.1) == {HOUR_S: 4}


@pytest.mark.django_db(transaction=True)
def test_the_cap_holds_over_several_owners_and_what_is_handed_back_can_be_had_again() -> None:
    house, provider = House.build(), knows("gmail.com")
    key = house.ips[0].id, provider.id
    sent = 0
    with connect() as raw:
        for _ in range(5):
            path, ledger = Path.new(*key, Profile(per_hour=10)), Ledger()
            while True:
                path.wanted_at_s = 0.0
                dealt_out(ledger.deal(raw, to_deal([path], 0.0)), {key: path}, 0.0)
                if not path.spend(0.0):
                    break
                sent += 1
                if sent % 3 == 0:
                    path.wanted_at_s = 0.0
                    dealt_out(ledger.deal(raw, to_deal([path], 0.0)), {key: path}, 0.0)
                    ledger.deal(raw, left_over([path], 0.0))
                    break
    assert sent == 10
    assert rows("SELECT sum(reserved) FROM pools_allowancebucket") == [(10,)]
