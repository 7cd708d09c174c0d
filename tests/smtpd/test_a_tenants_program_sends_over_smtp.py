"""What the API takes, submission takes; what the API refuses, it refuses for the same reason, with codes that mail programs understand."""

import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from delivery.models import Body, Delivery, IdempotencyKey, Message, Suppression, Waiting
from delivery.smtpd.limits import Limits
from delivery.smtpd.submission import Relay, Trust
from mailplatform.shell.clock import now
from mailplatform.tenants import keys
from mailplatform.tenants.models import SendingDomain, Tenant
from pools.models import Stream
from tests.api.world import Sender, make_sender
from tests.smtpd.listening import Raw, Served
from tests.smtpd.submitting import logged_in, mime, send, submission

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme() -> Sender:
    return make_sender("acme")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with submission(tmp_path, limits=Limits(message_bytes=100_000, failed_logins=100, login_delay_s=0)) as served:
        yield served


def test_a_message_is_stored_when_it_is_accepted(served: Served, acme: Sender) -> None:
    with logged_in(served.port, acme) as client:
        code, text = send(client, acme, ["anna@gmail.com", "secret@gmail.com"])
    message = Message.objects.get()
    assert (code, text) == (250, f"2.0.0 Accepted as {message.id}")
    assert (message.tenant_id, message.sender, message.subject, message.submitted_by) == (acme.tenant.pk, "News <news@acme.example>", "Hello", acme.row.prefix)
    assert set(Delivery.objects.values_list("recipient", "role")) == {("anna@gmail.com", "to"), ("secret@gmail.com", "bcc")}
    assert Waiting.objects.count() == 2
    mime = bytes(Body.objects.get().mime).decode()
    assert mime.startswith(f"Received: by mail.test with ESMTPSA\r\n id {message.id}; ")
    assert mime.endswith("\r\n\r\nHi Anna\r\n")
    assert "\r\nDate: " in mime and f"\r\nMessage-ID: <{message.id}@acme.example>\r\n" in mime


def test_what_json_has_fields_for_stands_in_the_header(served: Served, acme: Sender) -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    fields = {"X-Mailplatform-Stream": "news", "X-Mailplatform-Tags": "spring, =?utf-8?q?f=C3=BCr_dich?=", "X-Mailplatform-Metadata": '{"order": 7}',
              "X-Mailplatform-Send-At": later.isoformat(), "X-Mailplatform-Delivery": "of an earlier mail of ours"}  # fmt: skip
    with logged_in(served.port, acme) as client:
        code, _ = send(client, acme, data=mime(acme, Bcc="secret@gmail.com", **fields))
    message = Message.objects.get()
    assert code == 250
    assert (message.tags, message.metadata, message.send_at) == (["spring", "für dich"], {"order": 7}, later)
    assert message.stream_id == Stream.objects.get(tenant=acme.tenant, name="news").pk
    head = bytes(Body.objects.get().mime).lower()
    assert b"x-mailplatform" not in head and b"secret" not in head


@pytest.mark.parametrize(("fields", "code"), [
    ({"From": "x@other.example"}, "550 5.7.1"),
    ({"From": "x@new.example"}, "550 5.7.1"),
    ({"From": "x@sub.acme.example"}, "550 5.7.1"),
    ({"From": ""}, "550 5.6.0"),
    ({"From": "a@acme.example, b@acme.example"}, "550 5.6.0"),
    ({"X-Mailplatform-Stream": "nothing"}, "550 5.6.0"),
    ({"X-Mailplatform-Steam": "news"}, "550 5.6.0"),
    ({"X-Mailplatform-Metadata": "[1]"}, "550 5.6.0"),
    ({"X-Mailplatform-Metadata": '{"a": "\\u0000"}'}, "550 5.6.0"),
    ({"X-Mailplatform-Send-At": "tomorrow"}, "550 5.6.0"),
    ({"X-Mailplatform-Tags": "x" * 65}, "550 5.6.0"),
])  # fmt: skip
def test_what_the_api_refuses_is_refused(served: Served, acme: Sender, fields: dict[str, str], code: str) -> None:
    SendingDomain.objects.create(tenant=acme.tenant, name="new.example")
    make_sender("other")
    with logged_in(served.port, acme) as client:
        answer = send(client, acme, data=mime(acme, **fields))
        assert f"{answer[0]} {answer[1]}".startswith(code), answer
        assert send(client, acme)[0] == 250
    assert Message.objects.count() == 1


