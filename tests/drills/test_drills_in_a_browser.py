"""Drills in a real browser: a scheduled one leaves its report, one that missed says so, an overdue one is a notice; wide, dark, on a phone, on paper."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from monitoring.drills import round as drills_round
from monitoring.drills.models import Drill, DrillPolicy, DrillSchedule, Fault
from monitoring.models import Verdict
from pools.models import Node
from tests.browsing import PHONE, WIDE, audit, browsing, sideways
from tests.console.conftest import browser
from tests.console.world import World, make_world

__all__ = ["browser"]
pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="these need Chromium")


@pytest.fixture
def there(live_server: Any, transactional_db: None) -> World:
    made = make_world()
    drills_round.policies()
    DrillPolicy.objects.update(planned=False)
    DrillSchedule.objects.update_or_create(pk=1, defaults={"weekdays": list(range(1, 8)), "from_hour": 0, "until_hour": 24})
    return made


@pytest.fixture
def visit(browser: Any, live_server: Any, there: World) -> Iterator[Any]:
    with browsing(browser, live_server.url) as open_:
        yield lambda url, viewport=WIDE, scheme="light": open_(url, there.people["operator"], viewport, scheme)


def scheduled(found_after_ms: int) -> Drill:
    """A freeze that the schedule starts; what its agent, the judge and the other engines would write is written here."""
    node = Node.objects.order_by("id").first()
    other = Node.objects.exclude(pk=node.pk).order_by("id").first() if node else None
    assert node and other
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM delivery_iplease")
        cursor.execute("DELETE FROM delivery_engine")
        for number, one in enumerate((node, other), 7000):
            cursor.execute(
                "INSERT INTO delivery_engine (id, node_id, slot, pid, started_at, renewed_at, draining, state)"
                " VALUES (%s, %s, 0, 1, platform_now(), platform_now() + interval '1 hour', false, %s)",
                [number, one.pk, json.dumps({"in_hand": 9 if one == node else 0})],
            )  # fmt: skip
    DrillPolicy.objects.filter(pk="freeze_node").update(planned=True, next_at=timezone.now() - timedelta(minutes=1))
    drills_round.act(timezone.now())
    drill = Drill.objects.get()
    assert (drill.state, drill.started_by, drill.why) == (Drill.State.RUNNING, "schedule", "")
    Fault.objects.update(obeyed_at=drill.started_at, ended_at=drill.started_at + timedelta(seconds=1))
    Verdict.objects.create(
        engine_id=drill.evidence["engine_ids"][0], node=Node.objects.get(name=drill.scope), slot=0, kind="frozen", judge=f"agent {drill.scope}",
        last_sign_at=drill.started_at, at=drill.started_at + timedelta(milliseconds=found_after_ms), evidence={"silent_ms": 700},
    )  # fmt: skip
    return drill


def test_a_scheduled_drill_runs_and_leaves_its_report(visit: Any) -> None:
    drill = scheduled(found_after_ms=812)
    page = visit(f"/drills/{drill.pk}/")
    assert "running for" in first_line(page)
    drills_round.act(timezone.now())
    page.get_by_text("passed.").first.wait_for()
    assert page.locator("[data-live]").count() == 0, "it has ended: nothing is fetched any more"
    shown = page.locator("main").inner_text()
    assert all(words in shown for words in ("Detected within", "812", "SIGSTOP to the engines of", "by schedule"))
    page.emulate_media(media="print")
    assert page.locator(".side").is_hidden()
    assert page.locator("#objectives").is_visible()
    _shot(page, "report-print")


def test_one_that_misses_its_objective_says_so(visit: Any) -> None:
    drill = scheduled(found_after_ms=9_100)
    drills_round.act(timezone.now())
    drills_round.act(timezone.now())
    page = visit(f"/drills/{drill.pk}/")
    assert "missed its objective: detected within" in first_line(page)
    page.goto("/")
    page.get_by_text("The last drill “freeze a node” missed its objective: detected within.").wait_for()
    page.goto("/drills/")
    assert "missed its objective last: freeze a node" in first_line(page)


def test_an_overdue_drill_is_a_notice_and_its_preview_says_what_would_happen(visit: Any) -> None:
    DrillSchedule.objects.update(on=False)
    DrillPolicy.objects.filter(pk="kill_engine").update(planned=True, next_at=timezone.now() - timedelta(days=9))
    drills_round.act(timezone.now())
    page = visit("/")
    page.get_by_role("link", name="kill an engine").first.click()
    assert "1 drill overdue: kill an engine" in first_line(page)
    page.locator("table").first.get_by_role("link", name="kill an engine").click()
    assert "with SIGKILL" in page.locator("main").inner_text()


@pytest.mark.long
@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (WIDE, "dark"), (PHONE, "light")])
def test_the_pages_are_accessible_and_fit(visit: Any, viewport: dict[str, int], scheme: str) -> None:
    drill = scheduled(found_after_ms=812)
    page = visit("/drills/", viewport, scheme)
    wrong = {}
    for url in ("/drills/", "/drills/freeze_node/", "/drills/cut_zone/", "/drills/restore_backup/", f"/drills/{drill.pk}/", "/"):
        page.goto(url)
        _shot(page, f"{url.strip('/').replace('/', '-')}-{viewport['width']}-{scheme}")
        if found := [*audit(page), *([["sideways", sideways(page)]] if sideways(page) else [])]:
            wrong[url] = found
        drills_round.act(timezone.now())
    assert wrong == {}, json.dumps(wrong, indent=1)


def first_line(page: Any) -> str:
    return " ".join(page.locator("h1").inner_text().split())


def _shot(page: Any, name: str) -> None:
    """To look at, where somebody asks for it."""
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
