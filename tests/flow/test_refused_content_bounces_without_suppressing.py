"""Refused for what it says: the message's fault. It bounces; the recipient may be mailed again."""

import pytest

from tests.flow.platform import Platform
from tests.flow.words import fresh, small_domain


@pytest.mark.parametrize("domain", ["gmail.com", "yahoo.com", "small"])
def test_it_bounces_and_the_recipient_stays_reachable(platform: Platform, domain: str) -> None:
    to = f"spam+{fresh()}@{small_domain() if domain == 'small' else domain}"
    delivery = platform.until(platform.send(to), "bounced")
    assert delivery["reason"].startswith("content.")
    assert [(attempt["verdict"], attempt["fault"], attempt["phase"]) for attempt in delivery["attempts"]] == [("bounced", "message", "body")]
    assert platform.rows("SELECT 1 FROM delivery_suppression WHERE address = %s", to) == []
