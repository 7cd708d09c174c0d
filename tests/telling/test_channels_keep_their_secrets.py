"""Staff make channels: what a kind needs is asked for, secrets are sealed and never given back, changes leave them, people's names stay."""

import pytest

from mailplatform.shell.models import AuditEntry
from mailplatform.up.telling_demo import NAME, demo_channel
from monitoring.telling.channels import ChannelRefused, Wish, keep, keep_mail_route
from monitoring.telling.models import Channel, MailRoute
from monitoring.telling.secret import opened

pytestmark = pytest.mark.django_db


def test_a_secret_is_sealed_and_stays_when_it_is_left_empty() -> None:
    made, secret = keep(Wish("hook", "webhook", secrets={"url": "https://127.0.0.1/very-secret"}), "Ada")
    assert secret.startswith("whsec_") and made.address == "https://127.0.0.1/…"
    assert b"very-secret" not in bytes(made.secret_encrypted or b"")
    again, second = keep(Wish("renamed", "webhook"), "Ada", made)
    assert (again.name, second, opened(again.secret_encrypted)["secret"]) == ("renamed", "", secret)
    assert not [one for one in AuditEntry.objects.all() if "very-secret" in one.sentence or secret in str(one.detail)]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (Wish("a", "slack"), "needs a URL"),
        (Wish("a", "slack", secrets={"url": "ftp://example.com/"}), "https"),
        (Wish("a", "slack", secrets={"url": "https://192.0.2.1/"}), "not connected to"),
        (Wish("a", "pagerduty"), "routing key"),
        (Wish("a", "email", address="not an address"), "not a mail address"),
        (Wish("", "email", address="a@example.com"), "blank"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(wish: Wish, why: str) -> None:
    with pytest.raises(ChannelRefused, match=why):
        keep(wish, "Ada")


def test_a_mail_routes_password_is_sealed_and_ends_with_its_user() -> None:
    keep_mail_route("mail.example.com", 587, "starttls", "alerts@example.com", "Ada", "ada", "hunter2")
    row = keep_mail_route("mail.example.com", 465, "tls", "alerts@example.com", "Ada", "ada")
    assert row.password_encrypted and b"hunter2" not in bytes(row.password_encrypted)
    keep_mail_route("mail.example.com", 465, "tls", "alerts@example.com", "Ada")
    assert MailRoute.objects.get().password_encrypted is None


def test_the_sandbox_has_a_channel_that_follows_its_port_and_stays_away_when_deleted(settings: object) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:4000"  # type: ignore[attr-defined]
    demo_channel()
    settings.SANDBOX_URL = "http://127.0.0.1:5000"  # type: ignore[attr-defined]
    demo_channel()
    made = Channel.objects.get(name=NAME)
    assert made.address == "http://127.0.0.1:5000/…" and made.steps.count() == 1
    made.delete()
    demo_channel()
    assert not Channel.objects.exists()