@pytest.mark.parametrize(("data", "code"), [
    (b"From: news@acme.example\r\n\r\nbare\nline\r\n", "550 5.6.0"),
    (b"From: news@acme.example\r\n\r\n\0\r\n", "550 5.6.0"),
    (b"From: news@acme.example\r\n\r\n" + b"x" * 999 + b"\r\n", "550 5.6.0"),
    (b"From: news@acme.example\r\nFrom: news@acme.example\r\n\r\n\r\n", "550 5.6.0"),
    (b"Received: x\r\n" * 51 + b"From: news@acme.example\r\n\r\n\r\n", "554 5.4.6"),
    (b"From: news@acme.example\r\n" + b"X: y\r\n" * 60_000 + b"\r\n\r\n", "550 5.6.0"),
    (b"From: news@acme.example\r\n\r\n" + b"x" * 70 + b"\r\n" * 50_000, "552 5.3.4"),
])  # fmt: skip
def test_what_cannot_be_sent_is_refused(tmp_path: Path, acme: Sender, data: bytes, code: str) -> None:
    most = 100_000 if code.startswith("552") else 1_000_000
    with submission(tmp_path, limits=Limits(message_bytes=most)) as served, logged_in(served.port, acme) as client:
        client.mail("a@b.example")
        client.rcpt("anna@gmail.com")
        client.docmd("DATA")
        client.send(data + b".\r\n")  # as it is: smtplib would mend its line ends
        answer = client.getreply()
        assert f"{answer[0]} {answer[1].decode()}".startswith(code), answer
    assert not Message.objects.exists()


def test_a_recipient_that_is_none_is_refused_at_once(served: Served, acme: Sender) -> None:
    with logged_in(served.port, acme) as client:
        client.mail("a@b.example")
        assert client.docmd("RCPT TO:<anna@localhost>")[1].startswith(b"5.1.3 ")
        assert client.docmd('RCPT TO:<"a b"@gmail.com>')[1].startswith(b"5.1.3 ")
        assert client.docmd("RCPT TO:<anna@gmail.com>")[0] == 250


