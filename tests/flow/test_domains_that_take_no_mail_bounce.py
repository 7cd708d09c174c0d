"""What DNS says of a domain: no such name and a null MX bounce, in words; an address without MX takes mail (RFC 5321 §5.1)."""

import pytest

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh


@pytest.mark.parametrize(("place", "words"), [("nxdomain.test", "does not exist"), ("nullmx.test", "takes no mail")])
def test_it_bounces_with_words_and_without_an_attempt(platform: Platform, place: str, words: str) -> None:
    delivery = platform.until(platform.send(f"hello@{fresh()}.{place}"), "bounced")
    assert (delivery["reason"], delivery["attempts"]) == ("hard.invalid_domain", [])
    assert words in delivery["reply"]


@pytest.mark.parametrize("place", ["nomx.test", "backup.test"])
def test_an_implicit_mx_and_a_second_mx_take_mail(platform: Platform, place: str) -> None:
    domain = f"{fresh()}.{place}"
    delivery = platform.until(platform.send(f"hello@{domain}"), "delivered")
    expected = domain if place == "nomx.test" else f"mx2.{domain}"
    assert platform.arrived(delivery["id"])[0]["mx_host"] == expected


@pytest.mark.parametrize("place", ["servfail.test"])
def test_dns_that_fails_is_waited_for(platform: Platform, place: str) -> None:
    message = platform.send(f"hello@{fresh()}.{place}")
    state = "SELECT 1 FROM delivery_waiting WHERE id >= %s::uuid AND why = 'retry' AND scope LIKE '%%does not answer%%' AND due_at > platform_now()"
    wait_until(lambda: platform.rows(state, message), 40, "it waited for DNS")
    assert platform.delivery(message)["state"] == "queued"
