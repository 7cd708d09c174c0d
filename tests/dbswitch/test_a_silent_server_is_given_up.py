"""A server that answers nobody is given up in seconds, wherever one waits for it; one that is only slow is not."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from mailplatform.shell.database import gate as gates
from mailplatform.shell.database import silence
from mailplatform.shell.database.away import is_away
from mailplatform.shell.database.gate import Gate, StillAway
from mailplatform.shell.database.watched import ServerGone, WatchedAsyncConnection, WatchedConnection
from tests.dbswitch.cable import Cable, cable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "SILENT_S", 0.3)
    monkeypatch.setattr(silence, "ANSWER_WITHIN_S", 0.3)


@pytest.fixture
def line() -> Iterator[tuple[Cable, dict[str, Any]]]:
    with cable() as made:
        yield made


def test_a_statement_that_nobody_will_answer_ends(line: tuple[Cable, dict[str, Any]]) -> None:
    whole, to = line
    with WatchedConnection.connect(**to, autocommit=True) as connection:
        connection.execute("SELECT 1")
        whole.cut()
        with pytest.raises(ServerGone) as gone:
            connection.execute("SELECT 1")
        assert is_away(gone.value)
        assert connection.closed


def test_the_other_connections_of_the_process_are_given_up_with_it(line: tuple[Cable, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    whole, to = line
    with WatchedConnection.connect(**to, autocommit=True) as one, WatchedConnection.connect(**to, autocommit=True) as other:
        other.execute("SELECT 1")
        whole.cut()
        with pytest.raises(ServerGone):
            one.execute("SELECT 1")
        monkeypatch.setattr(silence, "SILENT_S", 1000.0)
        with pytest.raises(ServerGone):
            other.execute("SELECT 1")


async def test_so_does_one_of_an_event_loop(line: tuple[Cable, dict[str, Any]]) -> None:
    whole, to = line
    async with await WatchedAsyncConnection.connect(**to, autocommit=True) as connection:
        await connection.execute("SELECT 1")
        whole.cut()
        with pytest.raises(ServerGone):
            await connection.execute("SELECT 1")


def test_a_slow_statement_is_waited_for(line: tuple[Cable, dict[str, Any]]) -> None:
    _, to = line
    with WatchedConnection.connect(**to, autocommit=True) as connection:
        assert connection.execute("SELECT 'slept' FROM pg_sleep(1.5)").fetchone() == ("slept",)


def test_a_server_that_is_back_is_used_again(line: tuple[Cable, dict[str, Any]]) -> None:
    whole, to = line
    with WatchedConnection.connect(**to, autocommit=True) as connection:
        connection.execute("SELECT 1")
        whole.cut()
        with pytest.raises(ServerGone):
            connection.execute("SELECT 1")
    whole.mend()
    with WatchedConnection.connect(**to, autocommit=True) as connection:
        assert connection.execute("SELECT 2").fetchone() == (2,)


def test_while_one_tries_the_others_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "AGAIN_AFTER_S", 1000.0)
    gate, trying, free = Gate(), threading.Event(), threading.Event()

    def refused() -> None:
        raise psycopg.OperationalError("connection refused")

    def hangs() -> str:
        trying.set()
        free.wait(60)
        return "open"

    with pytest.raises(psycopg.OperationalError, match="refused"):
        gate.through(refused)
    with pytest.raises(StillAway, match="refused"):
        gate.through(hangs)
    gate._failed_s = float("-inf")
    opened: list[str] = []
    first = threading.Thread(target=lambda: opened.append(gate.through(hangs)))
    first.start()
    assert trying.wait(60)
    with pytest.raises(StillAway):
        gate.through(hangs)
    free.set()
    first.join(60)
    assert opened == ["open"]
    assert gate.through(lambda: "open too") == "open too"
