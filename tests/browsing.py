"""Pages in a real browser: opened as somebody, wide or on a phone, light or dark; what the browser complains about fails the test."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

AXE = Path(__file__).parent / "console" / "vendor" / "axe-core" / "axe.min.js"

_AUDIT = """async colours => {
    const options = {resultTypes: ['violations'], ...(colours ? {runOnly: ['color-contrast', 'link-in-text-block']} : {})};
    return (await axe.run(document, options)).violations.map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html)]);
}"""
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium, without a word to the outside."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("these need Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    # Playwright's synchronous API runs a loop in this thread; Django's ORM is used beside it, never inside it.
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=quiet)
        yield launched
        launched.close()


@contextmanager
def browsing(browser: Any, base_url: str) -> Iterator[Callable[..., Any]]:
    """A function that opens a page in a browser without a past. Errors, and requests to anybody else, are its `complaints`; `contexts` are all it opened."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def open_(url: str, person: Any = None, viewport: dict[str, int] = WIDE, scheme: str = "light", **options: Any) -> Any:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, base_url=base_url, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith((base_url, "data:")) else None)
        if person:
            context.add_cookies([{"name": "sessionid", "value": _session(person), "url": base_url}])
        page.goto(url)
        return page

    open_.complaints, open_.contexts = complaints, contexts  # type: ignore[attr-defined]
    yield open_
    for context in contexts:
        context.close()
    assert complaints == [], complaints


def audit(page: Any) -> list[list[Any]]:
    """What axe-core says is wrong: [rule, [elements]]. Of a dark page its colours alone: everything else is the light one's as well."""
    page.evaluate(AXE.read_text())
    return list(page.evaluate(_AUDIT, page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")))


def sideways(page: Any) -> int:
    """By how many pixels it is wider than its window."""
    return int(page.evaluate("Math.max(0, document.documentElement.scrollWidth - innerWidth)"))


def _session(person: Any) -> str:
    client = Client()
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client.cookies["sessionid"].value
