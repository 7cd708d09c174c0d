"""Zones & nodes, Capacity, Endpoints and DNS in a real browser: what people do there, and that the pages are accessible and fit, wide, dark and on a phone."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from mailplatform.shell.clock import now
from mailplatform.tenants.models import User
from monitoring.dns.models import DnsChange, DnsZone, RecordSet, RecordTarget
from monitoring.endpoints.models import Endpoint, EndpointLook, EndpointVerdict, VantagePoint
from monitoring.models import Machine
from monitoring.zones import outage
from pools.models import Node, PlaceState
from tests.browsing import PHONE, WIDE, audit, browsing, sideways
from tests.console.conftest import browser
from tests.zones.conftest import Places
from tests.zones.test_the_zones_page_says_what_is_wrong_and_lets_people_act import LATER, lives

__all__ = ["browser"]
pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")
NAME = "api.platform.example"
SHUT = "it greeted with '421 4.3.2 This server is out of service; use another one'"
WORDS = {"up": "nothing but answers for 2 s", "down": f"no answer 3 times in a row: {SHUT}"}


@dataclass
class World:
    places: Places
    agreed: RecordSet
    foreign: RecordSet


@pytest.fixture
def there(live_server: Any, places: Places) -> World:
    """Two zones with a machine each, doors that live and one that is dead, a name that agrees and one that somebody has edited."""
    for node in (places.north, places.south):
        lives(node)
        Machine.objects.create(pk=uuid4(), name=f"{node.name}.machine", started_at=now(), public_url=f"https://{node.name}.platform.example").nodes.add(node)
    places.sent(places.ip(1), 600)
    zone = DnsZone.objects.create(name="platform.example", server="192.0.2.53", key_name="mailplatform")
    agreed = _set(zone, NAME, places, "agreed", ["198.51.100.10"], "198.51.100.10 lives and is preferred.")
    foreign = _set(zone, "smtp.platform.example", places, "foreign", ["198.51.100.10"], "198.51.100.10 lives and is preferred.")
    RecordSet.objects.filter(pk=foreign.pk).update(trouble="Edited by somebody else: its server says 203.0.113.9 with a TTL of 300 s.")
    return World(places, agreed, foreign)


def _set(zone: DnsZone, name: str, places: Places, state: str, published: list[str], why: str) -> RecordSet:
    at = now() - timedelta(minutes=3)
    says = published if state == "agreed" else ["203.0.113.9"]
    row = RecordSet.objects.create(
        dns_zone=zone, name=name, type="A", mode="automatic", state=state, published=published, published_ttl_s=30, ttl_s=30, published_since=at,
        wanted=published, why=why, why_since=at, asked_at=now(), found={"192.0.2.53:53": {"values": says, "ttl_s": 30, "error": ""}},
    )  # fmt: skip
    for number, (node, value) in enumerate(((places.north, "198.51.100.10"), (places.south, "198.51.100.20"))):
        target = RecordTarget.objects.create(record_set=row, value=value, priority=number)
        target.endpoints.add(_door(f"API of {node.name}", node, value, "up"))
    DnsChange.objects.create(
        record_set=row, kind="failover", who="the platform", why="198.51.100.20 is dead: connection refused.", before=["198.51.100.20"], after=published,
        state="visible", at=at, cause_at=at, first_sign_at=at - timedelta(seconds=1), pushed_at=at + timedelta(milliseconds=18),
        visible_at=at + timedelta(milliseconds=41), tries=1,
        evidence={"verdict": "Dead: north, south (2 of 3) had no answer 3 times in a row.", "endpoint": "API of south-1"},
    )  # fmt: skip
    return row


def _door(name: str, node: Node, host: str, state: str) -> Endpoint:
    made, is_new = Endpoint.objects.get_or_create(
        name=name, defaults={"kind": "api", "host": host, "port": 443, "zone": node.zone, "state": state, "since": now() - timedelta(hours=2)}
    )
    if is_new:
        for number, where in enumerate(("north", "south", "witness")):
            point, _ = VantagePoint.objects.get_or_create(name=where, defaults={"kind": "witness", "at": now() + LATER, "pid": 1})
            ok = state == "up"
            EndpointLook.objects.create(
                endpoint=made, vantage=point, ok=ok, in_row=7, since=now(), at=now() + LATER, latency_ms=3.1 + number if ok else None,
                error="" if ok else SHUT,
            )  # fmt: skip
        EndpointVerdict.objects.create(
            endpoint=made, state=state, at=now(), first_sign_at=now(), spoken_by="north", evidence={},
            sentence=f"{'Alive' if state == 'up' else 'Dead'}: north, south and witness (3 of 3 vantage points that look) had {WORDS[state]}.",
        )  # fmt: skip
    return made


@pytest.fixture
def visit(browser: Any, live_server: Any, there: World) -> Iterator[Any]:
    person = User.objects.create_user("operator@platform.example", "correct horse battery", role="operator")
    with browsing(browser, live_server.url) as open_:
        yield lambda url, viewport=WIDE, scheme="light": open_(url, person, viewport, scheme)


def test_a_zone_is_drained_with_a_reason_after_a_preview_and_comes_back_by_a_click(visit: Any, there: World) -> None:
    page = visit("/nodes/")
    page.get_by_role("link", name="Drain …").first.click()
    assert "This is what it would mean to drain zone north now. Nothing has been done yet." in page.locator("main").inner_text()
    assert "over SMTP turned away (421)" in page.locator("main").inner_text()
    page.get_by_label("Why").fill("new kernel")
    page.get_by_role("button", name="Drain zone north").click()
    page.get_by_text("new kernel").first.wait_for()
    assert _state(there.places.north) == "drained"
    page.locator("summary", has_text="Return").first.click()
    page.locator("details[open]").get_by_role("button", name="Return").click()
    page.get_by_text("Zone north is in service again.").first.wait_for()
    assert page.locator(".undo").count() == 0, "nothing is left to undo"
    assert _state(there.places.north) == "active"


def test_a_name_is_switched_after_a_dry_run(visit: Any, there: World) -> None:
    page = visit(f"/dns/{there.agreed.pk}/")
    assert "points to 198.51.100.10." in page.locator("h1").inner_text()
    page.locator("label", has_text="198.51.100.10").get_by_role("checkbox").set_checked(False)
    page.locator("label", has_text="198.51.100.20").get_by_role("checkbox").check()
    page.get_by_role("button", name="Dry run").click()
    shown = page.locator("main").inner_text()
    assert "update add api.platform.example. 30 A 198.51.100.20" in shown
    assert not DnsChange.objects.filter(kind="by_hand").exists(), "a dry run changes nothing"
    page.get_by_role("button", name="Switch now").click()
    page.get_by_text("is to point to 198.51.100.20.").first.wait_for()
    change = DnsChange.objects.get(kind="by_hand")
    assert (change.who, change.after, change.state) == ("operator@platform.example", ["198.51.100.20"], "intended")


def test_somebody_elses_edit_is_shown_and_left_as_it_is_when_that_is_said(visit: Any, there: World) -> None:
    page = visit("/dns/")
    assert "smtp.platform.example" in page.locator("h1").inner_text(), "trouble comes first"
    page.get_by_role("link", name="Decide about the edit").click()
    assert "its server says 203.0.113.9" in page.locator("#edited").inner_text()
    page.get_by_role("button", name="Leave it as it is").click()
    page.get_by_text("stays as somebody else has edited it").first.wait_for()
    row = RecordSet.objects.get(pk=there.foreign.pk)
    assert (row.state, row.mode, row.published) == ("agreed", "off", ["203.0.113.9"])


LOOKS = [(WIDE, "light"), (WIDE, "dark"), (PHONE, "light"), (PHONE, "dark")]


@pytest.mark.parametrize(("viewport", "scheme"), [LOOKS[0], *(pytest.param(*look, marks=pytest.mark.long) for look in LOOKS[1:])])
def test_the_pages_are_accessible_and_fit(visit: Any, there: World, viewport: dict[str, int], scheme: str) -> None:
    outage.take_out(there.places.south, PlaceState.DRAINED, "new kernel on its machines", "anna@platform.example")
    _door("submission of south-1", there.places.south, "198.51.100.20", "down")
    page = visit("/nodes/", viewport, scheme)
    assert "Zone south" not in page.locator("h1").inner_text(), "what is out of service on purpose is nothing wrong"
    sets = (f"/dns/{there.agreed.pk}/?to=198.51.100.20", f"/dns/{there.foreign.pk}/")
    wrong = {}
    for url in ("/nodes/", "/nodes/capacity/", "/nodes/zone/north/evacuate/", "/endpoints/", "/dns/", *sets):
        page.goto(url)
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=f"{folder}/{url.partition('?')[0].strip('/').replace('/', '-')}-{viewport['width']}-{scheme}.png", full_page=True)
        if found := [*audit(page), *([["sideways", sideways(page)]] if sideways(page) else [])]:
            wrong[url] = found
    assert wrong == {}, json.dumps(wrong, indent=1)


def _state(node: Node) -> str:
    node.zone.refresh_from_db()
    return str(node.zone.state)
