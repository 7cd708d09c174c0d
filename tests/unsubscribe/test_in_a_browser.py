"""The unsubscribe page in a real browser, as a recipient meets it: no scripts, a phone, light and dark; and what a person presses comes true."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from delivery.models import Suppression
from tests.api.world import make_sender
from tests.browsing import PHONE, WIDE, audit, browsing
from tests.unsubscribe.links import send

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")
SHOTS = os.environ.get("SCREENSHOTS_TO", "")


@pytest.fixture
def visit(browser: Any, live_server: Any, transactional_db: None) -> Iterator[Any]:
    with browsing(browser, live_server.url) as open_:
        yield lambda path, viewport=PHONE, scheme="light", scripts=False: open_(path, None, viewport, scheme, java_script_enabled=scripts)
        assert [cookie for context in open_.contexts for cookie in context.cookies()] == []


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
    assert audit(page) == []
    _shot(visit(link, WIDE, scheme), f"ask-{scheme}-1440")


def _shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/unsubscribe-{name}.png", full_page=True)
