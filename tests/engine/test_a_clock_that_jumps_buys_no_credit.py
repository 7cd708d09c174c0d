"""Clocks: a jump of the database's clock is taken off the windows' time, by whoever sees it, also who starts after it; a slow answer is no jump."""

import random
from collections.abc import Iterator

import psycopg
import pytest

from delivery.engine.clocks import Clocks
from delivery.engine.credit import Deal, Ledger, Want, dealt_out
from delivery.engine.path import Path
from pools.providers.profile import Profile
from pools.windows import HOUR_S, Look, Mark, look
from tests.queue.house import House, connect, knows

EPOCH_S = 1e9


def _look(now_s: float, before_s: float, after_s: float | None = None) -> Look:
    return Look(EPOCH_S + now_s, before_s, before_s if after_s is None else after_s)


def _off(*looks: Look) -> float:
    clocks = Clocks()
    return [clocks.read(one) for one in looks][-1]


def test_clocks_that_go_alike_stop_nothing() -> None:
    clocks = Clocks()
    assert all(clocks.read(_look(n * 1.0005, n, n + 0.001)) == 0 for n in range(10_000))


def test_a_jump_is_told_however_small_and_whichever_way() -> None:
    for far_s in (600.0, 0.1, -0.1, -600.0):
        assert _off(_look(0, 0), _look(1 + far_s, 1)) == pytest.approx(far_s)


def test_a_slow_gain_is_a_jump_when_it_comes_to_more_than_the_windows_margin() -> None:
    clocks = Clocks()
    assert any(clocks.read(_look(n * 1.01, n)) for n in range(60))


def test_a_slow_answer_is_no_jump_and_hides_none() -> None:
    assert _off(_look(0, 0), _look(9, 1, 9)) == 0, "it took eight seconds: it may have been read at their end"
    assert _off(_look(0, 0), _look(609, 1, 9)) == 608, "at most so far: what is in doubt is taken off, too"


def test_the_windows_time_never_runs_ahead_of_boot_time_whatever_jumps() -> None:
    dice = random.Random(1)
    for _ in range(200):
        clocks, shift_s, ahead_s, boot_s, first = Clocks(), 0.0, 0.0, 0.0, None
        for _ in range(60):
            boot_s += dice.uniform(0.1, 3)
            shift_s += dice.choice([0, 0, 0, 3600, -3600, dice.uniform(-5, 5)])
            before_s, after_s = boot_s - dice.uniform(0, 0.5), boot_s + dice.uniform(0, 0.5)
            seen = _look(boot_s + shift_s - ahead_s, before_s, after_s)
            first = first or (seen.now_s - boot_s)
            if off_s := clocks.read(seen):
                ahead_s += off_s
            now_s = EPOCH_S + boot_s + shift_s - ahead_s
            assert now_s - first <= boot_s + 1.1, "but for how exactly the first look knew"


def test_who_starts_after_a_jump_sees_it_by_the_last_look_of_anybody() -> None:
    here, elsewhere = Mark(_look(0, 1000), "this start", 50.0), Mark(_look(0, 7), "another machine", 50.0)
    assert Clocks().begin(here, _look(3610, 1010), "this start", 60.0) == 3600
    assert Clocks().begin(elsewhere, _look(3610, 1010), "this start", 60.0) == 3600, "by the wall clocks of both"
    assert Clocks().begin(elsewhere, _look(3610, 1010), "this start", 3660.0) == 0, "an hour has really passed"
    assert Clocks().begin(None, _look(3610, 1010), "this start", 60.0) == 0


@pytest.fixture
def raw(transactional_db: None) -> Iterator[psycopg.Connection]:
    with connect() as connection:
        yield connection


@pytest.mark.parametrize("new_owner", [False, True])
def test_no_engine_is_granted_anything_by_a_jump(raw: psycopg.Connection, new_owner: bool) -> None:
    house, provider = House.build(), knows("gmail.com")
    path, ledger = Path.new(house.ips[0].id, provider.id, Profile(per_hour=10)), Ledger()
    want = Deal(wants=[Want(path, HOUR_S, 10, 10)])
    assert _granted(ledger, raw, want) == 10
    with raw.cursor() as cursor:
        before = look(cursor)
        for shift in ("1 hour", "-1 hour", "0", "2 hours"):
            cursor.execute("SELECT set_config('mailplatform.clock_shift', %s, false)", [shift])
            assert _granted(Ledger() if new_owner else ledger, raw, want) == 0, shift
            assert abs(look(cursor).now_s - before.now_s) < 5


def test_what_a_jump_granted_between_two_looks_is_given_back_at_once(raw: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    house, provider = House.build(), knows("gmail.com")
    path, ledger = Path.new(house.ips[0].id, provider.id, Profile(per_hour=10)), Ledger()
    want = Deal(wants=[Want(path, HOUR_S, 10, 10)])
    assert _granted(ledger, raw, want) == 10
    right = Ledger._clock_is_right

    def jumps_afterwards(self: Ledger, cursor: psycopg.Cursor) -> bool:
        was = right(self, cursor)
        cursor.execute("SELECT set_config('mailplatform.clock_shift', '2 hours', false)")
        return was

    monkeypatch.setattr(Ledger, "_clock_is_right", jumps_afterwards)
    assert _granted(ledger, raw, want) == 0
    monkeypatch.setattr(Ledger, "_clock_is_right", right)
    assert _granted(ledger, raw, want) == 0
    assert raw.execute("SELECT sum(reserved) FROM pools_allowancebucket").fetchone() == (10,)


def _granted(ledger: Ledger, raw: psycopg.Connection, deal: Deal) -> int:
    dealt = ledger.deal(raw, deal)
    assert not dealt_out(dealt, {}, 0.0).wants
    return sum(credit for _, credit in dealt.granted)
