"""Allowances: whatever is asked for, by whomever, at the same time, no rolling window ever holds more than the cap."""

import random
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailplatform.shell.clock import now
from pools import windows
from pools.allowances import Carry, carry, credit_to_ask, forget_old, give_back, reserve, settle
from pools.models import Node, Path, Provider, SendingIP, Zone
from pools.windows import bucket_s

HOUR = 3600
BUCKET = bucket_s(HOUR)


def connect() -> psycopg.Connection:
    params = {name: value for name, value in connection.get_connection_params().items() if name in ("dbname", "user", "password", "host", "port")}
    return psycopg.connect(**params, autocommit=True)


def make_path() -> int:
    zone = Zone.objects.create(name="z")
    node = Node.objects.create(zone=zone, name="n")
    ip = SendingIP.objects.create(node=node, address="127.10.1.1", ehlo_name="a.example.com")
    return Path.objects.create(ip=ip, provider=Provider.objects.create(key="p", name="P"), updated_at=now()).pk


@pytest.fixture
def path_id(transactional_db: None) -> int:
    return make_path()


@pytest.fixture
def db_cursor(path_id: int) -> Iterator[psycopg.Cursor]:
    with connect() as own, own.cursor() as cursor:
        yield cursor


def shift_to(cursor: psycopg.Cursor, seconds: float) -> None:
    cursor.execute("SELECT set_config('mailplatform.clock_shift', %s, false)", (f"{seconds:.3f} seconds",))


STEPS = st.lists(st.tuples(st.floats(0, 1500), st.integers(0, 40), st.integers(0, 20)), min_size=1, max_size=25)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, cap=st.integers(0, 60))
def test_no_rolling_hour_holds_more_than_the_cap(steps: list[tuple[float, int, int]], cap: int, path_id: int, db_cursor: psycopg.Cursor) -> None:
    db_cursor.execute("DELETE FROM pools_allowancebucket")
    shift, spent = 0.0, list[Spent]()
    for number, (gap, want, returned) in enumerate(steps):
        shift += gap
        shift_to(db_cursor, shift)
        credit = reserve(db_cursor, path_id, HOUR, cap, want)
        assert credit == min(want, cap) if number == 0 else 0 <= credit <= want
        back = min(returned, credit)
        give_back(db_cursor, path_id, HOUR, credit.bucket_start, back)
        assert BUCKET / 2 <= credit.valid_s <= 1.5 * BUCKET
        if credit > back:
            ends = credit.bucket_start + timedelta(seconds=BUCKET)
            spent.append(Spent(credit - back, ends - timedelta(seconds=credit.valid_s), ends))
    for one in spent:
        for moment in (one.soonest, one.latest):
            assert most_within_an_hour_before(spent, moment) <= cap


class Spent(NamedTuple):
    amount: int
    soonest: datetime
    latest: datetime


def most_within_an_hour_before(spent: list[Spent], moment: datetime) -> int:
    """The worst that owners can do: each spends at whatever moment hurts most."""
    return sum(one.amount for one in spent if one.soonest <= moment and one.latest > moment - timedelta(seconds=HOUR))


def test_what_left_the_window_may_be_spent_again(path_id: int, db_cursor: psycopg.Cursor) -> None:
    assert reserve(db_cursor, path_id, HOUR, 10, 10) == 10
    assert reserve(db_cursor, path_id, HOUR, 10, 1) == 0
    shift_to(db_cursor, HOUR - 1)
    assert reserve(db_cursor, path_id, HOUR, 10, 1) == 0
    shift_to(db_cursor, 1.002 * HOUR + 2 * BUCKET)
    assert reserve(db_cursor, path_id, HOUR, 10, 99) == 10


