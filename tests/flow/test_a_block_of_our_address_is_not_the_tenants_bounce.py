"""Refused for the reputation of a sending IP: infrastructure. Other paths are tried at once, then it waits; nobody is suppressed."""

import pytest

from tests.flow.platform import Platform
from tests.flow.words import fresh, small_domain


@pytest.mark.parametrize("domain", ["gmail.com", "outlook.com", "yahoo.com", "gmx.net", "small"])
def test_it_goes_along_other_paths_and_then_waits(forgetful: Platform, domain: str) -> None:
    to = f"block+{fresh()}@{small_domain() if domain == 'small' else domain}"
    attempts = forgetful.until(forgetful.send(to), "deferred", attempts=3)["attempts"]
    assert [attempt["verdict"] for attempt in attempts] == ["rerouted", "rerouted", "deferred"]
    assert {attempt["fault"] for attempt in attempts} == {"infrastructure"}
    assert {attempt["reason"].partition(".")[0] for attempt in attempts} == {"block"}
    assert len({attempt["sending_ip"] for attempt in attempts}) == 3
    assert forgetful.rows("SELECT 1 FROM delivery_suppression WHERE address = %s", to) == []


def test_a_path_that_is_blocked_is_left_for_one_that_is_not(forgetful: Platform) -> None:
    domain = small_domain()
    forgetful.until(forgetful.send(f"hello@{domain}"), "delivered")
    for (ip,) in forgetful.rows("SELECT host(address) FROM pools_sendingip WHERE host(address) <> '127.10.2.4'"):
        forgetful.control("break", ip=ip, provider=domain, mode="block")
    messages = [forgetful.send(f"{fresh()}@{domain}") for _ in range(6)]
    delivered = [forgetful.until(message, "delivered") for message in messages]
    assert {delivery["attempts"][-1]["sending_ip"] for delivery in delivered} == {"127.10.2.4"}
