"""DSN: action and status of what has ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.classify.dsn import Dsn, dsn
from pools.outcomes import Reason


@pytest.mark.parametrize(
    ("final", "reason", "reply", "expected"),
    [
        ("delivered", "accepted", "250 2.0.0 Ok: queued", Dsn("relayed", "2.0.0")),
        ("delivered", "accepted", "250 Ok", Dsn("relayed", "2.0.0")),
        ("bounced", "hard.invalid_mailbox", "550 5.1.1 no such user", Dsn("failed", "5.1.1")),
        ("bounced", "hard.invalid_mailbox", "550 no such user", Dsn("failed", "5.1.1")),
        ("bounced", "soft.mailbox_full", "552 4.2.2 over quota", Dsn("failed", "5.2.2")),
        ("bounced", "content.spam", "554 spam", Dsn("failed", "5.6.0")),
        ("bounced", "hard.invalid_domain", "the domain does not exist", Dsn("failed", "5.1.2")),
        ("bounced", "undetermined", "550 no", Dsn("failed", "5.0.0")),
        ("expired", "block.ip_reputation", "550 5.7.1 no", Dsn("failed", "4.4.7")),
        ("expired", "network.dns", "its DNS does not answer", Dsn("failed", "4.4.7")),
        ("suppressed", "suppressed.bounce", "", Dsn("failed", "5.7.1")),
        ("cancelled", "", "", None),
        (None, "", "", None),
    ],
)
def test_it_says(final: str | None, reason: str, reply: str, expected: Dsn | None) -> None:
    assert dsn(final, reason, reply) == expected


@given(st.sampled_from(["delivered", "bounced", "expired", "suppressed"]), st.one_of(st.sampled_from(Reason), st.text(max_size=20)), st.text(max_size=60))
def test_whatever_a_server_wrote_the_status_is_one(final: str, reason: str, reply: str) -> None:
    said = dsn(final, reason, reply)
    assert said is not None
    kind, subject, detail = said.status.split(".")
    assert kind == {"delivered": "2", "expired": "4"}.get(final, "5")
    assert subject.isdigit() and detail.isdigit()
