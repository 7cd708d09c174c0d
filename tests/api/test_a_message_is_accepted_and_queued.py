"""A 202 means rows: one message, one body, one delivery a recipient, each delivery in exactly one queue table."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import orjson
import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from delivery.models import Body, Delivery, Message, Ready, Suppression, Waiting
from mailplatform.shell.clock import now
from mailplatform.tenants.models import Tenant
from pools.models import DomainProvider, Provider
from tests.api.http import post
from tests.api.world import Sender, make_sender


def test_each_recipient_is_a_delivery_of_one_body(client: Client, acme: Sender) -> None:
    answer = acme.send(client, to=["anna@gmail.com", "Bob <bob@GMX.example>"], cc="carl@gmail.com", bcc=["dora@x.example"])
    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert [(each["to"], each["state"]) for each in body["deliveries"]] == [
        ("anna@gmail.com", "queued"),
        ("bob@gmx.example", "queued"),
        ("carl@gmail.com", "queued"),
        ("dora@x.example", "queued"),
    ]
    message = Message.objects.get(pk=body["id"])
    stored = Body.objects.get(pk=message.body_id)
    assert (message.tenant_id, message.recipients, message.size_bytes, message.submitted_by) == (acme.tenant.pk, 4, len(stored.mime), acme.row.prefix)
    assert b"dora" not in bytes(stored.mime)
    assert bytes(stored.mime)[stored.head_length :].startswith(b"\r\nHi Anna")
    assert sorted(Delivery.objects.values_list("role", flat=True)) == ["bcc", "cc", "to", "to"]
    assert {str(row.pk) for row in Waiting.objects.filter(why="sorting")} == {each["id"] for each in body["deliveries"]}


def test_a_domain_that_is_known_is_claimable_at_once(client: Client, acme: Sender) -> None:
    provider = Provider.objects.create(key="google", name="Gmail")
    DomainProvider.objects.create(domain="gmail.com", provider=provider, sorted_at=now(), expires_at=now().replace(year=now().year + 1))
    answer = acme.send(client).json()
    assert str(Ready.objects.get().pk) == answer["deliveries"][0]["id"]
    assert Waiting.objects.count() == 0


def test_a_suppressed_recipient_ends_visibly_and_the_others_go(client: Client, acme: Sender) -> None:
    Suppression.objects.create(tenant=acme.tenant, address="anna@gmail.com", reason="bounce", created_at=now())
    answer = acme.send(client, to=["Anna@gmail.com", "bob@gmail.com"]).json()
    assert [each["state"] for each in answer["deliveries"]] == ["suppressed", "queued"]
    gone = Delivery.objects.get(pk=answer["deliveries"][0]["id"])
    assert (gone.final, gone.reason, gone.done_at is not None) == ("suppressed", "suppressed.bounce", True)
    assert Waiting.objects.count() == 1


def test_a_paused_tenants_mail_is_held(client: Client, acme: Sender) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(state="paused")
    assert acme.send(client).json()["deliveries"][0]["state"] == "held"
    assert Waiting.objects.get().why == "hold"


def test_a_scheduled_message_waits(client: Client, acme: Sender) -> None:
    later = (now() + timedelta(hours=1)).isoformat()
    answer = acme.send(client, send_at=later, headers={"X-Campaign": "spring"}, tags=["a", "b"], metadata={"order": 7, "ok": True})
    assert answer.json()["deliveries"][0]["state"] == "scheduled"
    message = Message.objects.get()
    assert (message.tags, message.metadata) == (["a", "b"], {"order": 7, "ok": True})
    assert Waiting.objects.get().due_at == message.send_at


def test_a_batch_is_stored_whole(client: Client, acme: Sender) -> None:
    answer = acme.post(client, "messages/batch", {"messages": [acme.message(to=f"u{n}@gmail.com") for n in range(20)]})
    assert answer.status_code == 202
    assert [each["deliveries"][0]["to"] for each in answer.json()["messages"]] == [f"u{n}@gmail.com" for n in range(20)]
    assert Message.objects.count() == Delivery.objects.count() == Body.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_a_daily_cap_holds_however_many_ask_at_once(live_server: LiveServer) -> None:
    sender = make_sender("capped")
    Tenant.objects.filter(pk=sender.tenant.pk).update(daily_cap=10)
    body = orjson.dumps(sender.message(to=["a@gmail.com", "b@gmail.com", "c@gmail.com"]))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(live_server.url, sender, "messages", body), range(8)))
    assert sorted(status for status, _, _ in answers) == [202] * 3 + [429] * 5
    assert Delivery.objects.count() == 9
    assert all(int(headers["Retry-After"]) > 0 for status, _, headers in answers if status == 429)
