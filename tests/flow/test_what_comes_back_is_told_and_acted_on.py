"""What comes back: the simulated providers take a message and send a bounce, a complaint or a machine's answer a second later, over SMTP."""

from urllib.parse import quote

import pytest

from tests.flow.platform import Platform, wait_until


def _came_back(platform: Platform, recipient: str, state: str = "taken") -> dict[str, object]:
    """What the sandbox sent back about this recipient, once our listener took it."""

    def there() -> list[dict[str, object]]:
        return [row for row in platform.sandbox(f"/api/returns?rcpt={quote(recipient)}")["returns"] if row["state"] == state]

    return dict(wait_until(there, 30, f"something about {recipient} had come back and was {state}")[0])


def _event(platform: Platform, message: str, kind: str) -> dict[str, object]:
    events = [event for event in platform.message(message)["events"] if event["kind"] == kind]
    assert len(events) == 1, platform.message(message)["events"]
    return dict(events[0])


def _suppressed(platform: Platform, address: str, tenant: str = "") -> list[str]:
    """Why this tenant must not mail this address."""
    name = tenant or platform.demo["tenant"]["name"]
    query = "SELECT s.reason FROM delivery_suppression s JOIN tenants_tenant t ON t.id = s.tenant_id WHERE t.name = %s AND s.address = %s"
    return [row[0] for row in platform.rows(query, name, address.lower())]


@pytest.mark.parametrize("domain", ["gmail.com", "outlook.com", "yahoo.com", "gmx.net", "icloud.com", "late.postfix.test", "late.exim.test"])
def test_a_late_bounce_ends_the_delivery_and_suppresses_in_every_providers_form(platform: Platform, domain: str) -> None:
    to = f"late-bounce+{domain}@{domain}"
    message = platform.send(to)
    _came_back(platform, to)
    delivery = platform.until(message, "bounced")
    assert delivery["reason"] == "hard.invalid_mailbox", delivery
    assert delivery["attempts"][-1]["verdict"] == "delivered"
    assert _event(platform, message, "bounced_late")["data"]["hard"] is True
    assert _suppressed(platform, to) == ["bounce"]
    assert _suppressed(platform, to, "lumen") == [], "another tenant's business"
    assert platform.delivery(platform.send(to))["state"] == "suppressed"


@pytest.mark.parametrize("domain", ["yahoo.com", "outlook.com"])
def test_a_complaint_suppresses_for_its_tenant_and_is_told(platform: Platform, domain: str) -> None:
    to = f"complaint+flow@{domain}"
    message = platform.send(to)
    _came_back(platform, to)
    assert platform.delivery(message)["state"] == "delivered"
    _event(platform, message, "complained")
    assert _suppressed(platform, to) == ["complaint"]
    assert _suppressed(platform, to, "lumen") == []


def test_what_is_no_hard_bounce_leaves_the_delivery_delivered(platform: Platform) -> None:
    told = {"late-full": "bounced_late", "late-block": "bounced_late", "vacation": "replied_by_machine", "late-delay": "", "late-success": ""}
    sent = {f"{local}@soft.postfix.test": (platform.send(f"{local}@soft.postfix.test"), kind) for local, kind in told.items()}
    for to, (message, kind) in sent.items():
        _came_back(platform, to)
        assert platform.delivery(message)["state"] == "delivered", to
        assert [event["kind"] for event in platform.message(message)["events"]] == [kind for kind in [kind] if kind], to
        assert _suppressed(platform, to) == [], to
    by_reason = {to: platform.message(message)["events"] for to, (message, _) in sent.items()}
    assert by_reason["late-block@soft.postfix.test"][0]["data"]["fault"] == "infrastructure"
    assert by_reason["late-full@soft.postfix.test"][0]["data"]["reason"] == "soft.mailbox_full"
