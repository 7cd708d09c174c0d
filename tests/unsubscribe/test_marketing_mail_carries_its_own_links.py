"""Each delivery of a marketing stream carries its own signed link, covered by DKIM; a tenant's own field stands; other mail carries nothing."""

import base64
import re
import time
from typing import Any
from uuid import UUID

import dkim
import pytest
from django.test import Client

from delivery.models import Body
from delivery.sign.dkim import RSA, Signer, make_key
from delivery.sign.keyring import sign_message
from delivery.submit import facts
from delivery.unsubscribe.offer import customer_name, feedback_field, offer_of
from delivery.unsubscribe.token import token_of
from mailplatform.shell.ids import message_of
from pools.models import Stream
from pools.purposes import Purpose
from tests.api.world import Sender
from tests.unsubscribe.links import own_head, send


def test_each_delivery_has_a_link_of_its_own(client: Client, acme: Sender) -> None:
    answer = acme.send(client, stream="news", to=["anna@gmail.com", "bob@gmail.com"]).json()
    heads = [own_head(each["id"]) or b"" for each in answer["deliveries"]]
    form = rb"^List-Unsubscribe: <(http://127\.0\.0\.1:8000/u/([0-9a-f]{52}))>,\r\n <mailto:u-\2@bounces\.platform\.example\?subject=unsubscribe>\r\n"
    links = [re.search(form, head) for head in heads]
    assert all(links) and len({link[1] for link in links if link}) == 2
    assert all(head.count(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") == 1 for head in heads)
    assert all(max(map(len, head.split(b"\r\n"))) < 998 for head in heads)


def test_nobody_is_asked_to_write_where_nobody_takes_mail(client: Client, acme: Sender, settings: Any) -> None:
    settings.INCOMING = ""
    head = own_head(acme.send(client, stream="news").json()["deliveries"][0]["id"]) or b""
    assert b"List-Unsubscribe: <http" in head and b"mailto" not in head


def test_mail_that_is_not_marketing_carries_none(client: Client, acme: Sender) -> None:
    delivery = acme.send(client).json()["deliveries"][0]["id"]
    assert own_head(delivery) is None


@pytest.mark.parametrize(("stream", "chosen", "carries"), [("receipts", True, True), ("news", False, False)])
def test_a_stream_can_choose(client: Client, acme: Sender, stream: str, chosen: bool, carries: bool) -> None:
    Stream.objects.filter(tenant=acme.tenant, name=stream).update(one_click_unsubscribe=chosen)
    facts.forget_cached()
    delivery = acme.send(client, stream=stream).json()["deliveries"][0]["id"]
    assert bool(own_head(delivery)) == carries


@pytest.mark.parametrize("name", ["List-Unsubscribe", "list-unsubscribe-post"])
def test_the_tenants_own_field_stands_and_is_not_doubled(client: Client, acme: Sender, name: str) -> None:
    delivery = acme.send(client, stream="news", headers={name: "<https://acme.example/leave>"}).json()["deliveries"][0]["id"]
    assert b"unsubscribe" not in (own_head(delivery) or b"").lower()
    assert _head(delivery).lower().count(name.lower().encode() + b":") == 1


def test_the_tenants_own_field_in_a_raw_message_stands(client: Client, acme: Sender) -> None:
    mime = b"From: news@acme.example\r\nTo: anna@gmail.com\r\nSubject: x\r\nLIST-Unsubscribe:\r\n <mailto:leave@acme.example>\r\n\r\nHello\r\n"
    delivery = acme.send(client, {"raw": base64.b64encode(mime).decode(), "stream": "news"}).json()["deliveries"][0]["id"]
    assert b"unsubscribe" not in (own_head(delivery) or b"").lower()


def test_a_feedback_id_is_added_unless_there_is_one(client: Client, acme: Sender) -> None:
    delivery, _ = send(client, acme)
    assert re.search(rb"\r\nFeedback-ID: [0-9a-f]{12}:[0-9a-f]{12}:marketing:mp[0-9a-f]{10}\r\n", own_head(delivery) or b"")
    delivery, _ = send(client, acme, headers={"Feedback-ID": "1:2:3:mine4"})
    assert b"Feedback-ID" not in (own_head(delivery) or b"")


def test_a_feedback_id_tells_nobody_who_stands_behind_it() -> None:
    field = feedback_field(tenant_id=4711, purpose=2, fingerprint=123456789).decode()
    assert "4711" not in field and "123456789" not in field
    names = field.removeprefix("Feedback-ID: ").strip().split(":")
    assert len(names) == 4 == len(set(names)) and 5 <= len(names[3]) <= 15
    assert customer_name(4711) == names[1] != customer_name(4712)


def test_dkim_covers_both_fields_and_an_independent_verifier_says_so() -> None:
    """RFC 8058 §4: the signature must cover List-Unsubscribe and List-Unsubscribe-Post; taking either away or adding another breaks it."""
    delivery, private = UUID(int=256), make_key(RSA)
    offer = offer_of(b"From: a@acme.example\r\n", 1, Purpose.MARKETING, 1)
    assert offer
    head = offer.head(delivery) + b"From: a@acme.example\r\nSubject: News\r\n"
    body = b"Hello\r\n"
    signed = sign_message([Signer("acme.example", "s1", RSA, private[0])], head, _hash(body), int(time.time())) + head + b"\r\n" + body
    assert _verifies(signed, private[1])
    names = re.sub(rb"\s", b"", re.search(rb"h=([^;]+);", signed)[1]).split(b":")  # type: ignore[index]
    assert names.count(b"list-unsubscribe") == 2 == names.count(b"list-unsubscribe-post") and b"feedback-id" in names
    assert not _verifies(signed.replace(b"=One-Click", b"=One-Clack"), private[1])
    assert not _verifies(signed.replace(b"/u/", b"/v/"), private[1])
    assert not _verifies(signed.replace(b"<mailto:u-", b"<mailto:v-"), private[1])
    assert not _verifies(b"List-Unsubscribe: <https://evil.example/>\r\n" + signed, private[1])


def test_without_https_live_mail_carries_no_link(settings: object) -> None:
    settings.MAIL_MODE, settings.PUBLIC_URL = "live", "http://mail.example"  # type: ignore[attr-defined]
    offer = offer_of(b"", 1, Purpose.MARKETING, 1)
    assert offer and b"Unsubscribe" not in offer.head(UUID(int=1))
    settings.PUBLIC_URL = "https://mail.example/"  # type: ignore[attr-defined]
    offer = offer_of(b"", 1, Purpose.MARKETING, 1)
    assert offer and b"<https://mail.example/u/" in offer.head(UUID(int=1))


def test_a_link_costs_microseconds() -> None:
    offer = offer_of(b"", 1, Purpose.MARKETING, 1)
    assert offer
    ids = [UUID(int=n) for n in range(1, 2001)]
    began_s = time.process_time()
    for each in ids:
        offer.head(each)
    assert (time.process_time() - began_s) / len(ids) < 40e-6  # 3 on a quiet machine


def test_return_paths_and_links_do_not_open_each_others_doors() -> None:
    from delivery.sign.returnpath import read_return_path, return_path
    from delivery.unsubscribe.token import read_token

    secret, delivery = b"secret", UUID(int=256)
    local = return_path(delivery, secret, "b.example").partition("@")[0].removeprefix("b-").replace("-", "")
    assert read_token(local, secret) is None
    token = token_of(delivery, secret)
    assert read_token(token.upper(), secret) == delivery
    assert read_return_path(f"b-{token[:32]}-{token[32:]}@b.example", secret, "b.example") is None


def _head(delivery: str) -> bytes:
    body = Body.objects.get(pk=message_of(UUID(delivery)))
    return bytes(body.mime)[: body.head_length]


def _hash(body: bytes) -> bytes:
    from delivery.sign.dkim import body_hash

    return body_hash(body)


def _verifies(message: bytes, record: str) -> bool:
    return bool(dkim.verify(message, dnsfunc=lambda *_, **__: record.encode()))
