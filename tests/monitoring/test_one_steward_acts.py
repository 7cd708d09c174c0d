"""The steward: one acts, a round that fails stops no other, a lost session is given up and taken anew."""

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connection

from mailplatform.shell.models import Notice
from monitoring.rhythm import Rhythm
from monitoring.steward import NOTICE, Round, Steward
from tests.monitoring.conftest import until
from tests.queue.house import OURS

pytestmark = pytest.mark.django_db(transaction=True)


class Running:
    """A steward in a thread, with the database session that a thread has to itself."""

    def __init__(self, name: str, made: list[str], *rounds: Round) -> None:
        def begin() -> Callable[[datetime], None]:
            return lambda at: made.append(name)

        self.steward = Steward((Round("note", 0.01, begin), *rounds), Rhythm())
        self.thread = threading.Thread(target=self.steward.run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.steward.rhythm.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


def test_of_two_stewards_one_acts_and_the_other_takes_over(transactional_db: None) -> None:
    made: list[str] = []
    first = Running("first", made)
    until(lambda: made, 5, "the first acted")
    second = Running("second", made)
    until(lambda: made.count("first") >= 4, 5, "the first went on")
    assert "second" not in made
    first.stop()
    until(lambda: "second" in made, 4, "the second took over")
    second.stop()


def test_a_round_that_fails_is_told_and_stops_no_other(transactional_db: None) -> None:
    failing = True

    def begin() -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            if failing:
                raise ValueError("seven is not a path")

        return act

    made: list[str] = []
    steward = Running("only", made, Round("wrong", 0.01, begin))
    until(lambda: len(made) > 2, 5, "the other round was made")
    until(lambda: Notice.objects.filter(kind=NOTICE, scope="wrong", cleared_at=None, sentence__contains="seven is not a path").exists(), 5, "it was told")
    failing = False
    until(lambda: not Notice.objects.filter(kind=NOTICE, cleared_at=None).exists(), 5, "the notice was cleared")
    steward.stop()


def test_a_steward_whose_session_ends_takes_the_lock_anew(transactional_db: None) -> None:
    made: list[str] = []
    steward = Running("only", made)
    until(lambda: made, 5, "it acted")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND {OURS} AND pid <> pg_backend_pid()")
        assert cursor.rowcount == 1
    count = len(made)
    until(lambda: len(made) > count + 2, 6, "it acted again")
    steward.stop()
