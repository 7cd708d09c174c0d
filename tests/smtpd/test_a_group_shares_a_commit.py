"""Group commit: many sessions' messages in one transaction, each with its own outcome."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from delivery.models import Delivery, IdempotencyKey, Message
from delivery.submit import group as module
from delivery.submit.group import Group
from delivery.submit.idempotency import _number
from delivery.submit.request import Accepted, Refused, Request
from delivery.submit.transaction import token_of, understood
from mailplatform.tenants.models import Tenant
from tests.api.test_nothing_is_accepted_without_a_commit import AT_COMMIT, UNDO
from tests.api.world import Sender, make_sender
from tests.flow.platform import wait_until
from tests.smtpd.listening import Raw
from tests.smtpd.submitting import logged_in, mime, send, submission

pytestmark = pytest.mark.django_db(transaction=True)


def request(sender: Sender, to: str = "anna@gmail.com", key: str = "", subject: str = "Hello") -> Callable[[], Request]:
    def make() -> Request:
        at = datetime.now(UTC)
        made, _ = understood(mime(sender, Subject=subject).encode(), [to], at, "")
        token = token_of(sender.tenant.pk, key, made) if key else None
        return Request(sender.tenant.pk, "test", [made], lambda number: "", lambda messages: {"id": str(messages[0].id)}, token, at)

    return make


def together(makes: list[Callable[[], Request]], threads: int = 1) -> list[Any]:
    """All at once; the group's thread finds them all waiting."""
    begin = threading.Event()

    def held() -> Request:
        begin.wait(10)
        raise ValueError("only to keep the thread busy until all the others wait")

    async def all_of_them() -> list[Any]:
        group = Group(threads)
        try:
            first = asyncio.create_task(group.accept(held))
            await asyncio.sleep(0)
            others = [asyncio.create_task(group.accept(make)) for make in makes]
            await asyncio.sleep(0)
            begin.set()
            return (await asyncio.gather(first, *others, return_exceptions=True))[1:]
        finally:
            await asyncio.to_thread(group.close)

    return asyncio.run(all_of_them())


