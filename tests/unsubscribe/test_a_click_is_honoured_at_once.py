"""What a POST to the link does: suppression, event, what waits in the queue; once however often; and what looking does: nothing."""

import re
from typing import Any

import pytest
from django.test import Client

from delivery.models import Delivery, Event, Ready, Suppression, Waiting
from delivery.unsubscribe import bounds
from mailplatform.shell.models import AuditEntry
from pools.models import StreamMinute
from tests.api.world import Sender
from tests.unsubscribe.links import send, token_for

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def suppressed(sender: Sender) -> list[tuple[str, str | None, str]]:
    rows = Suppression.objects.filter(tenant=sender.tenant).order_by("id")
    return [(row.address, row.stream.name if row.stream else None, row.reason) for row in rows]


def test_looking_changes_nothing(client: Client, acme: Sender) -> None:
    _, link = send(client, acme)
    for look in (client.get, client.head):
        answer = look(link, HTTP_SEC_PURPOSE="prefetch", HTTP_USER_AGENT="Link scanner")
        assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
    assert client.options(link).status_code == 405
    assert suppressed(acme) == [] and not Event.objects.exists()


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart"])
def test_a_mailbox_providers_post_acts_at_once(client: Client, acme: Sender, content_type: str) -> None:
    delivery, link = send(client, acme, to="Anna@gmail.com")
    form: Any = {"data": ONE_CLICK} if content_type == "multipart" else {"data": "List-Unsubscribe=One-Click", "content_type": content_type}
    answer = client.post(link, **form)
    assert answer.status_code == 200 and not answer.cookies
    assert suppressed(acme) == [("anna@gmail.com", "news", "unsubscribe")]
    event = Event.objects.get()
    assert (str(event.delivery_id), event.kind, event.data["stream"], event.data["how"]) == (delivery, "unsubscribed", "news", "one-click")
    again = acme.send(client, stream="news", to="anna@gmail.com").json()["deliveries"][0]
    assert again["state"] == "suppressed"
    assert acme.send(client, to="anna@gmail.com").json()["deliveries"][0]["state"] == "queued", "other streams go on"


