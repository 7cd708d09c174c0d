"""Journal: what was written is read, what is torn is not, what is recorded goes, and a replay gives each delivery its answer."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from delivery.engine import journal as journals
from delivery.engine.journal import Journal, journal_path, read, replay
from delivery.queue.fence import evict
from delivery.queue.settled import AttemptRow, Settled
from mailplatform.shell.ids import attempt_id, delivery_id, delivery_of, message_id
from tests.queue.house import House, connect, engine, knows, rows
from tests.queue.test_what_became_of_a_delivery_is_recorded_once import claimed, settled


def _attempts(count: int) -> list[UUID]:
    return [attempt_id(delivery_id(message_id(), 1), 1) for _ in range(count)]


def _answer(attempt: UUID) -> Settled:
    said = {"reply": "250 ok \u2713", "timings": {"body": 1}, "why": {"score": 9}}
    row = AttemptRow(attempt, 5, 1, 1, 1, datetime.now(UTC), "delivered", "accepted", "none", "body", **said)  # type: ignore[arg-type]
    return Settled(row, 1, 1, 0, "a@b.example", 0, final="delivered")


def test_answers_come_back_as_they_were_written(tmp_path: Path) -> None:
    journal, (first, second, third) = Journal(tmp_path, 5), _attempts(3)
    for attempt in (first, second, third):
        journal.begun(attempt)
    journal.dot(first)
    journal.dot(second)
    journal.answer(_answer(first))
    found = read(journal.path)
    assert [one.attempt.id for one in found.answers] == [first]
    assert (found.answers[0].final, found.answers[0].attempt.reply) == ("delivered", "250 ok \u2713")
    assert found.begun == {delivery_of(second), delivery_of(third)}
    assert found.unknowable == {delivery_of(second)}


def test_a_torn_last_line_is_no_line(tmp_path: Path) -> None:
    journal, (attempt,) = Journal(tmp_path, 5), _attempts(1)
    journal.begun(attempt)
    journal.dot(attempt)
    journal.answer(_answer(attempt))
    size = len(journal.path.read_bytes().rstrip(b"\0"))
    for cut in (1, 20, 100):
        os.truncate(journal.path, size - cut)
        assert read(journal.path).answers == ()
        assert read(journal.path).unknowable == {delivery_of(attempt)}


def test_a_missing_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert read(journal_path(tmp_path, 9)).answers == ()


def test_a_full_journal_is_kept_until_all_of_it_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "ROTATE_BYTES", 100)
    journal, attempts = Journal(tmp_path, 5), _attempts(4)
    for attempt in attempts[:3]:
        journal.begun(attempt)
        journal.answer(_answer(attempt))
    journal.recorded(attempts[:1])
    journal.answer(_answer(attempts[3]))
    assert {one.attempt.id for one in read(journal.path).answers} == set(attempts)
    journal.recorded(attempts[1:3])
    assert [one.attempt.id for one in read(journal.path).answers] == attempts[3:]


def test_what_a_process_wrote_is_there_after_it_was_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys, uuid; from pathlib import Path; from delivery.engine.journal import Journal\n"
        "j = Journal(Path(sys.argv[1]), 5); a = uuid.UUID(sys.argv[2]); j.begun(a); j.dot(a); os.kill(os.getpid(), 9)"
    )
    (attempt,) = _attempts(1)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), str(attempt)])
    assert done.returncode == -9
    assert read(journal_path(tmp_path, 5)).unknowable == {delivery_of(attempt)}


@pytest.mark.django_db(transaction=True)
def test_a_replay_records_answers_once_and_the_rest_goes_back(tmp_path: Path) -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(*[house.message(f"{name}@gmail.com") for name in ("answered", "dotted", "begun", "waiting")])
    with engine(house) as number, connect() as raw:
        claims = {one.recipient.partition("@")[0]: one for one in claimed(house, provider.id, number)}
        journal = Journal(tmp_path, number)
        for name in ("answered", "dotted", "begun"):
            journal.begun(attempt_id(claims[name].id, 1))
        for name in ("answered", "dotted"):
            journal.dot(attempt_id(claims[name].id, 1))
        journal.answer(settled(house, claims["answered"], number))
        for _ in range(2):  # the agent may die after any step and begin again
            replayed = replay(raw, journal.path)
            evict(raw, number, replayed.begun)
        assert rows("SELECT recipient FROM delivery_delivery WHERE final = 'delivered'") == [("answered@gmail.com",)]
        begun = {("dotted@gmail.com", 1, 1), ("begun@gmail.com", 1, 1)}
        assert set(rows("SELECT recipient, crashes, tries FROM delivery_ready")) == begun | {("waiting@gmail.com", 0, 0)}
        assert rows("SELECT delivered FROM pools_pathminute") == [(1,)]
        assert rows("SELECT count(*) FROM delivery_claimed") == [(0,)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("of_claims", [True, False])
def test_whoever_reads_of_claims_alone_misses_none_of_theirs(tmp_path: Path, of_claims: bool) -> None:
    """Beside hundreds of lines of deliveries that others have by now, or that are done: those count for whoever reads all of it only."""
    house, provider = House.build(), knows("gmail.com")
    house.put(*[house.message(f"{name}@gmail.com") for name in ("answered", "dotted", "begun", "later")])
    with engine(house) as number, connect() as raw:
        claims = {one.recipient.partition("@")[0]: one for one in claimed(house, provider.id, number)}
        journal = Journal(tmp_path, number)
        for attempt in _attempts(300):
            journal.begun(attempt)
            journal.dot(attempt)
        for name in ("answered", "dotted", "begun"):
            journal.begun(attempt_id(claims[name].id, 1))
        for name in ("answered", "dotted"):
            journal.dot(attempt_id(claims[name].id, 1))
        journal.answer(settled(house, claims["answered"], number))
        replayed = replay(raw, journal.path, of_claims)
        assert replayed.answered == 1
        assert replayed.begun == {claims["dotted"].id, claims["begun"].id}
        assert replayed.unknowable == (1 if of_claims else 301)
        assert rows("SELECT recipient FROM delivery_delivery WHERE final = 'delivered'") == [("answered@gmail.com",)]


@pytest.mark.django_db(transaction=True)
def test_a_replay_touches_nothing_that_was_recorded_before(tmp_path: Path) -> None:
    """A journal holds thousands of answers that its engine has recorded: what follows from them is the database's business."""
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("anna@gmail.com"))
    with engine(house) as number, connect() as raw:
        claims = claimed(house, provider.id, number)
        journal = Journal(tmp_path, number)
        journal.begun(attempt_id(claims[0].id, 1))
        journal.answer(settled(house, claims[0], number))
        raw.execute("CREATE TEMPORARY TABLE anew AS SELECT * FROM delivery_claimed")
        assert replay(raw, journal.path).answered == 1
        raw.execute("INSERT INTO delivery_claimed SELECT * FROM anew")  # as if another had it in its hands since
        assert replay(raw, journal.path).answered == 0
        assert rows("SELECT count(*) FROM delivery_claimed") == [(1,)]
