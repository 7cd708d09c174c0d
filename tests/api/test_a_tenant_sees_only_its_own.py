"""Another tenant's messages, deliveries, suppressions and streams are not there."""

from django.test import Client

from delivery.models import Suppression, Waiting
from mailplatform.shell.clock import now
from tests.api.world import Sender


def test_anothers_message_cannot_be_read_or_cancelled(client: Client, acme: Sender, other: Sender) -> None:
    sent = acme.send(client).json()["id"]
    assert other.get(client, f"messages/{sent}").status_code == 404
    assert other.post(client, f"messages/{sent}/cancel", b"").status_code == 404
    assert Waiting.objects.count() == 1
    assert acme.get(client, f"messages/{sent}").status_code == 200


def test_lists_hold_only_ones_own(client: Client, acme: Sender, other: Sender) -> None:
    mine = acme.send(client, tags=["t"]).json()["id"]
    theirs = other.send(client, tags=["t"]).json()["id"]
    for params in ({}, {"recipient": "anna@gmail.com"}, {"tag": "t"}, {"state": "queued"}, {"stream": "receipts"}):
        assert [row["id"] for row in acme.get(client, "messages", **params).json()["data"]] == [mine]
        assert [row["id"] for row in other.get(client, "messages", **params).json()["data"]] == [theirs]


def test_anothers_suppressions_neither_show_nor_suppress_nor_go(client: Client, acme: Sender, other: Sender) -> None:
    row = Suppression.objects.create(tenant=other.tenant, address="anna@gmail.com", reason="bounce", created_at=now())
    assert acme.get(client, "suppressions").json()["data"] == []
    assert acme.send(client).json()["deliveries"][0]["state"] == "queued"
    assert client.delete(f"/api/v1/suppressions/{row.pk}", **acme.auth).status_code == 404
    assert client.delete(f"/api/v1/suppressions/{row.pk}", **other.auth).status_code == 204


def test_anothers_domain_and_stream_cannot_be_used(client: Client, acme: Sender, other: Sender) -> None:
    other.tenant.streams.create(name="special", purpose=0, pool=other.tenant.streams.first().pool)
    assert acme.send(client, **{"from": f"a@{other.domain}"}).json()["errors"][0]["field"] == "from"
    assert acme.send(client, stream="special").json()["errors"][0]["field"] == "stream"
    assert acme.post(client, "suppressions", {"address": "a@b.example", "stream": "special"}).json()["errors"][0]["field"] == "stream"


def test_the_same_idempotency_key_of_two_tenants_is_two_keys(client: Client, acme: Sender, other: Sender) -> None:
    first = acme.post(client, "messages", acme.message(), HTTP_IDEMPOTENCY_KEY="k")
    second = other.post(client, "messages", other.message(), HTTP_IDEMPOTENCY_KEY="k")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]