def test_addresses_and_content_beyond_ascii_go_through(served: Served, acme: Sender) -> None:
    with logged_in(served.port, acme) as client:
        client.ehlo_or_helo_if_needed()
        data = "From: news@acme.example\r\nTo: jürgen@bücher.example\r\nSubject: Grüße\r\n\r\nSchön\r\n".encode()
        client.sendmail("a@b.example", ["jürgen@bücher.example"], data, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    assert Delivery.objects.get().recipient == "jürgen@xn--bcher-kva.example"
    body = Body.objects.get()
    assert (body.needs_smtputf8, body.needs_8bit, Message.objects.get().subject) == (True, True, "Grüße")


def test_a_suppressed_recipient_is_told_and_the_others_go(served: Served, acme: Sender) -> None:
    Suppression.objects.create(tenant=acme.tenant, address="gone@gmail.com", reason="hard_bounce", created_at=now())
    other = make_sender("other")
    with logged_in(served.port, acme) as client, logged_in(served.port, other) as another:
        assert send(client, acme, ["anna@gmail.com", "Gone@gmail.com"])[1].endswith(", 1 of 2 suppressed")
        assert "suppressed" not in send(another, other, "gone@gmail.com")[1]
    assert Delivery.objects.filter(final="suppressed").count() == 1


def test_the_daily_cap_is_a_wait_and_not_a_refusal(served: Served, acme: Sender) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(daily_cap=2)
    with logged_in(served.port, acme) as client:
        assert send(client, acme)[0] == 250
        code, text = send(client, acme, ["b@gmail.com", "c@gmail.com"])
        assert (code, text[:5]) == (452, "4.7.1")
        assert send(client, acme)[0] == 250


def test_a_suspended_tenant_sends_nothing_and_a_paused_ones_mail_waits(served: Served, acme: Sender) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(state="suspended")
    paused = make_sender("paused")
    Tenant.objects.filter(pk=paused.tenant.pk).update(state="paused")
    with logged_in(served.port, acme) as client, logged_in(served.port, paused) as another:
        assert send(client, acme)[1].startswith("5.7.1 ")
        assert send(another, paused)[0] == 250
    assert Waiting.objects.get().why == "hold"


# -- keys -------------------------------------------------------------------------------------------------------------


def refused(port: int, sender: Sender, key: str) -> str:
    with pytest.raises(smtplib.SMTPAuthenticationError) as no:
        logged_in(port, sender, key)
    return f"{no.value.smtp_code} {no.value.smtp_error.decode()}"


def test_only_a_key_that_may_send_logs_in(served: Served, acme: Sender) -> None:
    reads = keys.make_key(acme.tenant, "reads", [keys.Scope.READ])[1]
    elsewhere = keys.make_key(acme.tenant, "elsewhere", allowed_networks=["10.0.0.0/8"])[1]
    here = keys.make_key(acme.tenant, "here", allowed_networks=["127.0.0.0/8"])[1]
    old, revoked = keys.make_key(acme.tenant, "old", expires_at=datetime.now(UTC))[1], keys.make_key(acme.tenant, "revoked")
    keys.revoke(revoked[0])
    for key in (reads, elsewhere, old, revoked[1], acme.key[:-1] + "x", "", "mp_", "x" * 5000):
        assert refused(served.port, acme, key).startswith("535 5.7.8")
    logged_in(served.port, acme, here).quit()
    assert keys.ApiKey.objects.get(name="here").last_used_at is not None


def test_a_revoked_key_ends_what_it_began(served: Served, acme: Sender) -> None:
    with logged_in(served.port, acme) as client:
        assert send(client, acme)[0] == 250
        keys.revoke(acme.row)
        assert send(client, acme)[1].startswith("5.7.1 The key was revoked")
    assert Message.objects.count() == 1


def test_a_tenants_key_sends_in_no_other_tenants_name(served: Served, acme: Sender) -> None:
    other = make_sender("other")
    with logged_in(served.port, acme, other.key) as client:  # the user name means nothing
        assert send(client, acme)[1].startswith("5.7.1 acme.example is not a sending domain of this tenant")
        assert send(client, other, X_Mailplatform_Idempotency_Key="k")[0] == 250
    with logged_in(served.port, acme) as client:
        assert send(client, acme, X_Mailplatform_Idempotency_Key="k")[1].startswith("2.0.0 Accepted as")
    assert set(Message.objects.values_list("tenant_id", flat=True)) == {acme.tenant.pk, other.tenant.pk}


# -- the same again ---------------------------------------------------------------------------------------------------


def test_the_same_key_is_answered_and_not_sent_again(served: Served, acme: Sender) -> None:
    key = {"X_Mailplatform_Idempotency_Key": "order-7"}
    with logged_in(served.port, acme) as client:
        first = send(client, acme, Date="Mon, 1 Jan 2024 10:00:00 +0000", **key)
        again = send(client, acme, Date="Mon, 1 Jan 2024 10:00:07 +0000", **key)
        part = send(client, acme, "bert@gmail.com", **key)  # the same message's other recipients, as Postfix sends them
        other = send(client, acme, Subject="Another", **key)
    assert (first[0], again) == (250, (250, first[1].replace("Accepted", "Already accepted")))
    assert part[1].startswith("2.0.0 Accepted as")
    assert (other[0], other[1][:5]) == (550, "5.6.0")
    assert Message.objects.count() == 2 == IdempotencyKey.objects.count()


# -- the relay --------------------------------------------------------------------------------------------------------


def test_a_trusted_address_sends_without_a_key_as_its_tenant(tmp_path: Path, acme: Sender) -> None:
    trusted = [Trust(ip_network("127.0.0.7/32"), "acme"), Trust(ip_network("127.0.0.8/32"), "nobody")]
    with submission(tmp_path, lambda group: Relay(group, "mail.test", trusted)) as served:
        assert Raw(served.port, greeted=False).reply().startswith("554 5.7.1")
        for source, expected in (("127.0.0.7", "250 2.0.0"), ("127.0.0.8", "550 5.7.1")):
            with Raw(served.port, source=source) as client:
                assert "AUTH" not in client.ask("EHLO me")
                client.asked(["MAIL FROM:<>", "RCPT TO:<anna@gmail.com>", "DATA"])
                assert client.ask(mime(acme) + ".").startswith(expected)
    assert Message.objects.get().submitted_by == "smtp 127.0.0.7"
