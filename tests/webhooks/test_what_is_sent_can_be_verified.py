"""Events arrive over HTTPS, signed so that the Standard Webhooks library takes them, and ours takes what the library signs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from delivery.webhooks.signature import new_secret, signed_headers
from mailplatform.shell.secrets import encrypt
from tests.queue.house import House, engine, knows
from tests.queue.test_what_became_of_a_delivery_is_recorded_once import claimed, keep, settled
from tests.webhooks.house import endpoint
from tests.webhooks.receiver import Receiver, authority, certified
from tests.webhooks.sending import sending, until


async def loopback(host: str) -> tuple[str, ...]:
    return ("127.0.0.1",)


@pytest.mark.django_db(transaction=True)
def test_an_event_arrives_over_https_and_the_library_verifies_it(tmp_path: Path) -> None:
    house, provider, secret = House.build(), knows("gmail.com"), new_secret()
    ca, file = authority(tmp_path)
    with Receiver(certified(tmp_path, ca, "hooks.acme.example")) as receiver, sending(loopback, file):
        endpoint(house.tenant, receiver.url(host="hooks.acme.example"), secret=secret)
        message = house.message("anna@gmail.com", tags=("login",), metadata={"order": 7})
        house.put(message)
        with engine(house) as number:
            (one,) = claimed(house, provider.id, number)
            keep(number, settled(house, one, number, "bounced", recipient="anna@gmail.com"))
        until(lambda: len(receiver.heard) == 2)
    accepted, bounced = (Webhook(secret).verify(heard.body, heard.headers) for heard in receiver.heard)
    assert accepted["type"] == "message.accepted"
    assert bounced["type"] == "message.bounced"
    assert bounced["data"] == {
        "message_id": str(message.id), "delivery_id": str(one.id), "recipient": "anna@gmail.com", "stream": "transactional", "tags": ["login"],
        "metadata": {"order": 7}, "state": "bounced", "attempt": 1, "reason": "accepted", "fault": "none", "code": 250, "enhanced": None,
        "reply": "550 no such user", "provider": "google", "mx_host": None, "detail": {},
    }  # fmt: skip
    assert datetime.now(UTC) - datetime.fromisoformat(bounced["timestamp"]) < timedelta(minutes=1)
    assert receiver.heard[0].headers["host"] == f"hooks.acme.example:{receiver.port}"


@pytest.mark.django_db(transaction=True)
def test_for_a_day_after_a_rotation_both_secrets_verify() -> None:
    house, old, new = House.build(), new_secret(), new_secret()
    with Receiver() as receiver, sending():
        until_then = datetime.now(UTC) + timedelta(hours=1)
        turning = endpoint(house.tenant, receiver.url(), secret=new, old_secret_encrypted=encrypt(old.encode()), old_secret_until=until_then)
        house.put(house.message("anna@gmail.com"))
        (heard,) = until(lambda: receiver.heard)
        for secret in (old, new):
            Webhook(secret).verify(heard.body, heard.headers)
        turning.old_secret_until = datetime.now(UTC)
        turning.save()
        house.put(house.message("bea@gmail.com"))
        later = until(lambda: receiver.heard[1:])[0]
    Webhook(new).verify(later.body, later.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(later.body, later.headers)


@given(body=st.text().map(str.encode), name=st.text("abcdefghijklmnop0123456789_", min_size=1))
def test_the_library_and_we_sign_alike(body: bytes, name: str) -> None:
    secret, at = new_secret(), datetime.now(UTC)
    ours = signed_headers([secret], name, int(at.timestamp()), body)
    assert ours["webhook-signature"] == Webhook(secret).sign(name, at, body.decode())


def test_what_was_changed_on_its_way_is_not_verified() -> None:
    secret = new_secret()
    headers = signed_headers([secret], "evt_1", int(datetime.now(UTC).timestamp()), b"{}")
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b"{ }", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(b"{}", headers)
