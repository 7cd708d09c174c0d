"""What comes back: the simulated providers take a message and send a bounce, a complaint or a machine's answer a second later, over SMTP."""

import os
import signal
from urllib.parse import quote

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh

DOMAINS = ("gmail.com", "outlook.com", "yahoo.com", "gmx.net", "icloud.com", "late.postfix.test", "late.exim.test")


def _came_back(platform: Platform, recipient: str) -> dict[str, object]:
    """What the sandbox sent back about this recipient, once our listener took it."""

    def there() -> list[dict[str, object]]:
        return [row for row in platform.sandbox(f"/api/returns?rcpt={quote(recipient)}")["returns"] if row["state"] == "taken"]

    return dict(wait_until(there, 60, f"something about {recipient} had come back and was taken")[0])


def _events(platform: Platform, message: str) -> list[dict[str, object]]:
    return list(platform.message(message)["events"])


def _suppressed(platform: Platform, address: str, tenant: str = "") -> list[str]:
    """Why this tenant must not mail this address."""
    name = tenant or platform.demo["tenant"]["name"]
    query = "SELECT s.reason FROM delivery_suppression s JOIN tenants_tenant t ON t.id = s.tenant_id WHERE t.name = %s AND s.address = %s"
    return [row[0] for row in platform.rows(query, name, address.lower())]


def test_a_late_bounce_ends_the_delivery_and_suppresses_in_every_providers_form(platform: Platform) -> None:
    sent = {to: platform.send(to) for to in (f"late-bounce+{fresh()}@{domain}" for domain in DOMAINS)}
    for to, message in sent.items():
        _came_back(platform, to)
        delivery = platform.until(message, "bounced")
        assert delivery["reason"] == "hard.invalid_mailbox", delivery
        assert delivery["attempts"][-1]["verdict"] == "delivered"
        (event,) = _events(platform, message)
        assert event["kind"] == "bounced_late" and event["data"]["hard"] is True
        assert _suppressed(platform, to) == ["bounce"]
        assert _suppressed(platform, to, "lumen") == [], "another tenant's business"
    assert platform.delivery(platform.send(next(iter(sent))))["state"] == "suppressed"


def test_a_complaint_suppresses_for_its_tenant_and_is_told(platform: Platform) -> None:
    """Yahoo's report has the return path blacked out of its copy, Outlook.com's is no report at all."""
    sent = {to: platform.send(to) for to in (f"complaint+{fresh()}@{domain}" for domain in ("yahoo.com", "outlook.com"))}
    for to, message in sent.items():
        _came_back(platform, to)
        assert platform.delivery(message)["state"] == "delivered"
        assert [event["kind"] for event in _events(platform, message)] == ["complained"]
        assert _suppressed(platform, to) == ["complaint"]
        assert _suppressed(platform, to, "lumen") == []


def test_what_is_no_hard_bounce_leaves_the_delivery_delivered(platform: Platform) -> None:
    told = {"late-full": ["bounced_late"], "late-block": ["bounced_late"], "vacation": ["replied_by_machine"], "late-delay": [], "late-success": []}
    sent = {local: (f"{local}+{fresh()}@soft.postfix.test", kinds) for local, kinds in told.items()}
    messages = {local: platform.send(to) for local, (to, _) in sent.items()}
    for local, (to, kinds) in sent.items():
        _came_back(platform, to)
        assert platform.delivery(messages[local])["state"] == "delivered", to
        assert [event["kind"] for event in _events(platform, messages[local])] == kinds, to
        assert _suppressed(platform, to) == [], to
    assert _events(platform, messages["late-block"])[0]["data"]["fault"] == "infrastructure"
    assert _events(platform, messages["late-full"])[0]["data"]["reason"] == "soft.mailbox_full"


def test_a_listener_that_was_killed_comes_back_and_nothing_is_lost(platform: Platform) -> None:
    to = f"late-bounce+{fresh()}@gmail.com"
    before = platform.pid_of("incoming")
    message = platform.send(to)
    platform.until(message, "delivered")
    os.kill(before, signal.SIGKILL)
    assert int(_came_back(platform, to)["tries"]) >= 1  # type: ignore[call-overload]
    platform.until(message, "bounced")
    assert platform.pid_of("incoming") not in (0, before)