def test_it_is_done_once_however_often(client: Client, acme: Sender) -> None:
    _, link = send(client, acme)
    answers = [client.post(link, ONE_CLICK) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert all(b"You are unsubscribed" in answer.content for answer in answers)
    assert len(suppressed(acme)) == 1 == Event.objects.count()


def test_what_waits_in_the_queue_is_stopped(client: Client, acme: Sender) -> None:
    _, link = send(client, acme, to="anna@gmail.com")
    later, _ = send(client, acme, to="anna@gmail.com")
    receipt = acme.send(client, to="anna@gmail.com").json()["deliveries"][0]["id"]
    bob, _ = send(client, acme, to="bob@gmail.com")
    assert b"was stopped" in client.post(link, ONE_CLICK).content
    row = Delivery.objects.get(pk=later)
    assert (row.final, row.reason) == ("suppressed", "suppressed.unsubscribe") and row.done_at
    minute = StreamMinute.objects.get(suppressed__gt=0)
    assert (minute.tenant_id, minute.suppressed, minute.provider_id, minute.attempted) == (acme.tenant.pk, 2, 0, 0)
    left = {str(pk) for table in (Waiting, Ready) for pk in table.objects.values_list("pk", flat=True)}
    assert left == {receipt, bob}


def test_everything_means_all_marketing_streams(client: Client, acme: Sender) -> None:
    from pools.models import Stream
    from pools.purposes import Purpose

    news = Stream.objects.get(tenant=acme.tenant, name="news")
    Stream.objects.create(tenant=acme.tenant, name="offers", purpose=Purpose.MARKETING, pool=news.pool)
    _, link = send(client, acme)
    client.post(link, {**ONE_CLICK, "which": "everything"})
    assert suppressed(acme) == [("anna@gmail.com", "news", "unsubscribe"), ("anna@gmail.com", "offers", "unsubscribe")]


def test_undo_takes_back_what_the_page_just_did_and_nothing_else(client: Client, acme: Sender) -> None:
    _, link = send(client, acme)
    page = client.post(link, {**ONE_CLICK, "which": "stream"}).content.decode()
    undo = re.search(r'name="undo" value="([^"]+)"', page)[1]  # type: ignore[index]
    assert b"subscribed again" in client.post(link + "/undo", {"undo": undo}).content
    assert suppressed(acme) == []
    assert AuditEntry.objects.get().action == "unsubscribe undone"
    client.post(link, ONE_CLICK)
    assert b"subscribed again" in client.post(link + "/undo", {"undo": undo}).content
    assert len(suppressed(acme)) == 1, "an old undo does not take back a new wish"
    assert client.post(link + "/undo", {"undo": undo[:-2] + "xx"}).status_code == 400
    assert client.get(link + "/undo").status_code == 405


def test_an_undo_serves_its_own_link_alone(client: Client, acme: Sender, other: Sender) -> None:
    _, ours = send(client, acme)
    _, theirs = send(client, other)
    undo = re.search(r'name="undo" value="([^"]+)"', client.post(ours, {**ONE_CLICK, "which": "stream"}).content.decode())[1]  # type: ignore[index]
    assert client.post(theirs + "/undo", {"undo": undo}).status_code == 400
    assert len(suppressed(acme)) == 1


def test_a_post_that_does_not_say_one_click_does_nothing(client: Client, acme: Sender) -> None:
    _, link = send(client, acme)
    for body in ({}, {"List-Unsubscribe": "Yes"}, {"q": "One-Click"}):
        assert client.post(link, body).status_code == 400
    assert client.post(link, {**ONE_CLICK, "x": "y" * 20_000}).status_code == 413
    assert suppressed(acme) == []


def test_forged_and_forgotten_links_get_the_same_answer(client: Client, acme: Sender) -> None:
    _, link = send(client, acme)
    forged = link[:-1] + ("0" if link[-1] != "0" else "1")
    forgotten = "/u/" + token_for("0193a5f2-7c1e-7b42-9d1a-5e8f2c000100")
    answers = [client.post(path, ONE_CLICK) for path in (forged, forgotten, "/u/x", "/u/" + "0" * 52)]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({answer.content for answer in answers}) == 1
    assert suppressed(acme) == []


def test_guessing_is_bounded_and_true_links_are_not(client: Client, acme: Sender) -> None:
    """A mailbox provider sends everybody's clicks from few addresses: as long as the links are true, they all count."""
    links = [send(client, acme, to=f"p{n}@gmail.com")[1] for n in range(3)]
    for _ in range(bounds.FORGED_A_MINUTE):
        client.post("/u/" + "ab" * 26, ONE_CLICK)
    refused = client.post("/u/" + "ab" * 26, ONE_CLICK)
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert [client.post(link, ONE_CLICK, REMOTE_ADDR="192.0.2.7").status_code for link in links] == [200] * 3
    for _ in range(bounds.ONE_LINK_A_MINUTE):
        answer = client.get(links[0], REMOTE_ADDR="192.0.2.8")
    assert answer.status_code == 429 and client.get(links[1], REMOTE_ADDR="192.0.2.8").status_code == 200


def test_a_token_of_one_tenant_does_nothing_to_another(client: Client, acme: Sender, other: Sender) -> None:
    _, link = send(client, acme, to="anna@gmail.com")
    waiting, _ = send(client, other, to="anna@gmail.com")
    client.post(link, {**ONE_CLICK, "which": "everything"})
    assert suppressed(other) == [] and len(suppressed(acme)) == 1
    assert Delivery.objects.get(pk=waiting).final is None
    assert other.send(client, stream="news", to="anna@gmail.com").json()["deliveries"][0]["state"] == "queued"


def test_the_page_does_not_tell_the_whole_address(client: Client, acme: Sender) -> None:
    _, link = send(client, acme, to="annabelle@gmail.com")
    page = client.get(link).content.decode()
    assert "annabelle" not in page and "@gmail.com" in page and "Acme" in page and "news" in page
    assert "<script" not in page and "http" not in re.sub(r"<!doctype.*?>", "", page)


def test_a_mail_to_the_token_unsubscribes_too(client: Client, acme: Sender) -> None:
    """What the inbound listener calls for u-TOKEN@…."""
    from delivery.submit.commit import committed
    from delivery.unsubscribe.act import unsubscribe_by_mail

    delivery, _ = send(client, acme)
    with committed() as cursor:
        assert unsubscribe_by_mail(cursor, token_for(delivery).upper())
        assert not unsubscribe_by_mail(cursor, "f" * 52)
    assert suppressed(acme) == [("anna@gmail.com", "news", "unsubscribe")]
    assert Event.objects.get().data["how"] == "mail"


def test_what_came_to_wait_after_the_click_is_stopped_by_the_minute(client: Client, acme: Sender, other: Sender) -> None:
    """An engine had it in its hands, or it was being accepted: neither saw the click."""
    from delivery.unsubscribe.sweep import sweep

    _, link = send(client, acme)
    client.post(link, ONE_CLICK)
    kept = list(Suppression.objects.all())
    Suppression.objects.all().delete()
    late, _ = send(client, acme)
    receipt = acme.send(client, to="anna@gmail.com").json()["deliveries"][0]["id"]
    theirs, _ = send(client, other)
    Suppression.objects.bulk_create(kept)
    assert (sweep(), sweep()) == (1, 0)
    assert Delivery.objects.get(pk=late).final == "suppressed"
    assert Delivery.objects.get(pk=receipt).final is None and Delivery.objects.get(pk=theirs).final is None
