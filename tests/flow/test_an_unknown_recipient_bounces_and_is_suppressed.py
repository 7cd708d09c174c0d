"""A mailbox that does not exist: bounced at once, told in the provider's words, and not mailed again for this tenant."""

import pytest

from tests.flow.platform import Platform
from tests.flow.words import fresh, small_domain


@pytest.mark.parametrize("domain", ["gmail.com", "outlook.com", "yahoo.com", "gmx.net", "small"])
def test_it_bounces_once_and_the_next_message_to_it_is_suppressed(platform: Platform, domain: str) -> None:
    to = f"unknown+{fresh()}@{small_domain() if domain == 'small' else domain}"
    first = platform.until(platform.send(to), "bounced")
    assert first["reason"] == "hard.invalid_mailbox"
    assert first["reply"].startswith("55")
    assert [(attempt["verdict"], attempt["fault"]) for attempt in first["attempts"]] == [("suppressed", "recipient")]
    again = platform.delivery(platform.send(to.upper()))
    assert (again["state"], again["attempts"]) == ("suppressed", [])


def test_another_tenant_finds_out_by_itself(platform: Platform) -> None:
    to = f"bounce+{fresh()}@{small_domain()}"
    platform.until(platform.send(to), "bounced")
    message = {"from": "hello@lumen.example", "to": to, "subject": "Hello", "text": "Hello", "stream": "transactional"}
    status, answer = platform.client("lumen").post("/api/v1/messages", message)
    assert status == 202
    assert answer["deliveries"][0]["state"] != "suppressed"
