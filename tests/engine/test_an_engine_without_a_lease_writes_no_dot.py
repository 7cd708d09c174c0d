"""Lease: it ends by itself when it cannot be renewed, whatever the reason, and before a judge may call the engine dead."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from delivery.engine import lease as leases
from delivery.engine.lease import Lease, session_lock_key
from delivery.queue.fence import evict
from tests.flow.platform import wait_until
from tests.queue.house import OURS, House, connect, engine, rows

pytestmark = pytest.mark.django_db(transaction=True)
VERDICT_S = 0.700


@contextmanager
def held(number: int) -> Iterator[tuple[Lease, list[str], list[bool]]]:
    lost: list[str] = []
    drained: list[bool] = []
    lease = Lease(connect().info.dsn, number, connect(), on_lost=lost.append, on_drain=lambda: drained.append(True))
    lease.start()
    try:
        yield lease, lost, drained
    finally:
        lease.stop()


def _tick_for(lease: Lease, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        lease.tick()
        time.sleep(0.02)


def test_a_lease_that_is_renewed_stays_valid() -> None:
    with engine(House.build()) as number, held(number) as (lease, _, _):
        for _ in range(8):
            _tick_for(lease, 0.2)
            assert lease.valid()


def test_a_loop_that_hangs_loses_its_lease_before_the_verdict() -> None:
    with engine(House.build()) as number, held(number) as (lease, _, _):
        _tick_for(lease, 0.3)
        (renewed,) = rows("SELECT renewed_at FROM delivery_engine")[0]
        time.sleep(leases.LOOP_MAY_HANG_S + leases.VALID_S + 0.15)
        assert not lease.valid()
        last, now = rows("SELECT renewed_at, clock_timestamp() FROM delivery_engine")[0]
        assert (last - renewed).total_seconds() < leases.LOOP_MAY_HANG_S + 0.3, "a hanging loop renews no more"
        assert (now - last).total_seconds() > leases.VALID_S
    assert leases.VALID_S < VERDICT_S


def test_an_evicted_engine_is_told_and_writes_no_dot() -> None:
    with engine(House.build()) as number, held(number) as (lease, lost, _), connect() as raw:
        evict(raw, number)
        _tick_for(lease, 0.4)
        assert not lease.valid()
        assert "evicted" in lost[0]


def test_a_lease_runs_out_while_the_database_is_away_and_returns_with_it() -> None:
    with engine(House.build()) as number, held(number) as (lease, lost, _), connect() as raw:
        blocker = connect()
        blocker.execute("BEGIN")
        blocker.execute("SELECT 1 FROM delivery_engine FOR UPDATE")  # renewals hang, as they do when the database does
        _tick_for(lease, 0.9)
        assert not lease.valid()
        blocker.execute("ROLLBACK")
        _tick_for(lease, 0.5)
        assert lease.valid() and not lost
        assert raw.info.status == psycopg.pq.ConnStatus.OK


def test_a_broken_connection_is_made_anew_with_its_session_lock() -> None:
    holder = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND granted AND {OURS}"
    with engine(House.build()) as number, held(number) as (lease, lost, _), connect() as raw:
        ((first,),) = rows(holder, *session_lock_key(number))
        raw.execute("SELECT pg_terminate_backend(%s)", [first])

        def again() -> bool:
            lease.tick()
            return [pid for (pid,) in rows(holder, *session_lock_key(number)) if pid != first] != []

        wait_until(again, 5, "the session lock was taken again")
        _tick_for(lease, 0.4)
        assert lease.valid() and not lost


def test_an_engine_hears_that_it_shall_drain() -> None:
    with engine(House.build()) as number, held(number) as (lease, _, drained), connect() as raw:
        raw.execute("UPDATE delivery_engine SET draining = true")
        _tick_for(lease, 0.4)
        assert drained


@pytest.mark.parametrize("clock", ["CLOCK_BOOTTIME", "wall"])
def test_clocks_that_part_end_the_lease(clock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine(House.build()) as number, held(number) as (lease, _, _):
        _tick_for(lease, 0.2)
        assert lease.valid()
        if clock == "wall":
            monkeypatch.setattr(leases.time, "time", lambda was=time.time: was() - 30)
        else:
            monkeypatch.setattr(leases.time, "clock_gettime", lambda which, was=time.clock_gettime: was(which) - 30)
        assert not lease.valid()
