"""The console in a real browser: sign in, search, open, watch, switch the theme, hold a phone."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from delivery.models import Delivery, Waiting
from mailplatform.shell.clock import now
from monitoring.alerts.models import Incident
from monitoring.metrics.models import MetricSubject, MetricTick
from monitoring.metrics.tick import beginning
from pools import models as ways
from pools.models import SendingIP
from tests.browsing import PHONE, WIDE, audit, browsing, sideways
from tests.console.world import PASSWORD, World, make_world

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")


@pytest.fixture
def there(live_server: Any, transactional_db: None) -> World:
    return make_world(history=True)


@pytest.fixture
def visit(browser: Any, live_server: Any, there: World) -> Iterator[Any]:
    """Open pages as a role; what the browser complains about fails the test."""
    with browsing(browser, live_server.url) as open_:

        def as_role(url: str, role: str = "administrator", viewport: dict[str, int] = WIDE, scheme: str = "light") -> Any:
            return open_(url, there.people[role] if role else None, viewport, scheme)

        as_role.complaints = open_.complaints
        yield as_role


def test_sign_in_search_and_open_a_message(visit: Any, there: World) -> None:
    page = visit("/messages/", role="")
    page.get_by_label("Email").fill("operator@platform.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/messages/")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("orders@brightfield.example")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="orders@brightfield.example").click()
    assert "Delivered to orders@brightfield.example" in page.locator("h1").inner_text()
    assert "Queued mail for delivery" in page.locator(".reply").first.inner_text()


def test_a_live_message_page_follows_to_the_end_and_then_rests(visit: Any, there: World) -> None:
    delivery = there.deliveries["sending"]
    page = visit(f"/messages/{delivery}/")
    assert "Being sent" in page.locator("h1").inner_text()
    Delivery.objects.filter(pk=delivery).update(final="delivered", reply="250 OK", done_at=now(), provider_id=there.providers["google"].pk)
    page.get_by_text("Delivered to s@gmail.com").wait_for()
    assert page.locator("[data-live]").count() == 0


def test_what_is_being_confirmed_is_not_swept_away(visit: Any, there: World) -> None:
    page = visit(f"/messages/{there.deliveries['held']}/")
    page.locator("summary", has_text="Release").click()
    # Two ticks of the live part would have replaced it by now: the page's own clock says when they have passed.
    page.wait_for_function("start => Date.now() - start > 4500 && document.querySelector('details[open]')", arg=page.evaluate("Date.now()"))
    page.get_by_role("button", name="Release").click()
    page.get_by_text("It was released.").wait_for()
    assert Waiting.objects.get(pk=there.deliveries["held"]).why == "retry"


def test_an_ip_is_paused_with_a_sentence_and_the_undo_takes_it_back(visit: Any, there: World) -> None:
    ip = there.ips[0]
    page = visit(f"/ips/{ip.pk}/", role="operator")
    page.locator("summary", has_text="Pause").click()
    assert "No message leaves along it" in page.locator("details[open]").inner_text()
    page.get_by_role("button", name="Pause").click()
    page.locator(".undo").get_by_role("button", name="Undo").click()
    page.get_by_text(f"{ip} is active again.").wait_for()
    assert SendingIP.objects.get(pk=ip.pk).state == "active"


def test_the_theme_is_switched_and_kept(visit: Any) -> None:
    page = visit("/messages/")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    button = page.locator(".theme")
    button.click()  # auto to light
    button.click()  # light to dark
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_no_page_scrolls_sideways_on_a_phone(visit: Any, there: World) -> None:
    page = visit("/messages/", viewport=PHONE)
    some, path = there.deliveries, _stuck(there)
    urls = [f"/messages/{some[name]}/" for name in ("delivered", "held", "queued")]
    urls += ["/messages/", "/queues/", "/pools/", f"/paths/{path.pk}/", f"/ips/{there.ips[0].pk}/", "/providers/", "/tenants/", "/tenants/lumen/", "/domains/"]
    urls += [f"/providers/{there.providers['microsoft'].pk}/", "/routes/", "/tls/", "/people/", "/audit/", "/account/", "/", "/incidents/", _wrong()]
    wide = {}
    for url in urls:
        page.goto(url)
        if over := sideways(page):
            wide[url] = over
    assert wide == {}
    assert page.locator(".tabs a").count() == 5 and page.locator(".side").is_hidden()


def test_an_incident_is_acknowledged_silenced_and_noted(visit: Any, there: World) -> None:
    page = visit(_wrong(), role="operator")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_text("It is yours now").wait_for()
    page.locator("summary", has_text="Silence").click()
    page.get_by_label("Why").fill("being mended")
    page.get_by_role("button", name="4 h").click()
    page.get_by_role("button", name="End the silence").wait_for()
    page.get_by_label("A note for whoever looks next").fill("A backup runs.")
    page.keyboard.press("Enter")
    page.locator(".timeline").get_by_text("A backup runs.").wait_for()
    assert page.locator(".drawn canvas").count() == 1
    assert [entry.kind for entry in Incident.objects.get().entries.all()] == ["opened", "acknowledged", "silenced", "note"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(visit: Any, there: World, scheme: str) -> None:
    page = visit("/messages/", scheme=scheme)
    wrong, some, path = {}, there.deliveries, _stuck(there)
    messages = [f"/messages/{some[name]}/" for name in ("delivered", "held", "queued")]
    for url in ("/messages/", *messages, "/queues/", f"/paths/{path.pk}/", "/pools/", "/routes/", "/tls/", "/people/", "/", "/incidents/", _wrong()):
        page.goto(url)
        found = audit(page)
        if found:
            wrong[url] = found
    assert wrong == {}, json.dumps(wrong, indent=1)


def _wrong() -> str:
    """The page of an incident with a chart."""
    at = now()
    for n in range(30):
        MetricTick.objects.create(metric="cpu_share", dimension="node", at=beginning(at, 10) - timedelta(seconds=10 * n), subjects=[_north().pk], values=[0.9])
    one = Incident.objects.create(
        source="rule:1", dimension="node", subject="1", label="north-1", metric="cpu_share", value=0.9, worst=0.95, threshold=0.8, severity=2, opened_at=at,
        since=at - timedelta(minutes=3), sentence="CPU in use, north-1: 90 %, above 80 % for 3 min",
    )  # fmt: skip
    one.entries.create(at=at, kind="opened", sentence=one.sentence)
    return f"/incidents/{one.pk}/"


def _north() -> MetricSubject:
    return MetricSubject.objects.get_or_create(dimension="node", key="1", defaults={"label": "north-1"})[0]


def _stuck(there: World) -> ways.Path:
    """The lane of what is queued stands still; the path that was suspended."""
    SendingIP.objects.filter(pk=there.ips[4].pk).update(state="paused")
    path = ways.Path.objects.get(ip=there.ips[0], provider=there.providers["google"])
    until = now() + timedelta(minutes=20)
    path.binds, path.binds_until, path.why = "suspended", until, "g-block: 550 5.7.1 our system has detected an unusual rate of mail " * 3
    path.learned = {"connections": [1, 20, until.timestamp() - 1200, until.timestamp()]}
    path.save()
    return path


def test_the_hostile_frame_runs_nothing(visit: Any, there: World) -> None:
    page = visit(f"/messages/{there.deliveries['delivered']}/content/")
    frame = page.frame_locator("iframe.frame")
    frame.get_by_text("Your sign-in code").wait_for()
    assert page.evaluate("window.pwned") is None
    # The browser says that it blocked the script and the picture from outside: that is what must happen.
    assert any("sandboxed" in text for text in visit.complaints) and any("tracker.example" in text for text in visit.complaints)
    visit.complaints.clear()
