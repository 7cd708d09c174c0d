"""The relay without a key is for loopback and private addresses, whatever the settings say."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from delivery.smtpd.serve import doors, spoken
from mailplatform import settings as module
from tests.smtpd.listening import Noting

FAR = ["203.0.113.0/x=acme", "8.8.8.0/24=acme", "0.0.0.0/0=acme", "::/0=acme", "10.0.0.0/8", "10.0.0.0/8=", "126.0.0.0/7=acme", "=acme", ""]


@pytest.mark.parametrize("entry", FAR)
def test_who_is_trusted_is_near(entry: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="SUBMISSION_TRUSTED is NETWORK=TENANT"):
        module._trusted([entry])


def test_near_is_loopback_and_private() -> None:
    given = ["127.0.0.1=a", "10.1.2.3/24=b", "fd00::/8=c", "192.168.0.0/16=d"]
    assert [f"{network}={tenant}" for network, tenant in module._trusted(given)] == ["127.0.0.1/32=a", "10.1.2.0/24=b", "fd00::/8=c", "192.168.0.0/16=d"]


@pytest.mark.parametrize("place", ["0.0.0.0:25", "[::]:25", "8.8.8.8:25"])
def test_the_relay_listens_nearby_only(settings: Any, place: str) -> None:
    settings.SUBMISSION_RELAY = place
    with pytest.raises(ImproperlyConfigured, match="loopback or private"):
        doors(Noting(), Noting())


def test_the_relay_is_a_door_of_its_own(settings: Any) -> None:
    settings.SUBMISSION, settings.SUBMISSION_TLS, settings.SUBMISSION_RELAY = "0.0.0.0:587", "[::1]:465", "127.0.0.1:2525"
    with_key, without = Noting(True), Noting()
    found = [(door.host, door.port, door.service is without, door.implicit_tls) for door in doors(with_key, without)]
    assert found == [("0.0.0.0", 587, False, False), ("::1", 465, False, True), ("127.0.0.1", 2525, True, False)]


def test_without_a_place_it_does_not_start(settings: Any) -> None:
    settings.SUBMISSION = settings.SUBMISSION_TLS = settings.SUBMISSION_RELAY = ""
    with pytest.raises(ImproperlyConfigured, match="set SUBMISSION"):
        doors(Noting(), Noting())


def test_an_address_is_said_in_brackets() -> None:
    assert [spoken("127.0.0.1"), spoken("::1"), spoken("mail.example")] == ["[127.0.0.1]", "[IPv6:::1]", "mail.example"]
