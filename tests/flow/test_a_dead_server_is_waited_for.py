"""Servers that refuse, reset, are silent or busy: nobody's bounce. Other paths are tried, then the delivery waits: it is the destination."""

import pytest

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh


@pytest.mark.parametrize("place", ["dead.test", "reset.test", "busy.test"])
def test_it_is_deferred_as_the_destinations_fault_after_three_paths(platform: Platform, place: str) -> None:
    message = platform.send(f"hello@{fresh()}.{place}")
    attempts = platform.until(message, "deferred", attempts=3)["attempts"]
    assert [attempt["verdict"] for attempt in attempts] == ["rerouted", "rerouted", "deferred"]
    assert len({attempt["sending_ip"] for attempt in attempts}) == 3
    assert attempts[-1]["fault"] == "destination"


def test_a_silent_server_holds_up_nobody_else_and_is_never_a_bounce(platform: Platform) -> None:
    """Its banner is waited for a minute (RFC 5321 §4.5.3.2.1 would give it five); here it starts to refuse before."""
    domain = f"{fresh()}.blackhole.test"
    message = platform.send(f"hello@{domain}")
    wait_until(lambda: platform.delivery(message)["state"] == "sending", 30, "it was being sent")
    platform.until(platform.send(f"{fresh()}@gmail.com"), "delivered")
    platform.control("outage", provider=domain, mode="refused")
    delivery = platform.until(message, "deferred", attempts=2)
    assert "bounced" not in {attempt["verdict"] for attempt in delivery["attempts"]}
