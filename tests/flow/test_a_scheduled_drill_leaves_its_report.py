"""The schedule, in a real browser on a running sandbox: an operator sets a date, the steward starts the drill, its report says what it took; one that misses
its objective says so, one that is overdue is a notice."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.browsing import WIDE, chromium
from tests.flow.platform import Platform, wait_until

# What a browser gets that has signed in.
SIGN_IN = """
from django.test import Client
from mailplatform.tenants.models import User
client = Client(headers={"host": "127.0.0.1"})
client.force_login(User.objects.filter(role="administrator").first(), backend="allauth.account.auth_backends.AuthenticationBackend")
print("SESSION", client.cookies["sessionid"].value)
"""
AS_SHIPPED = """
from monitoring.drills.models import Drill, DrillPolicy, DrillSchedule
DrillPolicy.objects.all().delete(); DrillSchedule.objects.all().delete(); Drill.objects.filter(started_by="schedule").delete()
"""
LONGEST_MS = 90_000


@pytest.fixture
def page(platform: Platform) -> Iterator[Any]:
    session = platform.manage("shell", "-c", SIGN_IN).split("SESSION ")[1].split()[0]
    url = f"http://127.0.0.1:{platform.port}"
    with chromium() as browser:
        context = browser.new_context(viewport=WIDE, base_url=url)
        context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
        yield context.new_page()
        context.close()
    platform.manage("shell", "-c", AS_SHIPPED)


@pytest.mark.long
def test_it_starts_by_itself_and_says_what_it_took_what_it_missed_and_what_is_overdue(platform: Platform, page: Any) -> None:
    schedule(page, on=True)
    plan(page, "kill_engine", datetime.now(UTC))
    report = reported(platform, page, "kill_engine")
    assert "passed." in first_line(report)
    shown = report.locator("main").inner_text()
    assert "by schedule" in shown and "SIGKILL to" in shown
    assert re.search(r"Detected within\s+1,000\sms\s+\d[\d,.]*\sms\s+passed", shown), shown

    plan(page, "freeze_node", datetime.now(UTC), detect_ms=50)  # nobody finds a frozen engine so soon
    report = reported(platform, page, "freeze_node")
    assert "missed its objective: detected within" in first_line(report)
    page.goto("/")
    page.get_by_text("The last drill “freeze a node” missed its objective: detected within.").first.wait_for(timeout=LONGEST_MS)

    schedule(page, on=False)
    plan(page, "restore_backup", datetime.now(UTC) - timedelta(days=9))
    page.goto("/")
    page.get_by_text("The drill “restore from backup” is overdue by").first.wait_for(timeout=LONGEST_MS)
    page.goto("/drills/")
    assert "1 drill overdue: restore from backup." in first_line(page)
    wait_until(platform.ready, 60, "the platform is as it was")


def schedule(page: Any, on: bool) -> None:
    """Any day, any hour."""
    page.goto("/drills/")
    page.get_by_role("link", name="Schedule").click()
    page.wait_for_url("**/drillschedule/")
    page.locator("a[href*='/drillschedule/1/change']").first.click()
    page.locator("#id_on").set_checked(on)
    for field, value in (("weekdays", "1,2,3,4,5,6,7"), ("from_hour", "0"), ("until_hour", "24")):
        page.locator(f"#id_{field}").fill(value)
    page.locator("[name=_save]").click()
    page.wait_for_url("**/drillschedule/")


def plan(page: Any, kind: str, at: datetime, **objectives: int) -> None:
    page.goto(f"/drills/{kind}/")
    page.get_by_role("link", name="Objectives and interval").click()
    page.locator("#id_planned").set_checked(True)
    for number, value in enumerate((f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}")):
        page.locator(f"#id_next_at_{number}").fill(value)
    for field, value in objectives.items():
        page.locator(f"#id_{field}").fill(str(value))
    page.locator("[name=_save]").click()
    page.wait_for_url("**/drillpolicy/")


def reported(platform: Platform, page: Any, kind: str) -> Any:
    """The report, followed on its own page while it runs."""
    began = "SELECT id, state, why FROM monitoring_drill WHERE kind = %s AND started_by = 'schedule' ORDER BY id DESC LIMIT 1"
    ((number, state, why),) = wait_until(lambda: platform.rows(began, kind), 60, "the steward started it")
    assert state in ("running", "done"), why
    page.goto(f"/drills/{number}/")
    page.get_by_text(re.compile("passed[.]|missed its objective")).first.wait_for(timeout=LONGEST_MS)
    return page


def first_line(page: Any) -> str:
    return " ".join(page.locator("h1").inner_text().split())
