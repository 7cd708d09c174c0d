"""The path matrix, why a path has its score, an IP's week and what-if in a real browser: wide and on a phone, light and dark."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from pools.models import Path
from pools.reputation.models import Action, ReputationPolicy
from tests.browsing import PHONE, WIDE, audit, browsing, sideways
from tests.console.test_a_path_says_why_it_has_its_score import out
from tests.console.test_other_thresholds_are_tried_on_the_past import recorded
from tests.console.world import World, make_world

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")


@pytest.fixture
def there(live_server: Any, transactional_db: None) -> World:
    return make_world()


@pytest.fixture
def visit(browser: Any, live_server: Any, there: World) -> Iterator[Any]:
    with browsing(browser, live_server.url) as open_:
        yield lambda url, viewport=WIDE, scheme="light": open_(url, there.people["operator"], viewport, scheme)


def test_from_what_is_wrong_to_why_and_cancel_in_three_clicks(visit: Any, there: World) -> None:
    path = out(there)
    page = visit("/matrix/")
    assert "127.10.1.1 at Gmail since" in page.locator("h1").inner_text()
    page.locator("td.cell a", has_text="quarantined").click()
    assert "127.10.1.1 to Gmail is in quarantine" in page.locator("h1").inner_text()
    why = page.locator("section", has_text="Why 43").first
    assert "38 of 51 in 30 min" in why.inner_text() and "What happens next" in why.inner_text()
    page.locator("summary", has_text="The answer that counted").click()
    assert page.locator(".replies .reply").first.is_visible()
    page.locator(".acts summary", has_text="Cancel").click()
    assert "What it changed goes back" in page.locator("details[open].confirm").inner_text()
    page.locator("details[open].confirm").get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_text("It was cancelled: what it had changed is as before.").wait_for()
    assert Path.objects.get(pk=path.pk).state == "open" and Action.objects.get().state == "cancelled"


def test_the_matrix_follows_what_happens_and_keeps_the_filter(visit: Any, there: World) -> None:
    page = visit("/matrix/?pool=shared-transactional")
    assert "All 2\u00a0paths send." in page.locator("h1").inner_text()
    Path.objects.filter(ip=there.ips[0], provider=there.providers["google"]).update(state="probation", share=25, score=77)
    page.locator("td.cell", has_text="probation, 25 %").wait_for()
    assert page.locator("#pool").input_value() == "shared-transactional" and page.locator("tr.group").count() == 1


def test_thresholds_are_tried_and_saved_with_a_preview(visit: Any, there: World) -> None:
    recorded(there)
    page = visit("/what-if/")
    page.get_by_label("Leaves below").fill("60")
    page.get_by_label("Returns at").fill("80")
    page.get_by_role("button", name="Show what would have happened").click()
    page.get_by_text("127.10.1.1 at Gmail").wait_for()
    page.locator("summary", has_text="Save as policy").click()
    assert "Leaves below 60 of 100 instead of 50 of 100" in " ".join(page.locator("details[open]").inner_text().replace("\u2192", "").split())
    page.locator("details[open]").get_by_role("button", name="Save as policy").click()
    page.get_by_text("Saved:").wait_for()
    assert ReputationPolicy.objects.get().leave_below == 60


@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_the_pages_are_accessible_and_do_not_scroll_sideways(visit: Any, there: World, viewport: dict[str, int], scheme: str) -> None:
    path = out(there)
    recorded(there)
    page, wrong = visit("/matrix/", viewport, scheme), {}
    for url in ("/matrix/", f"/paths/{path.pk}/", f"/ips/{path.ip_id}/", "/actions/", "/what-if/?leave_below=60", "/pools/shared-transactional/"):
        page.goto(url)
        found = audit(page)
        if over := sideways(page):
            found.append(["wide", [str(over)]])
        if found:
            wrong[url] = found
    assert wrong == {}, json.dumps(wrong, indent=1)
