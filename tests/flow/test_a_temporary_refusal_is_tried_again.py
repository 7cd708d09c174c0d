"""Full, greylisted, busy: the delivery waits, each try is told, and it arrives once the provider takes it."""

import pytest

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh, small_domain


@pytest.mark.parametrize("domain", ["gmail.com", "outlook.com", "yahoo.com", "gmx.net", "small"])
def test_a_full_mailbox_is_the_recipients_fault_and_waits(platform: Platform, domain: str) -> None:
    delivery = platform.until(platform.send(f"full+{fresh()}@{small_domain() if domain == 'small' else domain}"), "deferred", attempts=1)
    attempt = delivery["attempts"][0]
    assert (attempt["verdict"], attempt["reason"], attempt["fault"], attempt["code"]) == ("deferred", "soft.mailbox_full", "recipient", 452)
    assert delivery["done_at"] is None


def test_a_greylisted_message_comes_back_along_the_same_path_until_it_is_taken(platform: Platform) -> None:
    message = platform.send(f"greylist+{fresh()}@gmx.net")
    first = platform.until(message, "deferred", attempts=1)["attempts"][0]
    assert (first["reason"], first["fault"]) == ("soft.greylist", "destination")
    (waits,) = platform.rows("SELECT extract(epoch FROM due_at - platform_now())::float8 FROM delivery_waiting WHERE id >= %s::uuid AND why = 'retry'", message)
    assert waits[0] > 240  # coming early can start the delay again: five minutes, whatever else the schedule says

    def taken() -> bool:
        platform.make_due(message)
        return platform.delivery(message)["state"] == "delivered"

    wait_until(taken, 30, "it was taken", every_s=0.5)
    assert len({attempt["sending_ip"] for attempt in platform.delivery(message)["attempts"]}) == 1


def test_one_refused_twice_arrives_at_the_third_try(platform: Platform) -> None:
    message = platform.send(f"defer-2+{fresh()}@{small_domain()}")
    for tries in (1, 2):
        platform.until(message, "deferred", attempts=tries)
        assert platform.make_due(message) == 1
    delivery = platform.until(message, "delivered")
    assert [attempt["verdict"] for attempt in delivery["attempts"]] == ["deferred", "deferred", "delivered"]
    assert [attempt["number"] for attempt in delivery["attempts"]] == [1, 2, 3]
    assert len(platform.arrived(delivery["id"])) == 1


def test_a_slow_server_holds_up_nobody_else(platform: Platform) -> None:
    slow, quick = platform.send(f"slow+{fresh()}@{small_domain()}"), platform.send(f"{fresh()}@{small_domain()}")
    platform.until(quick, "delivered")
    assert platform.delivery(slow)["state"] != "deferred"
    platform.until(slow, "delivered")
