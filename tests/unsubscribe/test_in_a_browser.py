"""The unsubscribe page in a real browser, as a recipient meets it: no scripts, a phone, light and dark; and what a person presses comes true."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from delivery.models import Suppression
from tests.api.world import make_sender
from tests.unsubscribe.links import send

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")
AXE = Path(__file__).parent.parent / "console" / "vendor" / "axe-core" / "axe.min.js"
PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
SHOTS = os.environ.get("SCREENSHOTS_TO", "")


@pytest.fixture
def visit(browser: Any, live_server: Any, transactional_db: None) -> Iterator[Any]:
    contexts, complaints = [], []

    def open_(path: str, viewport: dict[str, int] = PHONE, scheme: str = "light", scripts: bool = False) -> Any:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, base_url=live_server.url, java_script_enabled=scripts)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith((live_server.url, "data:")) else None)
        page.goto(path)
        return page

    yield open_
    cookies = [cookie for context in contexts for cookie in context.cookies()]
    for context in contexts:
        context.close()
    assert complaints == [] and cookies == []


@pytest.fixture
def link(visit: Any) -> str:
    return send(Client(), make_sender("acme"), to="annabelle@gmail.com")[1]


def test_a_person_unsubscribes_undoes_it_and_leaves_everything(visit: Any, link: str) -> None:
    page = visit(link)
    assert page.locator("h1").inner_text() == "Unsubscribe from Acme?"
    _shot(page, "ask")
    page.get_by_role("button", name="Unsubscribe", exact=True).click()
    assert page.locator("h1").inner_text() == "You are unsubscribed." and Suppression.objects.count() == 1
    _shot(page, "done")
    page.get_by_role("button", name="undo").click()
    assert page.locator("h1").inner_text() == "You are subscribed again." and not Suppression.objects.exists()
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("button", name="all of its newsletters").click()
    assert page.locator("h1").inner_text() == "You are unsubscribed." and Suppression.objects.count() == 1
    assert "newsletters and offers" in page.locator("main").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(visit: Any, link: str, scheme: str) -> None:
    page = visit(link, scheme=scheme, scripts=True)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.evaluate(AXE.read_text())
    violations = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == []
    _shot(visit(link, WIDE, scheme), f"ask-{scheme}-1440")


def _shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/unsubscribe-{name}.png", full_page=True)
