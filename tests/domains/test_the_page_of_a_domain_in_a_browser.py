"""The page of a domain in a real browser, with what mistakes look like on it: copy, a phone's width, axe in both themes."""

import os
import shutil
from typing import Any

import pytest

from delivery.domains.run import check
from mailplatform.tenants.models import SendingDomain, User
from tests.browsing import PHONE, WIDE, audit, browsing, chromium, sideways
from tests.domains.conftest import House, make_house, say
from tests.resolver.zones import Zones

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")


@pytest.fixture
def flawed(transactional_db: None, dns: Zones, settings: Any) -> House:
    """Right in part: no DMARC, a return path whose SPF asks too often, one key that is another."""
    house = make_house(dns, "acme", "acme.test")
    SendingDomain.objects.filter(pk=house.domain.pk).update(return_path_host="bounces.acme.test")
    house.publish("ownership", "dkim")
    dns.records["bounces.acme.test", "MX"] = ["10 mx.platform.test."]
    say(dns, "bounces.acme.test", "v=spf1 " + " ".join(f"include:s{n}.test" for n in range(11)) + " -all")
    for n in range(11):
        say(dns, f"s{n}.test", "v=spf1 ip4:198.51.100.0/24 -all")
    wrong = house.key("ed25519-sha256")
    say(dns, f"{wrong.selector}._domainkey.acme.test", wrong.public_record[:-12])
    say(dns, "_dmarc.acme.test", "v=DMARC1; p=monitor")
    check(house.fresh())
    User.objects.create_superuser("boss@platform.test", "correct horse battery staple")
    return house


def test_the_page_can_be_read_copied_from_and_held_in_one_hand(flawed: House, live_server: Any) -> None:
    shots = os.environ.get("SCREENSHOTS")
    home = f"/domains/{flawed.domain.pk}/"
    with chromium() as browser, browsing(browser, live_server.url) as open_:
        for scheme, viewport in (("light", WIDE), ("dark", PHONE)):
            page = open_("/domains/", User.objects.get(), viewport, scheme)
            for name, url in (("domains", "/domains/"), ("domain", home), ("removal", f"{home}?about=removal")):
                page.goto(url)
                if shots:
                    page.screenshot(path=f"{shots}/{name}-{scheme}-{viewport['width']}.png", full_page=True)
                assert sideways(page) == 0, (url, viewport)
                assert audit(page) == [], (url, scheme)
            page.goto(home)
            button = page.locator("button[data-copy]").first
            wanted = button.get_attribute("data-copy")
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            button.click()
            page.get_by_text("Copied").wait_for()
            assert page.evaluate("navigator.clipboard.readText()") == wanted
