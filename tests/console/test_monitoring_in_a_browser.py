"""Channels, health and explorer in a real browser: a channel is made, tried and routed; charts are drawn; all of it accessible, wide and on a phone."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache

from mailplatform.shell.clock import now
from monitoring.alerts.models import Incident
from monitoring.alerts.shipped import seed_shipped
from monitoring.metrics.store import Store
from monitoring.metrics.tick import Tick, beginning
from monitoring.telling.models import Channel, TellStep
from tests.browsing import PHONE, WIDE, audit, browsing, sideways
from tests.console.world import World, make_world
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")
PAGES = ("/channels/", "/channels/new/?kind=slack", "/channels/log/", "/health/", "/explore/?metric=cpu_share&dimension=node&span=1h&compare=yes")


@pytest.fixture
def there(live_server: Any, transactional_db: None) -> World:
    world = make_world()
    cache.clear()
    seed_shipped()
    _measure(world)
    failing = {"failing_since": now(), "last_problem": "there is no mail route"}
    channel = Channel.objects.create(name="Night shift", kind="email", address="night@example.com", weekdays=[1, 2, 3], **failing)
    TellStep.objects.create(severity=2, after_minutes=15, channel=channel)
    Incident.objects.create(source="rule:1", severity=2, opened_at=now(), since=now(), sentence="Mail is stuck: the oldest has waited for 12 min.")
    return world


@pytest.fixture
def visit(browser: Any, live_server: Any, there: World) -> Iterator[Any]:
    with browsing(browser, live_server.url) as open_:

        def opened(url: str, role: str = "staff", viewport: Any = WIDE, scheme: str = "light") -> Any:
            return open_(url, there.people[role], viewport, scheme)

        opened.complaints = open_.complaints  # type: ignore[attr-defined]
        yield opened


def _measure(world: World) -> None:
    """Some minutes of two nodes, one of which is busy."""
    store, until = Store(), beginning(now())
    nodes = [str(ip.node_id) for ip in world.ips]
    first = nodes[0]
    for n in range(40, 0, -1):
        cpu = dict.fromkeys(nodes, 0.3 + 0.01 * (n % 7)) | {first: 0.99 - 0.015 * n}
        values = {
            ("collect_ms", "all"): {"all": 11.0}, ("cpu_share", "node"): cpu, ("memory_share", "node"): dict.fromkeys(nodes, 0.5),
            ("attempted", "node"): dict.fromkeys(nodes, 21.0), ("delivered", "all"): {"all": 40.0}, ("queue_ready", "all"): {"all": 1204.0},
        }  # fmt: skip
        store.keep(Tick(until - timedelta(seconds=10 * n), values, {("node", key): f"node-{key}" for key in nodes}))


def test_a_channel_is_made_tried_and_routed(visit: Any) -> None:
    with Receiver() as receiver:
        page = visit("/channels/")
        page.get_by_role("link", name="Slack-compatible", exact=True).click()
        page.get_by_label("Name").fill("#operations")
        page.get_by_label("URL").fill(receiver.url("/services/secret"))
        page.get_by_label("From, UTC").fill("08:00")
        page.get_by_role("button", name="Add it").click()
        page.get_by_text("Give both, or neither for all day.").wait_for()
        assert page.get_by_label("URL").input_value() == ""
        assert all("422" in one for one in visit.complaints)  # the browser says of a form that was refused that it was
        visit.complaints.clear()
        page.get_by_label("URL").fill(receiver.url("/services/secret"))
        page.get_by_label("From, UTC").fill("")
        page.get_by_role("button", name="Add it").click()
        page.get_by_role("button", name="Send a test").click()
        page.get_by_text("The test reached #operations: it answered 204.").wait_for()
        assert [heard.path for heard in receiver.heard] == ["/services/secret"]
    page.goto("/channels/")
    page.locator("#severity").select_option("2")
    page.locator("#step-channel").select_option(label="#operations")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("heading", name="Of a critical incident #operations would be told at once").wait_for()
    assert "secret" not in page.locator("main").inner_text()


def test_the_explorer_offers_what_a_metric_has_and_draws_it(visit: Any) -> None:
    page = visit("/health/")
    assert "Mail is stuck" in page.locator("main").inner_text()
    page.locator(".vitals div[data-state='limited'] a").first.click()
    page.get_by_role("heading", name="CPU in use").first.wait_for()
    page.locator("#metric").select_option("queue_ready")
    page.wait_for_function("document.getElementById('dimension').value === 'all'")  # chosen as soon as the page is read, before its script is
    page.locator("#from").wait_for(state="hidden")
    page.locator("#span").select_option("1h")
    page.get_by_role("button", name="Show").click()
    page.locator(".drawn canvas").wait_for()
    assert "metric=queue_ready&dimension=all" in page.url and "span=1h" in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_do_not_scroll_sideways(visit: Any, scheme: str) -> None:
    page = visit("/channels/", scheme=scheme)
    wrong: dict[str, Any] = {}
    pages = (*PAGES, f"/channels/{Channel.objects.get().pk}/")
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        for url in pages:
            page.goto(url)
            if size is WIDE and (found := audit(page)):
                wrong[url] = found
            if over := sideways(page):
                wrong[f"{url} at {size['width']}"] = over
    assert wrong == {}, json.dumps(wrong, indent=1)
