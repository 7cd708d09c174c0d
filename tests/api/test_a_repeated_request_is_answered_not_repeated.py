"""Idempotency-Key: one message however often and however simultaneously the same request comes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import orjson
import psycopg
import pytest
from django.db import connection
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from delivery.models import Delivery, IdempotencyKey, Message
from delivery.submit import idempotency
from mailplatform.shell.clock import now
from tests.api.http import post
from tests.api.world import Sender, make_sender


def test_the_same_request_gets_the_first_answer_again(client: Client, acme: Sender) -> None:
    first = acme.post(client, "messages", acme.message(), HTTP_IDEMPOTENCY_KEY="order 1")
    again = acme.post(client, "messages", acme.message(), HTTP_IDEMPOTENCY_KEY="order 1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert Message.objects.count() == 1


@pytest.mark.parametrize("path", ["messages", "messages/batch"])
def test_another_request_under_the_same_key_is_refused(client: Client, acme: Sender, path: str) -> None:
    acme.post(client, "messages", acme.message(), HTTP_IDEMPOTENCY_KEY="k")
    body = acme.message(text="other") if path == "messages" else {"messages": [acme.message()]}
    answer = acme.post(client, path, body, HTTP_IDEMPOTENCY_KEY="k")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert Message.objects.count() == 1


def test_a_refused_request_leaves_its_key_free(client: Client, acme: Sender) -> None:
    assert acme.post(client, "messages", acme.message(to="nobody"), HTTP_IDEMPOTENCY_KEY="k").status_code == 422
    assert acme.post(client, "messages", acme.message(), HTTP_IDEMPOTENCY_KEY="k").status_code == 202


def test_a_key_is_forgotten_after_a_day(client: Client, acme: Sender) -> None:
    acme.post(client, "messages", acme.message(), HTTP_IDEMPOTENCY_KEY="old")
    acme.post(client, "messages", acme.message(), HTTP_IDEMPOTENCY_KEY="new")
    IdempotencyKey.objects.filter(key="old").update(created_at=now() - timedelta(hours=25))
    answer = acme.post(client, "messages", acme.message(text="other"), HTTP_IDEMPOTENCY_KEY="old")
    assert (answer.status_code, "Idempotency-Replayed" in answer) == (202, False)
    IdempotencyKey.objects.filter(key="old").update(created_at=now() - timedelta(hours=25))
    assert idempotency.forget_old() == 1
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["new"]


@pytest.mark.django_db(transaction=True)
def test_twelve_at_the_same_time_make_one_message(live_server: LiveServer) -> None:
    sender = make_sender("racer")
    body = orjson.dumps(sender.message(to=["a@gmail.com", "b@gmail.com"]))
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: post(live_server.url, sender, "messages", body, {"Idempotency-Key": "race"}), range(12)))
    assert {status for status, _, _ in answers} == {202}
    assert len({answer["id"] for _, answer, _ in answers}) == 1
    assert sorted("Idempotency-Replayed" in headers for _, _, headers in answers) == [False] + [True] * 11
    assert (Message.objects.count(), Delivery.objects.count(), IdempotencyKey.objects.count()) == (1, 2, 1)


@pytest.mark.django_db(transaction=True)
def test_different_bodies_at_the_same_time_let_one_win(live_server: LiveServer) -> None:
    sender = make_sender("racer")
    bodies = [orjson.dumps(sender.message(text=f"body {n}")) for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda body: post(live_server.url, sender, "messages", body, {"Idempotency-Key": "race"}), bodies))
    assert sorted(status for status, _, _ in answers) == [202] + [422] * 7
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_key_that_stays_in_use_gets_409(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = make_sender("waiter")
    monkeypatch.setattr(idempotency, "WAIT_S", 0.2)
    token = idempotency.token_of(sender.tenant.pk, "held", "POST /api/v1/messages", b"")
    with _another_connection() as holder, holder.cursor() as cursor:
        assert idempotency.take(cursor, [token], waits=True) == [None]
        answer = sender.post(client, "messages", sender.message(), HTTP_IDEMPOTENCY_KEY="held")
    assert (answer.status_code, answer.json()["errors"][0]["field"], answer["Retry-After"]) == (409, "Idempotency-Key", "1")
    assert not Message.objects.exists()
    assert sender.post(client, "messages", sender.message(), HTTP_IDEMPOTENCY_KEY="held").status_code == 202


def _another_connection() -> psycopg.Connection[Any]:
    params = connection.get_connection_params()
    return psycopg.connect(**{name: params[name] for name in ("dbname", "user", "host", "port", "password") if name in params})
