"""Neighbours in a real browser: read, released, moved; wide and in one hand, light and dark, with axe."""

import os
import shutil
from datetime import timedelta
from typing import Any

import pytest

from mailplatform.shell.clock import now
from mailplatform.tenants.models import Tenant, User
from pools.neighbours import word
from pools.neighbours.models import Mode
from pools.purposes import Purpose
from tests.browsing import PHONE, WIDE, audit, browsing, chromium, sideways
from tests.neighbours.world import Neighbour, a_round, asks, graded

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")


@pytest.fixture
def street(transactional_db: None, settings: Any) -> None:
    """One tenant held, one slowed, one warned, one proposed for nothing, one new; and a pool for the poor."""
    asks(caps_newcomers=True, moves=Mode.PROPOSE)
    pool = graded("shared-a", "good", 3)
    graded("shared-poor", "poor", 1)
    held, slowed, warned = (Neighbour.build(name, pool, days_old=40) for name in ("bargain-bin", "weekend-mailer", "careless-press"))
    Tenant.objects.filter(name="bargain-bin").update(title="Bargain Bin International Mail Order")
    good = [Neighbour.build(name, pool, days_old=200) for name in ("harbour", "fieldnotes")]
    Neighbour.build("newcomer", graded("shared-new", "new", 2))
    held.had(1_400, 610, 3)
    held.had(900, 2, purpose=Purpose.TRANSACTIONAL)
    slowed.had(3_000, 20, 16, provider="yahoo")
    warned.had(3_880, 120, suppressed=40)
    for one in good:
        one.had(20_000, 90, 2, provider="yahoo")
    a_round()
    word.impose(good[1].tenant, "warn", 0, "They wrote to a trap; they know.", "ann@platform.example", now() - timedelta(days=2))
    User.objects.create_superuser("boss@platform.test", "correct horse battery staple")
    User.objects.create_user("theirs@platform.test", "correct horse battery staple", role="tenant", tenant=held.tenant)


def test_they_can_be_read_and_acted_upon_in_one_hand(street: None, live_server: Any) -> None:
    shots = os.environ.get("SCREENSHOTS")
    boss, theirs = User.objects.get(role="administrator"), User.objects.get(role="tenant")
    pages = [("neighbours", "/neighbours/", boss), ("tenant", "/tenants/bargain-bin/standing/", boss), ("moves", "/neighbours/moves/", boss),
             ("tenants-page", "/tenants/bargain-bin/", boss), ("own", "/neighbours/", theirs)]  # fmt: skip
    with chromium() as browser, browsing(browser, live_server.url) as open_:
        for scheme, viewport in (("light", WIDE), ("dark", PHONE)):
            seen_by = {person: open_(url, person, viewport, scheme) for _, url, person in pages}
            for name, url, person in pages:
                page = seen_by[person]
                page.goto(url)
                if shots:
                    page.screenshot(path=f"{shots}/{name}-{scheme}-{viewport['width']}.png", full_page=True)
                assert sideways(page) == 0, (url, viewport)
                assert audit(page) == [], (url, scheme)
        page = open_("/neighbours/", boss, PHONE)
        page.get_by_text("Release", exact=True).first.click()
        page.locator("details[open] button.danger").click()
        page.get_by_text("at a slowed tenant's rate", exact=False).first.wait_for()
    assert Tenant.objects.get(name="bargain-bin").standing.level == "slowed"
