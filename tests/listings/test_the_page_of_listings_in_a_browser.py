"""The page of listings in a real browser, with everything on it: a phone's width, axe in both themes, a button pressed."""

import os
import shutil
from typing import Any

import pytest

from mailplatform.shell.clock import now
from mailplatform.tenants.models import User
from pools.listings.models import AddressCheck, DnsblZone, Listing, ProviderGrade
from pools.listings.zones import load_zones
from pools.models import Node, SendingIP, Zone
from tests.browsing import PHONE, WIDE, audit, browsing, chromium, sideways
from tests.listings.test_the_pages_of_listings import list_it

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")


@pytest.fixture
def world(transactional_db: None, settings: Any) -> Listing:
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    load_zones()
    node = Node.objects.create(zone=Zone.objects.create(name="north"), name="north-1")
    ips = [SendingIP.objects.create(node=node, address=f"127.10.1.{n}", ehlo_name=f"mta-1{n}.north-1.platform.example") for n in range(1, 5)]
    for ip in ips[1:]:
        AddressCheck.objects.create(ip=ip, state="ok", since=now(), found=[ip.ehlo_name], checked_at=now())
    wrong = "127.10.1.1 is host-1.pool.example by its PTR record, and that name does not lead back to it."
    AddressCheck.objects.create(ip=ips[0], state="failing", since=now(), found=["host-1.pool.example"], sentence=wrong, checked_at=now())
    DnsblZone.objects.exclude(asked="never").update(health="good", answered_at=now(), questions_asked=1204)
    DnsblZone.objects.filter(zone="bl.spamcop.net").update(health="refuses", health_why="it answers 127.255.255.254: we ask by way of a public resolver")
    DnsblZone.objects.filter(zone="psbl.surriel.com").update(health="mass", health_why="it lists 4 of our 4 at once")
    list_it(ips[1], "psbl.surriel.com", "info", said="warning", means="hit spam traps", codes=["127.0.0.2"])
    ProviderGrade.objects.create(
        source="snds", provider="microsoft_consumer", ip=ips[0], subject="127.10.1.1", day=now().date(), grade="fair", said="yellow",
        figures={"complaint_rate": 0.002, "trap_hits": 1}, file="snds.csv", imported_by="boss@platform.test", imported_at=now(),
    )  # fmt: skip
    User.objects.create_superuser("boss@platform.test", "correct horse battery staple")
    return list_it(ips[2], reason="https://www.spamhaus.org/query/ip/127.10.1.3 and a long explanation that goes on for a while")


def test_the_pages_can_be_read_and_held_in_one_hand(world: Listing, live_server: Any) -> None:
    shots = os.environ.get("SCREENSHOTS")
    with chromium() as browser, browsing(browser, live_server.url) as open_:
        for scheme, viewport in (("light", WIDE), ("dark", PHONE)):
            page = open_("/listings/", User.objects.get(), viewport, scheme)
            for name, url in (("listings", "/listings/"), ("grades", "/listings/grades/")):
                page.goto(url)
                if shots:
                    page.screenshot(path=f"{shots}/{name}-{scheme}-{viewport['width']}.png", full_page=True)
                assert sideways(page) == 0, (url, viewport)
                assert audit(page) == [], (url, scheme)
        page = open_("/listings/", User.objects.get())
        page.get_by_role("button", name="Look again now").first.click()
        page.get_by_text("is looked at again now").wait_for()
        world.refresh_from_db()
        assert world.look_wanted_at is not None
        csv = b"Date,Domain,Spam rate\n2026-11-21,nobody.example,0.1%\n"
        page.goto("/listings/grades/")
        page.set_input_files("#file", {"name": "p.csv", "mimeType": "text/csv", "buffer": csv})
        page.get_by_role("button", name="Look at it").click()
        page.get_by_role("heading", name="p.csv says nothing of our IPs and domains").wait_for()
        if shots:
            page.screenshot(path=f"{shots}/preview.png", full_page=True)
