"""The strict policy on every page, and markup that needs none of what it forbids."""

import re
from html.parser import HTMLParser

from tests.console.visits import pages
from tests.console.world import World

ADDRESSES = {"href", "src", "action", "formaction", "srcset", "data", "poster", "xlink:href", "hx-get", "hx-post"}


class _Inline(HTMLParser):
    """Collects what the policy forbids: style attributes, handlers, inline scripts and styles, addresses of other hosts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._in = tag if (tag == "script" and "src" not in given) or tag == "style" else ""
        for name, value in attrs:
            if name == "style" or name.startswith("on") or name.startswith("hx-on"):
                self.found.append(f"<{tag} {name}>")
            if name in ADDRESSES and re.match(r"\s*(https?:)?//|\s*javascript:", value or "", re.IGNORECASE):
                self.found.append(f"<{tag} {name}={value}>")

    def handle_data(self, data: str) -> None:
        if self._in and data.strip():
            self.found.append(f"inline <{self._in}>")

    def handle_endtag(self, tag: str) -> None:
        self._in = ""


def test_every_page_has_the_strict_policy_and_needs_nothing_that_it_forbids(as_role, world: World) -> None:
    client = as_role("administrator")
    for url in pages(world):
        response = client.get(url)
        assert response.status_code == (404 if "no-such-page" in url else 200), (url, response.status_code)
        seen = _Inline()
        seen.feed(response.content.decode())
        assert seen.found == [], url
        policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
        assert policy["script-src"] == "'self'" and policy["style-src"] == "'self'" and policy["default-src"] == "'none'", url
        assert policy["frame-ancestors"] == "'none'" and response["X-Frame-Options"] == "DENY", url


def test_only_the_admin_may_evaluate(as_role) -> None:
    response = as_role("administrator").get("/admin/")
    assert response.status_code == 200
    assert "'unsafe-eval'" in response["Content-Security-Policy"]
    assert "'unsafe-inline'" not in response["Content-Security-Policy"].split("script-src")[1].split(";")[0]


def test_pages_are_not_kept_by_caches(as_role, world: World) -> None:
    assert "no-store" in as_role("viewer").get("/messages/")["Cache-Control"]


def test_the_way_in_is_plain_too(client, db) -> None:
    response = client.get("/accounts/login/")
    seen = _Inline()
    seen.feed(response.content.decode())
    assert seen.found == [] and "'unsafe" not in response["Content-Security-Policy"]
