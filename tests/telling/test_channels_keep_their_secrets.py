"""Staff make channels: what a kind needs is asked for, secrets are sealed and never given back, changes leave them, people's names stay."""

from pathlib import Path
from typing import Any

import pytest

from mailplatform.sandbox.aside import running
from mailplatform.shell.models import AuditEntry
from mailplatform.up.telling_demo import MAILBOX, NAME, PEOPLE, demo_channel
from monitoring.telling.asked import send_test
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


def test_a_kept_password_goes_to_no_other_host() -> None:
    keep_mail_route("mail.example.com", 587, "starttls", "alerts@example.com", "Ada", "ada", "hunter2")
    with pytest.raises(ChannelRefused, match="not sent to another host"):
        keep_mail_route("elsewhere.example.com", 587, "starttls", "alerts@example.com", "Ada", "ada")
    assert MailRoute.objects.get().host == "mail.example.com"


def test_the_sandbox_has_channels_that_follow_its_ports_and_stay_away_when_deleted(settings: Any) -> None:
    settings.SANDBOX_URL, settings.SMTP_PORT = "http://127.0.0.1:4000", 4025
    demo_channel()
    settings.SANDBOX_URL, settings.SMTP_PORT = "http://127.0.0.1:5000", 5025
    demo_channel()
    page, mailbox = Channel.objects.get(name=NAME), Channel.objects.get(name=MAILBOX)
    assert page.address == "http://127.0.0.1:5000/…" and page.steps.count() == 1
    assert MailRoute.objects.get().port == 5025 and mailbox.steps.get().after_minutes == 15
    for one in (page, mailbox):
        one.delete()
    demo_channel()
    assert not Channel.objects.exists()


def test_a_mail_route_of_ones_own_is_left_alone_by_the_sandbox(settings: Any) -> None:
    settings.SANDBOX_URL, settings.SMTP_PORT = "http://127.0.0.1:4000", 4025
    keep_mail_route("localhost", 25, "none", "alerts@example.com", "Ada")
    demo_channel()
    assert (MailRoute.objects.get().host, MailRoute.objects.get().port) == ("localhost", 25)


def test_the_sandboxs_mail_channel_reaches_its_mailbox(tmp_path: Path, settings: Any) -> None:
    with running(tmp_path) as world:
        settings.SANDBOX_URL, settings.SMTP_PORT, settings.RESOLVER, settings.EXTRA_CA_FILE = world.url, world.smtp_port, world.resolver, str(world.ca_file)
        demo_channel()
        row = send_test(Channel.objects.get(name=MAILBOX), "Ada")
        assert row.state == "told", row.answer
        assert [one["rcpt"] for one in world.accepted()] == [PEOPLE]
