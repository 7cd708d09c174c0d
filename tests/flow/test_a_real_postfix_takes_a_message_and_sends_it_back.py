"""Postfix stands where a provider would: it takes our mail, its next hop knows nobody, and its report comes back to the return path."""

import pytest

from tests.bench.peers.private_postfix import why_none
from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh
from tests.returns.next_hop import NextHop
from tests.returns.receiving_postfix import ReceivingPostfix

pytestmark = pytest.mark.skipif(bool(why_none()), reason=why_none())


def test_it_is_delivered_then_bounced(platform: Platform) -> None:
    with NextHop() as hop, ReceivingPostfix(f"127.0.0.1:{hop.port}", f"127.0.0.1:{platform.incoming_port()}", "bounces.platform.example") as postfix:
        platform.manage("route", "set", "postfix.example", postfix.address, "--tls", "none")
        try:
            to, message = wait_until(lambda: _taken_by_postfix(platform), 60, "Postfix took a message")
            delivery = platform.until(message, "bounced", 60)
        finally:
            platform.manage("route", "remove", "postfix.example")
    assert delivery["reason"] == "hard.invalid_mailbox"
    (event,) = [event for event in platform.message(message)["events"] if event["kind"] == "bounced_late"]
    assert event["data"]["reporter"] == "mx.postfix.example" and "550 5.1.1" in event["data"]["words"]
    assert platform.delivery(platform.send(to))["state"] == "suppressed"


def _taken_by_postfix(platform: Platform) -> tuple[str, str] | None:
    """A recipient and its message, once engines have heard of the route; until then the simulated internet takes it."""
    to = f"unknown.{fresh()}@postfix.example"
    message = platform.send(to)
    wait_until(lambda: platform.delivery(message)["state"] in ("delivered", "bounced"), 30, "it went")
    attempt = platform.delivery(message)["attempts"][-1]
    return (to, message) if attempt["mx_address"] == ReceivingPostfix.host and attempt["verdict"] == "delivered" else None
