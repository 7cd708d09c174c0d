"""Warm-ups in a real browser: board, an IP, simulation and plans, wide and in one hand, light and dark, with axe; and one button pressed."""

import os
import shutil
from typing import Any

import pytest

from mailplatform.tenants.models import User
from mailplatform.up import warming_demo
from pools.models import Node, Pool, SendingIP, Zone
from tests.browsing import PHONE, WIDE, audit, browsing, chromium, sideways
from tests.warming.conftest import House
from warming.models import WarmupPlan
from warming.warmups import Warmup

pytestmark = [pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium"), pytest.mark.django_db(transaction=True)]

MINE = b'{"plans": [{"name": "mine", "title": "Mine", "daily": [50, 100, 400, 2000]}]}'


@pytest.fixture
def demo(house: House) -> None:
    """The demo's two warming IPs, with their pasts."""
    south = Node.objects.create(zone=Zone.objects.create(name="south"), name="south-1")
    for name in ("shared-marketing", "shared-notification"):
        Pool.objects.create(name=name)
    SendingIP.objects.create(node=south, address="192.0.2.200", ehlo_name="mta200.platform.example")
    for one in warming_demo.DEMOS:
        assert warming_demo._make(one)
    User.objects.create_user("boss@platform.test", "correct horse battery staple", role="operator")


def test_they_can_be_read_and_acted_upon_in_one_hand(demo: None, live_server: Any, settings: Any) -> None:
    boss, ip, plan = User.objects.get(role="operator"), SendingIP.objects.get(address="127.10.1.5"), WarmupPlan.objects.get(name="default", version=1)
    shots = os.environ.get("SCREENSHOTS")
    pages = [("board", "/warmups/"), ("ip", f"/warmups/{ip.pk}/"), ("simulate", "/warmups/simulate/"), ("plan", f"/warmups/plans/{plan.pk}/"),
             ("plans", "/warmups/plans/")]  # fmt: skip
    looks = (("light", WIDE), ("dark", PHONE), *((("dark", WIDE), ("light", PHONE)) if shots else ()))
    with chromium() as browser, browsing(browser, live_server.url) as open_:
        for scheme, viewport in looks:
            page = open_("/warmups/", boss, viewport, scheme)
            for name, url in pages:
                page.goto(url)
                if shots:
                    page.wait_for_timeout(300)
                    page.screenshot(path=f"{shots}/warmups-{name}-{scheme}-{viewport['width']}.png", full_page=True)
                assert sideways(page) == 0, (url, viewport)
                assert audit(page) == [], (url, scheme)
        page = open_("/warmups/plans/", boss, PHONE, "dark")
        page.locator("summary", has_text="Bring in a file").click()
        page.get_by_label("Plans as JSON").set_input_files({"name": "mine.json", "mimeType": "application/json", "buffer": MINE})
        page.get_by_role("button", name="Look at it").click()
        page.get_by_text("would bring in").wait_for()
        if shots:
            page.wait_for_timeout(300)
            page.screenshot(path=f"{shots}/warmups-preview-dark-390.png", full_page=True)
        assert sideways(page) == 0 and audit(page) == []
        page.get_by_role("button", name="Bring in").click()
        page.get_by_text("came in").wait_for()
        assert WarmupPlan.objects.filter(name="mine").count() == 1
        page = open_(f"/warmups/{ip.pk}/", boss, PHONE)
        page.locator("summary", has_text="Pause").first.click()
        page.get_by_role("button", name="Pause", exact=True).first.click()
        page.get_by_text("to undo").wait_for()
        assert Warmup.objects.filter(ip=ip, state="paused").count() == 1
        page.get_by_role("button", name="Undo").click()
        page.wait_for_load_state()
        assert Warmup.objects.filter(ip=ip, state="paused").count() == 0
