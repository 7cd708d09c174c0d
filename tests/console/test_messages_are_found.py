"""Search: each way of asking, and pages by key."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.console.world import World, add_message

ROW = re.compile(r'<a href="(/messages/[0-9a-f-]{36}/)">')


def _rows(client, query: str = "") -> list[str]:
    return ROW.findall(client.get(f"/messages/{query}").content.decode())


def test_by_id_it_opens_at_once(as_role, world: World) -> None:
    for text in (str(world.deliveries["delivered"]), f"<{world.deliveries['delivered']}@harbourbank.example>", world.deliveries["delivered"].hex):
        response = as_role("viewer").get("/search/", {"q": text})
        assert response["Location"] == f"/messages/{world.deliveries['delivered']}/"


def test_by_each_field(as_role, world: World) -> None:
    client = as_role("viewer")
    expected = {
        "?recipient=nobody@gmail.com": "bounced", "?recipient=nobody@GMAIL.com": "bounced", "?subject=summer": "bounced", "?tag=comment": "deferred",
        "?state=bounced": "bounced", "?state=cancelled": "cancelled", "?state=suppressed": "suppressed", "?state=expired": "expired", "?state=held": "held",
        "?state=scheduled": "scheduled", "?state=queued": "queued", "?state=sending": "sending", "?state=deferred": "deferred",
        "?state=deferred&subject=comment": "deferred", "?recipient=nobody@gmail.com&state=bounced&tag=login": "bounced",
    }  # fmt: skip
    for query, name in expected.items():
        assert _rows(client, query) == [f"/messages/{world.deliveries[name]}/"], query
    assert set(_rows(client, f"?tenant={world.tenants['fieldnotes'].pk}")) == {f"/messages/{world.deliveries['deferred']}/"}
    assert _rows(client, "?subject=100%25_") == []


def test_the_search_field_guesses_what_is_meant(as_role, world: World) -> None:
    client = as_role("viewer")

    def leads(text: str) -> str:
        return str(client.get("/search/", {"q": text})["Location"])

    assert leads("nobody@gmail.com") == "/messages/?recipient=nobody%40gmail.com"
    assert leads("127.10.1.1") == f"/ips/{world.ips[0].pk}/"
    assert leads("Lumen") == "/tenants/lumen/" and leads("harbourbank.example") == "/tenants/harbour/"
    assert leads("gmail.com") == f"/providers/{world.providers['google'].pk}/"
    assert leads("summer sale") == "/messages/?subject=summer+sale"


def test_pages_go_earlier_and_later_without_a_gap_or_a_repeat(as_role, world: World) -> None:
    for n in range(120):
        add_message(world, "fieldnotes", f"n{n}", (f"p{n}@gmail.com",), age_s=2000 + n, final="delivered")
    client, seen, url = as_role("viewer"), [], "/messages/"
    while url:
        page = client.get(url).content.decode()
        seen.append(ROW.findall(page))
        earlier = re.search(r'href="(\?[^"]*below=[^"]+)">Earlier', page)
        url = "/messages/" + earlier[1].replace("&amp;", "&") if earlier else ""
    flat = [row for rows in seen for row in rows]
    assert len(flat) == len(set(flat)) == 120 + 10 + 30
    assert flat == sorted(flat, reverse=True)
    back = client.get("/messages/" + re.search(r'href="(\?[^"]*above=[^"]+)">Later', page)[1].replace("&amp;", "&")).content.decode()
    assert ROW.findall(back) == seen[-2]


def test_nonsense_asks_nothing(as_role, world: World) -> None:
    client = as_role("viewer")
    cursors = ("?below=x", "?above='", "?below=" + "f" * 32)
    values = ("?state=nonsense", "?tenant=abc", "?tenant=99999999999999999999", "?subject=%00", "?recipient=%00@%00", "?recipient=a@" + "x" * 300)
    for query in (*cursors, *values):
        assert client.get(f"/messages/{query}").status_code == 200, query
    for url in ("/audit/?below=x", "/audit/?above=99999999999999999999", "/tenants/?below=x", "/domains/?below=zzz"):
        assert client.get(url).status_code == 200, url


def test_a_page_reads_a_fixed_number_of_times(as_role, world: World) -> None:
    client = as_role("viewer")
    client.get("/messages/")
    with CaptureQueriesContext(connection) as few:
        client.get("/messages/")
    for n in range(40):
        add_message(world, "lumen", f"m{n}", (f"q{n}@gmail.com",), age_s=3000 + n, final="delivered")
    with CaptureQueriesContext(connection) as more:
        client.get("/messages/")
    assert len(more) == len(few)


def test_a_search_looks_through_a_window_and_says_how_far_it_looked(as_role, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.search.WINDOW", 5)
    client, url, seen, pages = as_role("viewer"), "/messages/?subject=Old", [], 0
    while url:
        page = client.get(url).content.decode()
        seen += ROW.findall(page)
        further = re.search(r'href="(\?[^"]*below=[^"]+)">Look further back', page)
        assert not further or "Looked back to" in page
        url, pages = "/messages/" + further[1].replace("&amp;", "&") if further else "", pages + 1
    assert seen == [f"/messages/{world.deliveries['expired']}/"] and pages >= 3
