"""The keyring over the real table, with keys encrypted at rest."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection

from delivery.sign.dkim import ED25519, RSA, body_hash, make_key
from delivery.sign.keyring import Keyring, sign_message
from mailplatform.shell.secrets import encrypt
from mailplatform.tenants.models import DkimKey, SendingDomain, Tenant

pytestmark = pytest.mark.django_db
HEAD = b"From: a@sender.test\r\nSubject: hello\r\n\r\n"


@pytest.fixture
def domain() -> SendingDomain:
    tenant = Tenant.objects.create(name="acme", title="Acme")
    return SendingDomain.objects.create(tenant=tenant, name="sender.test")


def add(domain: SendingDomain, selector: str, algorithm: str, active: bool = True, private: bytes | None = None) -> DkimKey:
    pem, record = make_key(algorithm)
    stored = encrypt(pem) if private is None else private
    return DkimKey.objects.create(domain=domain, selector=selector, algorithm=algorithm, private_encrypted=stored, public_record=record, active=active)


def selectors(keyring: Keyring, domain: SendingDomain) -> list[str]:
    with connection.cursor() as cursor:
        return [signer.selector for signer in keyring.load(cursor, domain.pk)]


def test_active_keys_sign_rsa_first(domain: SendingDomain) -> None:
    add(domain, "a-ed", ED25519)
    add(domain, "z-rsa", RSA)
    add(domain, "old", RSA, active=False)
    keyring = Keyring()
    assert selectors(keyring, domain) == ["z-rsa", "a-ed"]
    signers = keyring.known(domain.pk)
    assert signers is not None
    fields = sign_message(signers, HEAD, body_hash(b"x\r\n"), 1)
    assert fields.count(b"DKIM-Signature:") == 2 and fields.index(b"s=z-rsa") < fields.index(b"s=a-ed")


def test_a_key_that_cannot_be_opened_is_left_out_and_told_by_name(domain: SendingDomain, caplog: pytest.LogCaptureFixture) -> None:
    add(domain, "good", RSA)
    add(domain, "lost", RSA, private=b"encrypted with a key that is gone")
    add(domain, "rubbish", RSA, private=encrypt(b"-----BEGIN NOTHING-----"))
    assert selectors(Keyring(), domain) == ["good"]
    assert "lost._domainkey.sender.test" in caplog.text and "rubbish._domainkey" in caplog.text and "NOTHING" not in caplog.text


def test_keys_are_asked_for_again_after_a_while(domain: SendingDomain, django_assert_num_queries) -> None:
    now = [0.0]
    keyring = Keyring(refresh_s=60, clock=lambda: now[0])
    assert selectors(keyring, domain) == [] and keyring.known(domain.pk) == ()
    add(domain, "new", ED25519)
    with django_assert_num_queries(0):
        assert selectors(keyring, domain) == []
    now[0] = 61.0
    assert keyring.known(domain.pk) is None
    assert selectors(keyring, domain) == ["new"]


def test_a_return_path_of_its_own_is_known_while_it_was_seen_right(domain: SendingDomain) -> None:
    now_s = [0.0]
    keyring = Keyring(clock=lambda: now_s[0])

    def host(**fields: object) -> str:
        SendingDomain.objects.filter(pk=domain.pk).update(**fields)
        now_s[0] += 61
        with connection.cursor() as cursor:
            assert keyring.load(cursor, domain.pk) == (), "without a key, too"
        return keyring.return_path_host(domain.pk)

    assert host() == "" and host(return_path_host="bounces.sender.test") == ""
    assert host(return_path_seen_at=datetime.now(UTC)) == "bounces.sender.test"
    assert host(return_path_seen_at=None) == ""


def test_threads_share_signers(domain: SendingDomain) -> None:
    add(domain, "r", RSA)
    add(domain, "e", ED25519)
    keyring = Keyring()
    selectors(keyring, domain)
    made: list[bytes] = []

    def work() -> None:
        for _ in range(20):
            made.append(sign_message(keyring.known(domain.pk) or (), HEAD, body_hash(b"x\r\n"), 7))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 80 and len(set(made)) == 1
