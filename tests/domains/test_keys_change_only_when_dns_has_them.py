"""DKIM keys: made, seen, taken into use, replaced; what is signed in between always verifies."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection

from delivery.domains import keys
from delivery.domains.keys import KeyState, state_of
from delivery.domains.run import check, rotate_due
from delivery.sign.keyring import Keyring
from mailplatform.shell import clock
from mailplatform.shell.clock import now
from mailplatform.shell.notices import open_notices
from mailplatform.shell.secrets import decrypt
from mailplatform.tenants.models import DkimKey, SendingDomain
from tests.domains.conftest import House, say

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock_back() -> Iterator[None]:
    yield
    clock.set_shift(timedelta())


@pytest.fixture
def sending(house: House) -> House:
    house.publish()
    check(house.fresh())
    return house


def signers(house: House) -> set[str]:
    with connection.cursor() as cursor:
        return {signer.selector for signer in Keyring().load(cursor, house.domain.pk)}


def test_selectors_are_named_for_the_month_and_private_halves_are_encrypted(house: House) -> None:
    month = f"mp{now():%Y%m}"
    assert [key.selector for key in house.domain.dkim_keys.all()] == [month + "a", month + "b"]
    for key in house.domain.dkim_keys.all():
        assert b"PRIVATE" not in bytes(key.private_encrypted)
        assert decrypt(key.private_encrypted).startswith(b"-----BEGIN PRIVATE KEY-----")


def test_a_new_key_signs_once_it_is_seen_and_the_former_records_stay_for_a_week(sending: House) -> None:
    former = signers(sending)
    made = {key.selector for key in keys.rotate(sending.fresh())}
    check(sending.fresh())
    assert signers(sending) == former, "not in DNS: not in use"
    sending.publish("dkim")
    check(sending.fresh())
    assert signers(sending) == made
    for key in DkimKey.objects.filter(selector__in=former):
        assert state_of(key, now()) is KeyState.LEAVING
        assert state_of(key, now() + timedelta(days=6, hours=23)) is KeyState.LEAVING
        assert state_of(key, now() + timedelta(days=7, minutes=1)) is KeyState.REMOVABLE
    assert {sending.answer("dkim", selector).answer for selector in former} == {"right"}, "its record is still looked at"
    clock.set_shift(timedelta(days=8))
    check(sending.fresh())
    assert not sending.domain.checks.filter(subject__in=former).exists(), "nobody asks for what may be removed"


def test_one_algorithm_may_be_seen_before_the_other(sending: House) -> None:
    former = {key.algorithm: key.selector for key in sending.domain.dkim_keys.filter(active=True)}
    made = {key.algorithm: key for key in keys.rotate(sending.fresh())}
    rsa = made["rsa-sha256"]
    say(sending.dns, f"{rsa.selector}._domainkey.acme.test", rsa.public_record)
    check(sending.fresh())
    assert signers(sending) == {rsa.selector, former["ed25519-sha256"]}


def test_a_record_that_is_not_quite_ours_starts_nothing(sending: House) -> None:
    former = signers(sending)
    for key in keys.rotate(sending.fresh()):
        say(sending.dns, f"{key.selector}._domainkey.acme.test", key.public_record[:-8])
    check(sending.fresh())
    assert signers(sending) == former
    assert "breaks off" in sending.answer("dkim", keys.waiting_keys(sending.domain).first().selector).sentence


def test_the_rhythm_makes_keys_tells_and_never_switches(sending: House) -> None:
    assert rotate_due() == 0, "off by default"
    SendingDomain.objects.filter(pk=sending.domain.pk).update(rotate_days=180)
    assert rotate_due() == 0
    clock.set_shift(timedelta(days=181))
    former = signers(sending)
    assert rotate_due() == 1 and rotate_due() == 0
    [told] = [notice.sentence for notice in open_notices()]
    assert "181 days old" in told and "_domainkey.acme.test" in told
    check(sending.fresh())
    assert signers(sending) == former
    sending.publish("dkim")
    check(sending.fresh())
    assert signers(sending).isdisjoint(former) and not open_notices()
    assert rotate_due() == 0


def test_waiting_keys_can_be_dropped_and_active_ones_cannot(sending: House) -> None:
    former = signers(sending)
    keys.rotate(sending.fresh())
    with pytest.raises(keys.CannotRotate):
        keys.rotate(sending.fresh())
    assert keys.drop_waiting(sending.domain) == 2 and keys.drop_waiting(sending.domain) == 0
    assert signers(sending) == former


def test_a_key_that_a_person_turned_off_does_not_come_back(sending: House) -> None:
    DkimKey.objects.filter(algorithm="ed25519-sha256").update(active=False, retired_at=now())
    check(sending.fresh())
    assert signers(sending) == {sending.key("rsa-sha256").selector}
