"""From “TLS errors at Outlook worry me” to a rule that is kept, with its preview, and a test that a program really got: as staff would, in a browser."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from mailplatform.shell.clock import now
from mailplatform.tenants.models import User
from monitoring.alerts.models import AlertRule
from monitoring.alerts.shipped import seed_shipped
from monitoring.metrics.tick import beginning
from monitoring.telling.models import TellStep
from monitoring.telling.secret import sealed
from tests.alerts.people import measured
from tests.browsing import PHONE, WIDE, audit, browsing, chromium, sideways
from tests.telling.mailhost import channel
from tests.webhooks.receiver import Receiver, authority, certified

pytestmark = [pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium"), pytest.mark.django_db(transaction=True)]


def _looked_at(page: Any) -> Any:
    """Until the preview of a change is there: htmx complains of one that the next change, or leaving the page, cuts short."""
    return page.expect_request_finished(lambda request: request.url.endswith("/alerts/draft/"))


def _type(page: Any, label: str, said: str) -> None:
    page.get_by_label(label).fill(said)
    with _looked_at(page):
        page.get_by_label(label).press("Tab")


def test_a_worry_becomes_a_rule_with_a_preview_and_a_test(live_server: Any, settings: Any, tmp_path: Path) -> None:
    ca, settings.EXTRA_CA_FILE = authority(tmp_path)
    seed_shipped()
    measured(beginning(now()), ticks=120)
    person = User.objects.create_user("staff@platform.test", "correct horse battery staple", role="staff")
    shots = os.environ.get("SCREENSHOTS")
    with Receiver(certified(tmp_path, ca, "localhost")) as heard, chromium() as browser, browsing(browser, live_server.url) as open_:
        one = channel("slack", name="#operations", secret_encrypted=sealed(url=heard.url("/slack", "localhost")))
        TellStep.objects.get_or_create(severity=1, after_minutes=0, channel=one)
        began = time.monotonic()
        page = open_("/", person)
        page.get_by_role("link", name="Alert rules").first.click()
        page.locator("section", has_text="What worries you?").get_by_role("link", name="TLS errors at a provider").click()
        with _looked_at(page):
            page.get_by_label("Of these alone").select_option(label="Outlook")
        page.get_by_text("Would have fired").wait_for()
        _type(page, "This much", "2 %")
        page.get_by_text("It must be well again at or below the threshold").wait_for()
        _type(page, "Well again at", "1 %")
        page.get_by_text("Outlook: above 2").wait_for()
        _type(page, "Name", "TLS errors at Outlook worry me")
        page.get_by_role("button", name="Keep the rule").click()
        page.get_by_text("It was kept, and is judged from now on.").wait_for()
        page.get_by_role("button", name="Send a test to #operations").click()
        page.get_by_text("The test reached").wait_for()
        assert time.monotonic() - began < 120
        rule = AlertRule.objects.get(name="TLS errors at Outlook worry me")
        assert rule.shipped is None and AlertRule.objects.filter(shipped="tls", threshold=0.05).exists()
        assert (rule.threshold, rule.subjects, rule.dimension) == (0.02, ["7"], "provider")
        assert "Monitoring can reach you" in heard.heard[0].body.decode()
        for scheme, viewport in (("light", WIDE), ("dark", PHONE), *((("dark", WIDE), ("light", PHONE)) if shots else ())):
            page = open_("/alerts/", person, viewport, scheme)
            for name, url in (("list", "/alerts/"), ("rule", f"/alerts/{rule.pk}/"), ("new", "/alerts/new/?start=queue-deep")):
                page.goto(url)
                if shots:
                    page.wait_for_timeout(300)
                    page.screenshot(path=f"{shots}/alerts-{name}-{scheme}-{viewport['width']}.png", full_page=True)
                assert sideways(page) == 0, (url, viewport)
                assert audit(page) == [], (url, scheme)
