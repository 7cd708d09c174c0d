"""TLS is required: without it, or with a broken one, mail waits. An address that policy forbids is never connected to."""

import pytest

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh


@pytest.mark.parametrize(("place", "reason"), [("notls.test", "tls.unsupported"), ("helo.test", "tls.unsupported"), ("badtls.test", "")])
def test_a_server_without_tls_gets_nothing(platform: Platform, place: str, reason: str) -> None:
    message = platform.send(f"hello@{fresh()}.{place}")
    delivery = platform.until(message, "deferred", attempts=1)
    assert delivery["attempts"][-1]["verdict"] == "deferred"
    assert delivery["attempts"][-1]["fault"] == "destination"
    if reason:
        assert [attempt["reason"] for attempt in delivery["attempts"]] == [reason]  # one try: no other path of ours has TLS with it
    assert platform.arrived(delivery["id"]) == []


@pytest.mark.parametrize("place", ["private.test", "linklocal.test"])
def test_an_address_that_is_not_public_is_refused_by_policy(platform: Platform, place: str) -> None:
    delivery = platform.until(platform.send(f"hello@{fresh()}.{place}"), "deferred", attempts=1)
    attempt = delivery["attempts"][0]
    assert (attempt["reason"], attempt["phase"], attempt["code"]) == ("local.refused_address", "connect", None)
    assert "loopback" in attempt["reply"]


def test_an_operators_exception_is_needed_and_enough(platform: Platform) -> None:
    domain = f"{fresh()}.notls.test"
    message = platform.send(f"hello@{domain}")
    platform.until(message, "deferred", attempts=1)
    platform.manage("shell", "-c", EXCEPTION.format(domain=domain))

    def delivered() -> bool:
        platform.make_due(message)
        return platform.delivery(message)["state"] == "delivered"

    wait_until(delivered, 60, "it was delivered in the clear", every_s=0.5)
    assert platform.arrived(platform.delivery(message)["id"])[0]["tls"] == ""


EXCEPTION = "from pools.models import TlsException; TlsException.objects.create(match='{domain}', reason='a test')"
