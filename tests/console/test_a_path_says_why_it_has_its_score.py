"""Why 43: the points lost and the figures behind them, what was done and on which replies, what happens next, on the path's own page."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mailplatform.shell.clock import now
from pools.models import Path
from pools.pages import heat
from pools.pages.heat import HourScore, strip
from pools.pages.next_steps import Course, Rules, earliest_return, told
from pools.reputation.models import Action, PathStanding, ReputationPolicy, ScoreSample
from tests.console.world import World

AT = now().replace(hour=12, minute=30, second=0, microsecond=0)
RULES = Rules("automatic", 50, 75, (5, 25, 50, 100), 1_800, 20, 30)
REPLY = "550 5.7.1 Unfortunately, messages from [127.10.1.1] weren't sent. <b>S3150</b>"


def out(world: World) -> Path:
    """A path that left ten minutes ago."""
    path = Path.objects.get(ip=world.ips[0], provider=world.providers["google"])
    Path.objects.filter(pk=path.pk).update(state="quarantined", score=43)
    path.refresh_from_db()
    at = now()
    ReputationPolicy.objects.get_or_create()
    PathStanding.objects.create(
        path=path, state="quarantined", since=at - timedelta(minutes=10), until=at + timedelta(minutes=20), entries=[at], score=43, updated_at=at,
        sentence="38 of 51 attempts were refused for the IP's sake.",
        components={"components": [{"name": "blocks", "lost": 31.0, "words": "38 of 51 in 30 min"}, {"name": "complaints", "lost": 0, "words": "none"}]},
    )  # fmt: skip
    Action.objects.create(
        scope="path", ip=path.ip, provider=path.provider, name="leave", sentence="127.10.1.1 left Gmail.", at=at - timedelta(minutes=10), score=43,
        until=at + timedelta(minutes=20), evidence={"replies": [{"reply": REPLY, "campaign": "c-17", "tenant": "lumen", "count": 12}]},
    )  # fmt: skip
    ScoreSample.objects.bulk_create(
        ScoreSample(scope="path", ip_id=path.ip_id, provider_id=path.provider_id, at=at - timedelta(hours=n), score=43 if n == 0 else 96,
                    state="quarantined" if n == 0 else "open") for n in range(5)
    )  # fmt: skip
    return path


@pytest.mark.django_db
def test_a_paths_page_says_why_what_and_what_next(world: World, as_role: Callable[[str], Client]) -> None:
    path = out(world)
    page = as_role("viewer").get(f"/paths/{path.pk}/").content.decode()
    assert "Why 43" in page and "38 of 51 in 30 min" in page and "−31.0" in page
    assert "The first probe goes at" in page and "It is open again at" in page
    assert "127.10.1.1 left Gmail." in page and "campaign c-17, lumen" in page
    assert "&lt;b&gt;S3150" in page and "<b>S3150" not in page


@pytest.mark.django_db
def test_the_matrix_tells_since_when_and_because_of_what(world: World, as_role: Callable[[str], Client]) -> None:
    out(world)
    page = as_role("viewer").get("/matrix/").content.decode()
    assert "1 of 8\u00a0paths is in quarantine: 127.10.1.1 at Gmail since" in page and "38 of 51 attempts were refused" in page


@pytest.mark.django_db
def test_an_ips_page_shows_its_week_in_a_bounded_number_of_statements(world: World, as_role: Callable[[str], Client]) -> None:
    path = out(world)
    client = as_role("viewer")
    with CaptureQueriesContext(connection) as queries:
        page = client.get(f"/ips/{path.ip_id}/").content.decode()
    assert "lowest 43 on" in page and "127.10.1.1 left Gmail." in page
    assert len(queries) <= 28


@pytest.mark.django_db
def test_all_actions_stand_on_one_page_and_a_state_is_asked_for(world: World, as_role: Callable[[str], Client]) -> None:
    out(world)
    assert "127.10.1.1 left Gmail." in as_role("viewer").get("/actions/").content.decode()
    assert "127.10.1.1 left Gmail." not in as_role("viewer").get("/actions/?state=proposed").content.decode()
    Action.objects.update(state="proposed")
    assert "1\u00a0action waits for a person" in as_role("viewer").get("/actions/").content.decode()


def test_the_way_back_is_foretold_as_the_policy_has_it() -> None:
    out_until = AT + timedelta(minutes=20)
    quarantined = Course("quarantined", 0, out_until)
    assert earliest_return(quarantined, RULES, AT) == out_until + timedelta(minutes=120)
    assert "then 5\u00a0%, 25\u00a0%, 50\u00a0%, 100\u00a0% of its rates" in told(quarantined, RULES, AT)
    second = Course("probation", 2, AT + timedelta(minutes=5))
    assert earliest_return(second, RULES, AT) == AT + timedelta(minutes=5 + 30)
    assert "50\u00a0%, 100\u00a0% of its rates are left to go" in told(second, RULES, AT)
    assert told(Course("open", 0, None), RULES, AT) == ""


def test_who_switched_reputation_off_is_told_that_nothing_comes_next() -> None:
    off = Rules("off", 50, 75, (5, 25, 50, 100), 1_800, 20, 30)
    assert "does nothing here by itself" in told(Course("quarantined", 0, AT), off, AT)


def test_a_strip_shows_the_worst_of_each_hour_and_keeps_an_absence_until_it_ends() -> None:
    hour = AT.replace(minute=0)

    def at(n: int, lowest: float, state: str = "open", was_out: bool = False) -> HourScore:
        return HourScore(hour - timedelta(hours=n), lowest, lowest, state, was_out)

    drawn = strip([at(9, 97), at(8, 30, "quarantined", True), at(3, 80, "probation"), at(1, 95)], AT, hours=12)
    assert [(run.x, run.width, run.band, run.out) for run in drawn.runs] == [
        (2, 1, 90, False), (3, 5, 25, True), (8, 2, 75, False), (10, 1, 90, False),
    ]  # fmt: skip
    assert (drawn.lowest, drawn.hours_out) == (30, 5)


@pytest.mark.django_db
def test_hours_are_read_by_provider(world: World) -> None:
    path = out(world)
    hours = heat.hours_of(path.ip_id, now())[path.provider_id]
    assert [one.lowest for one in hours][-1] == 43 and hours[-1].was_out
