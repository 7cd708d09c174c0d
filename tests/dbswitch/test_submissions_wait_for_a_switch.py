"""While the database is away a submission waits, within bounds; what may have been stored is done again only under its key."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django_q.brokers import get_broker

from delivery.models import Message
from delivery.submit import commit
from mailplatform.shell.database import patience
from mailplatform.shell.database.broker import PatientBroker
from mailplatform.tenants.models import User
from tests.api.test_nothing_is_accepted_without_a_commit import AT_COMMIT, UNDO
from tests.api.world import Sender, make_sender
from tests.flow.platform import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sender() -> Sender:
    return make_sender("acme")


class Away:
    """This process's way to the database, turned to where nobody listens."""

    def __init__(self) -> None:
        self._at = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}

    def begin(self) -> None:
        connection.close()
        connection.settings_dict.update(HOST="127.0.0.1", PORT="1")

    def end(self) -> None:
        connection.settings_dict.update(self._at)


@pytest.fixture
def away() -> Iterator[Away]:
    made = Away()
    yield made
    made.end()
    connection.close()


def test_it_is_accepted_when_the_database_is_back(client: Client, sender: Sender, away: Away, settings: Any) -> None:
    away.begin()
    waited: list[bool] = []

    def end_it() -> None:
        wait_until(lambda: patience._room._value < settings.DATABASE_WAITERS, 30, "the request waited")  # type: ignore[union-attr]
        waited.append(True)
        away.end()

    switching = threading.Thread(target=end_it)
    switching.start()
    answer = sender.send(client)
    switching.join()
    assert (answer.status_code, waited, Message.objects.count()) == (202, [True], 1)


def test_it_waits_no_longer_than_it_may(client: Client, sender: Sender, away: Away, settings: Any) -> None:
    settings.DATABASE_WAIT_S = 0.4
    away.begin()
    began = time.monotonic()
    answer = sender.send(client)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert 0.4 <= time.monotonic() - began < 15


def test_a_full_waiting_room_refuses_at_once(client: Client, sender: Sender, away: Away, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DATABASE_WAIT_S = 60
    monkeypatch.setattr(patience, "_room", threading.BoundedSemaphore(1))
    away.begin()
    answers: list[int] = []

    def another() -> None:
        answers.append(sender.send(Client()).status_code)
        connections.close_all()

    waiting = threading.Thread(target=another)
    waiting.start()
    while patience._room._value:  # type: ignore[union-attr]
        time.sleep(0.01)
    began = time.monotonic()
    assert sender.send(client).status_code == 503
    assert time.monotonic() - began < 30
    away.end()
    waiting.join(60)
    assert answers == [202]


def test_reading_does_not_wait(client: Client, sender: Sender, away: Away, settings: Any) -> None:
    settings.DATABASE_WAIT_S = 60
    away.begin()
    began = time.monotonic()
    assert sender.get(client, "messages").status_code == 503
    assert time.monotonic() - began < settings.DATABASE_WAIT_S


ONCE = """
    CREATE SEQUENCE commits;
    """ + AT_COMMIT.format(what="IF nextval('commits') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF")


@pytest.mark.parametrize(("key", "status", "stored"), [("k1", 202, 1), (None, 503, 0)])
def test_a_commit_without_an_answer_is_asked_again_only_under_a_key(client: Client, sender: Sender, key: str | None, status: int, stored: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ONCE)
    try:
        answer = sender.post(client, "messages", sender.message(), **({"HTTP_IDEMPOTENCY_KEY": key} if key else {}))
        assert (answer.status_code, Message.objects.count()) == (status, stored)
    finally:
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute(UNDO + "; DROP SEQUENCE commits")


def test_an_answer_under_a_key_is_confirmed_by_a_commit_of_its_own(client: Client, sender: Sender, settings: Any) -> None:
    """That the first COMMIT's rows can be read does not say that a standby has them."""
    settings.DATABASE_WAIT_S = 0.3
    key = {"HTTP_IDEMPOTENCY_KEY": "k2"}
    assert sender.post(client, "messages", sender.message(), **key).status_code == 202
    with connection.cursor() as cursor:
        warns = AT_COMMIT.format(what="RAISE WARNING 'not replicated'")
        cursor.execute(warns.replace("AFTER INSERT ON delivery_waiting", "AFTER UPDATE ON delivery_idempotencykey"))
    try:
        assert sender.post(client, "messages", sender.message(), **key).status_code == 503
    finally:
        with connection.cursor() as cursor:
            cursor.execute(UNDO.replace("delivery_waiting", "delivery_idempotencykey"))
    again = sender.post(client, "messages", sender.message(), **key)
    assert (again.status_code, again["Idempotency-Replayed"]) == (202, "true")


def test_a_commit_that_waits_for_a_lost_standby_is_given_up(client: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(commit, "COMMITS_WITHIN_S", 0.5)
    settings.DATABASE_WAIT_S = 0.5
    with connection.cursor() as cursor:
        cursor.execute(AT_COMMIT.format(what="PERFORM pg_sleep(60)"))
    try:
        began = time.monotonic()
        assert sender.send(client).status_code == 503
        assert time.monotonic() - began < 30
    finally:
        with connection.cursor() as cursor:
            stuck = "datname = current_database() AND query = 'COMMIT' AND state = 'active'"
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {stuck}")
            cursor.execute(UNDO)


def test_a_cluster_that_loses_its_broker_asks_it_again(sender: Sender, away: Away) -> None:
    broker = get_broker("jobs")
    assert isinstance(broker, PatientBroker)
    away.begin()
    assert broker.dequeue() is None
    away.end()
    broker.enqueue("a task")
    assert [payload for _, payload in broker.dequeue()] == ["a task"]


def test_a_page_says_that_the_database_is_away(client: Client, away: Away) -> None:
    client.force_login(User.objects.create_superuser("root@platform.example", "x" * 12))
    client.raise_request_exception = False
    away.begin()
    answer = client.get("/")
    assert answer.status_code == 503
    assert b"The database is away for a moment" in answer.content
    assert b'http-equiv="refresh"' in answer.content
