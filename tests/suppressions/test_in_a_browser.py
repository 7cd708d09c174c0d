"""The pages of suppressions in a real browser: a file is chosen, looked at, confirmed and watched to its end; accessible, on a phone, in both themes."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from delivery.models import Suppression, SuppressionImport
from delivery.suppressions import job
from mailplatform.shell.clock import now
from tests.browsing import PHONE, WIDE, audit, browsing
from tests.console.world import World, make_world

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")
SHOTS = os.environ.get("SCREENSHOTS_TO", "")


@pytest.fixture
def there(live_server: Any, transactional_db: None) -> World:
    made = make_world()
    for number, reason in enumerate(("bounce", "complaint", "unsubscribe", "manual") * 4):
        stream = made.streams["harbour", 2] if reason == "unsubscribe" else None
        words = "550 5.1.1 No such user here" if reason == "bounce" else ""
        harbour = made.tenants["harbour"]
        Suppression.objects.create(tenant=harbour, stream=stream, address=f"somebody.{number}@gmail.com", reason=reason, detail=words, created_at=now())
    return made


@pytest.fixture
def visit(browser: Any, live_server: Any, there: World) -> Iterator[Any]:
    with browsing(browser, live_server.url) as open_:
        yield lambda url, role="tenant", viewport=WIDE, scheme="light": open_(url, there.people[role], viewport, scheme)


def test_a_file_is_chosen_looked_at_confirmed_and_watched(visit: Any, tmp_path: Path) -> None:
    file = tmp_path / "bounces.csv"
    file.write_text("email,reason,status,created\n" + "".join(f"p{n}@gmail.com,No such user,5.1.1,1443651141\n" for n in range(20_000)) + "nobody,x,y,z\n")
    page = visit("/suppressions/imports/")
    page.locator("#file").set_input_files(str(file))
    page.get_by_role("button", name="Look at it").click()
    assert "SendGrid bounces" in page.locator("h1").inner_text()
    _shot(page, "preview")
    page.get_by_role("button", name="Import 20,002 lines").click()
    assert "lines are taken in" in page.locator("h1").inner_text()
    worker = threading.Thread(target=_work, args=[SuppressionImport.objects.get().pk])
    worker.start()
    page.get_by_text("20,000 addresses are new on the list").wait_for()
    worker.join()
    assert "It has no @." in page.locator("main").inner_text() and page.locator("[data-live]").count() == 0
    _shot(page, "done")


def _work(import_id: int) -> None:
    job.run(import_id)
    connections.close_all()


def test_a_complaint_is_removed_in_its_own_words(visit: Any) -> None:
    page = visit("/suppressions/?reason=complaint")
    row = page.locator("tr", has_text="somebody.13@")
    row.locator("summary").click()
    assert "called your mail spam" in row.inner_text()
    _shot(page, "complaint")
    row.get_by_role("button", name="Remove").click()
    page.get_by_text("may be mailed again").first.wait_for()
    assert not Suppression.objects.filter(address="somebody.13@gmail.com").exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_fit_a_phone(visit: Any, there: World, scheme: str) -> None:
    harbour = there.tenants["harbour"]
    SuppressionImport.objects.create(
        tenant=harbour, state="done", file_name="mailgun-bounces.csv", size_bytes=48_211, encoding="utf-8", reason="bounce", parts=1, lines=812, lines_done=812,
        added=790, already_there=19, refused=3, created_by="p@harbourbank.example", created_at=now(), moved_at=now(),
        layout={"title": "Mailgun bounces", "format": "mailgun_bounces"}, refused_sample=[{"line": 5, "problem": "It has no @.", "text": "nobody"}],
    )  # fmt: skip
    page = visit(f"/suppressions/?tenant={harbour.pk}", "operator", scheme=scheme)
    one = f"/suppressions/imports/{SuppressionImport.objects.get().pk}/"
    for name, url in (("list", page.url), ("imports", "/suppressions/imports/"), ("import", one), ("links", "/unsubscribe/")):
        page.set_viewport_size(WIDE)
        page.goto(url)
        assert audit(page) == [], url
        _shot(page, f"{name}-{scheme}-1440")
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, url
        _shot(page, f"{name}-{scheme}-390")


def _shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/suppressions-{name}.png", full_page=True)
