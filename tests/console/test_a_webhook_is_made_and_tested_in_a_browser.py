"""In a browser: an endpoint is made, its secret shown, a test sent and its answer seen; the pages are for everybody, on a phone too."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivery.models import WebhookEndpoint, WebhookTry
from tests.browsing import PHONE, WIDE, audit
from tests.console.test_in_a_browser import there, visit  # noqa: F401  fixtures
from tests.console.world import World
from tests.webhooks.house import endpoint
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import sending, until
from tests.webhooks.test_tenants_keep_their_endpoints import event

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")
PICTURES = os.environ.get("PICTURES", "")  # a folder: keep what the pages look like


def picture(page: Any, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def test_a_tenants_person_makes_one_and_sees_the_tests_answer(visit: Any, there: World) -> None:  # noqa: F811
    with Receiver(answers=lambda _: (200, {}, b"thank you")) as receiver, sending():
        page = visit("/webhooks/", role="tenant")
        picture(page, "empty")
        page.get_by_role("link", name="Add an endpoint").click()
        page.get_by_role("textbox", name="Address").fill(receiver.url())
        page.get_by_label("What it is for").fill("Orders")
        page.get_by_text("message.accepted").click()
        picture(page, "new")
        page.get_by_role("button", name="Add it").click()
        assert page.locator("code", has_text="whsec_").count() == 1
        picture(page, "secret")
        page.get_by_role("link", name="I have copied it").click()
        page.get_by_role("button", name="Send a test").click()
        page.get_by_text("The test came through: 200").wait_for()
        assert "thank you" in page.locator("#test").inner_text()
        picture(page, "tested")
    row = WebhookEndpoint.objects.get()
    assert row.tenant_id == there.people["tenant"].tenant_id and "message.accepted" not in row.kinds and "message.bounced" in row.kinds
    assert receiver.heard[0].kind == "webhook.test"
    until(lambda: WebhookTry.objects.filter(ok=True).exists())


def test_the_pages_are_accessible_and_fit_a_phone(visit: Any, there: World) -> None:  # noqa: F811
    at = datetime.now(UTC)
    well = endpoint(there.tenants["harbour"], "https://127.0.0.1:9443/harbour/mail-events", description="Order service", last_success_at=at)
    ill = endpoint(
        there.tenants["lumen"], "https://127.0.0.1:9443/lumen", failures=7, failing_since=at - timedelta(hours=5), last_failure_at=at,
        last_problem="no connection: connection refused", retry_at=at + timedelta(minutes=12),
    )  # fmt: skip
    endpoint(there.tenants["lumen"], "https://127.0.0.1:9443/old", state="disabled", stopped_why="It answered 410 Gone: it wants to hear no more.")
    for number in range(3):
        event(well, "sent" if number else "failed", delivery_id=there.deliveries["bounced"])
        event(ill, delivery_id=there.deliveries["deferred"])
    WebhookTry.objects.filter(ok=True).update(status=204, problem="")
    WebhookTry.objects.filter(ok=False).update(problem="it answered 500", answer="Traceback (most recent call last): …")
    pages = {"list": "/webhooks/", "failing": f"/webhooks/{ill.pk}/", "form": "/webhooks/new/?tenant=lumen"}
    for viewport, scheme, names in ((PHONE, "light", ("list", "failing", "form")), (WIDE, "dark", ("list", "failing"))):
        for name in names:
            page = visit(pages[name], viewport=viewport, scheme=scheme)
            picture(page, f"{name}-{scheme}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"
            assert audit(page) == [], name