def transactions() -> int:
    """By the rows' xmin: what one transaction wrote has one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM delivery_message")
        return int(cursor.fetchone()[0])


def test_messages_of_many_tenants_are_one_transaction() -> None:
    senders = [make_sender(f"t{number}") for number in range(5)]
    outcomes = together([request(sender, f"a{number}@gmail.com") for sender in senders for number in range(4)])
    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert {outcome.body["id"] for outcome in outcomes} == {str(message) for message in Message.objects.values_list("id", flat=True)}
    assert Message.objects.count() == 20 == Delivery.objects.count()
    assert transactions() == 1


def test_what_is_wrong_with_one_is_its_own() -> None:
    acme, capped = make_sender("acme"), make_sender("capped")
    Tenant.objects.filter(pk=capped.tenant.pk).update(daily_cap=2)
    of_capped = [request(capped, f"{number}@gmail.com") for number in range(3)]
    outcomes = together([request(acme), *of_capped, request(acme, "not an address"), request(acme)])
    assert [type(outcome).__name__ for outcome in outcomes] == ["Accepted", "Accepted", "Accepted", "Refused", "Wrong", "Accepted"]
    assert Message.objects.count() == 4
    assert transactions() == 1


def test_one_that_the_database_does_not_take_fails_alone() -> None:
    acme = make_sender("acme")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE delivery_message ADD CONSTRAINT no_poison CHECK (subject <> 'poison') NOT VALID")
    try:
        outcomes = together([request(acme), request(acme, subject="poison"), request(acme)])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE delivery_message DROP CONSTRAINT no_poison")
    assert [type(outcome).__name__ for outcome in outcomes] == ["Accepted", "IntegrityError", "Accepted"]
    assert Message.objects.count() == 2


def test_the_same_key_twice_in_a_group_is_one_message() -> None:
    acme, other = make_sender("acme"), make_sender("other")
    same = request(acme, key="k")
    makes = [same, same, request(other, key="k"), request(acme, key="k", subject="Other"), request(acme, "b@gmail.com", "k")]
    first, again, others, clash, part = together(makes)
    assert (again.body, again.replayed) == (first.body, True)
    assert not (first.replayed or others.replayed or part.replayed)
    assert isinstance(clash, Refused)
    assert Message.objects.count() == 3 == IdempotencyKey.objects.count()


def test_the_same_key_in_two_groups_at_once_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0)  # both threads go ahead
    acme = make_sender("acme")
    outcomes = together([request(acme, key=f"k{number // 10}") for number in range(40)], threads=4)
    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert Message.objects.count() == 4
    assert sum(not outcome.replayed for outcome in outcomes) == 4


def test_a_group_does_not_stand_behind_a_key_that_is_in_use() -> None:
    acme = make_sender("acme")
    params = connection.get_connection_params()
    names = ("dbname", "user", "host", "port", "password")
    with psycopg.connect(**{name: params[name] for name in names if name in params}) as another:
        another.execute("SELECT pg_advisory_xact_lock(%s)", [_number(token_of(acme.tenant.pk, "k", request(acme)().items[0]))])  # type: ignore[arg-type]

        async def both() -> tuple[Any, Any]:
            group = Group(1)
            try:
                waiting = asyncio.create_task(group.accept(request(acme, key="k")))
                other = await asyncio.wait_for(group.accept(request(acme, "b@gmail.com")), 3)
                another.rollback()
                return other, await waiting
            finally:
                await asyncio.to_thread(group.close)

        outcomes = asyncio.run(both())
    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert Message.objects.count() == 2


# -- as a client sees it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["RAISE EXCEPTION 'no' USING ERRCODE = '53100'", "RAISE WARNING 'might not have been replicated to the standby'"])
def test_a_commit_that_is_not_certain_is_451(tmp_path: Path, what: str) -> None:
    acme = make_sender("acme")
    with submission(tmp_path) as served, logged_in(served.port, acme) as client:
        with connection.cursor() as cursor:
            cursor.execute(AT_COMMIT.format(what=what))
        try:
            assert send(client, acme)[0] == 451
        finally:
            with connection.cursor() as cursor:
                cursor.execute(UNDO)
        assert send(client, acme)[0] == 250


def _sessions() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return {pid for (pid,) in cursor.fetchall()}


def test_a_database_that_is_away_for_long_is_451_and_back_it_is_used_again(tmp_path: Path, settings: Any) -> None:
    settings.DATABASE_WAIT_S = 0.3
    acme = make_sender("acme")
    host, port = connection.settings_dict["HOST"], connection.settings_dict["PORT"]
    before = _sessions()  # of other tests: a browser's server keeps its own
    with submission(tmp_path) as served, logged_in(served.port, acme) as client:
        assert send(client, acme)[0] == 250
        connection.settings_dict.update(HOST="127.0.0.1", PORT="1")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS u(pid)", [list(_sessions() - before)])
        try:
            answers = [send(client, acme)[0] for _ in range(3)]
        finally:
            connection.settings_dict.update(HOST=host, PORT=port)
        assert answers == [451, 451, 451]
        wait_until(lambda: send(client, acme)[0] == 250, 5, "it was accepted again")


def test_whoever_leaves_while_it_is_stored_harms_nobody(tmp_path: Path) -> None:
    acme = make_sender("acme")
    with submission(tmp_path) as served:
        client = logged_in(served.port, acme)
        for command in ("MAIL FROM:<a@b.example>", "RCPT TO:<anna@gmail.com>", "DATA"):
            client.docmd(command)
        client.send(mime(acme).encode() + b".\r\n")
        client.close()
        wait_until(lambda: Message.objects.count() == 1, 5, "it was stored")
        wait_until(lambda: not served.listener.sessions, 5, "the session was over")
        assert served.listener.gate.held_bytes == 0
        with Raw(served.port) as another:
            assert another.ask("NOOP").startswith("250")