def test_what_is_carried_counts_as_long_as_if_it_were_sent_now(path_id: int, db_cursor: psycopg.Cursor) -> None:
    credit = reserve(db_cursor, path_id, HOUR, 10, 10)
    shift_to(db_cursor, 600)
    carry(db_cursor, [Carry(path_id, HOUR, credit.bucket_start, 4)])
    assert db_cursor.execute("SELECT sum(reserved) FROM pools_allowancebucket").fetchone() == (10,), "the sum stays"
    assert reserve(db_cursor, path_id, HOUR, 10, 10) == 0, "nothing is counted twice, nothing is lost"
    shift_to(db_cursor, 1.002 * HOUR + 2 * BUCKET)
    assert reserve(db_cursor, path_id, HOUR, 10, 99) == 6


def test_what_a_dead_owner_may_have_had_under_way_counts_a_little_later(path_id: int, db_cursor: psycopg.Cursor) -> None:
    reserve(db_cursor, path_id, HOUR, 10, 3)
    shift_to(db_cursor, 600)
    last = reserve(db_cursor, path_id, HOUR, 10, 7)
    shift_to(db_cursor, 900)
    settle(db_cursor, [(path_id, HOUR)])
    db_cursor.execute("SELECT reserved, bucket_start FROM pools_allowancebucket ORDER BY bucket_start")
    (first, _), (moved, start) = db_cursor.fetchall()
    assert (first, moved) == (3, 7), "what it had long before is as old as it was"
    assert start == last.bucket_start + timedelta(seconds=BUCKET)


def test_a_clock_that_is_known_to_have_jumped_moves_no_window(path_id: int, db_cursor: psycopg.Cursor) -> None:
    assert reserve(db_cursor, path_id, HOUR, 10, 10) == 10
    seen = windows.look(db_cursor)
    shift_to(db_cursor, 2 * HOUR)
    windows.correct(db_cursor, seen, 2 * HOUR)
    windows.correct(db_cursor, seen, 2 * HOUR)  # another engine saw the same
    assert reserve(db_cursor, path_id, HOUR, 10, 10) == 0
    assert abs(windows.look(db_cursor).now_s - seen.now_s) < 5


def test_hour_and_day_count_apart(path_id: int, db_cursor: psycopg.Cursor) -> None:
    assert reserve(db_cursor, path_id, HOUR, 5, 9) == 5
    assert reserve(db_cursor, path_id, 86_400, 7, 9) == 7


def test_a_lower_cap_grants_nothing_until_the_window_has_room(path_id: int, db_cursor: psycopg.Cursor) -> None:
    reserve(db_cursor, path_id, HOUR, 100, 50)
    assert reserve(db_cursor, path_id, HOUR, 20, 5) == 0


def test_an_unknown_path_gets_nothing(path_id: int, db_cursor: psycopg.Cursor) -> None:
    assert reserve(db_cursor, path_id + 1, HOUR, 10, 10) == 0


def test_many_owners_at_once_never_get_more_than_the_cap(path_id: int) -> None:
    cap, granted, lock = 200, [], threading.Lock()

    def owner(seed: int) -> None:
        dice = random.Random(seed)
        with connect() as own, own.cursor() as cursor:
            for _ in range(30):
                credit = reserve(cursor, path_id, HOUR, cap, dice.randint(1, 9))
                with lock:
                    granted.append(int(credit))

    threads = [threading.Thread(target=owner, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(granted) == cap


def test_old_buckets_are_forgotten_and_live_ones_kept(path_id: int, db_cursor: psycopg.Cursor) -> None:
    reserve(db_cursor, path_id, HOUR, 10, 3)
    assert forget_old(db_cursor) == 0
    shift_to(db_cursor, 2 * HOUR)
    assert forget_old(db_cursor) == 0
    shift_to(db_cursor, 2 * HOUR + 3 * BUCKET + 1)
    assert forget_old(db_cursor) == 1


def test_an_owner_asks_for_what_it_sends_in_five_seconds_within_a_thousandth_of_the_cap() -> None:
    assert credit_to_ask(10, 1_000_000) == 50
    assert credit_to_ask(10, 10_000) == 10
    assert credit_to_ask(0.1, 100) == 1
    assert credit_to_ask(10, 400) == 4 and credit_to_ask(10, 100) == 1, "a few of a small cap, a hundredth of it at most"
