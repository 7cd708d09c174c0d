"""The queues page: at three in the morning it says what stands still, why, and offers the button that helps."""

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from delivery import lanes
from delivery.models import Ready, Waiting
from mailplatform.shell.clock import now
from pools.models import Path, SendingIP
from pools.purposes import Purpose
from tests.console.world import World, add_message, queue


def _waits(world: World, provider: str, age_s: float, purpose: int = Purpose.TRANSACTIONAL, count: int = 1) -> None:
    ids = add_message(world, recipients=tuple(f"{n}@{provider}.example" for n in range(count)), purpose=purpose)
    for id_ in ids:
        queue(Ready, world, id_, purpose=purpose, provider_id=world.providers[provider].pk, ready_at=now() - timedelta(seconds=age_s))


def test_a_lane_whose_paths_are_all_stopped_is_named_first_with_its_reason(as_role, world: World) -> None:
    _waits(world, "yahoo", 4000)
    _waits(world, "microsoft", 30)
    Path.objects.filter(ip=world.ips[0], provider=world.providers["microsoft"]).update(
        binds="suspended", binds_until=now() + timedelta(minutes=20), why="m-block: 550 5.7.606 Access denied"
    )
    SendingIP.objects.filter(pk=world.ips[4].pk).update(state="paused")
    page = as_role("operator").get("/queues/").content.decode()
    assert "shared-transactional to Microsoft 365 stands still" in page
    assert "Neither of 2 paths to Microsoft 365 can take it now: 1 suspended, 1 paused" in page
    assert "m-block: 550 5.7.606 Access denied" in page
    assert page.index("to Microsoft 365</a></h2>") < page.index("Yahoo")
    path = Path.objects.get(ip=world.ips[0], provider=world.providers["microsoft"])
    assert f"/paths/{path.pk}/lift/" in page and f"/ips/{world.ips[4].pk}/state/" in page


def test_a_viewer_sees_the_same_without_the_buttons(as_role, world: World) -> None:
    _waits(world, "microsoft", 30)
    Path.objects.filter(provider=world.providers["microsoft"]).update(binds="suspended", binds_until=now() + timedelta(minutes=20), why="m-block: denied")
    SendingIP.objects.filter(pk=world.ips[4].pk).update(state="paused")
    page = as_role("viewer").get("/queues/").content.decode()
    assert "m-block: denied" in page and "/lift/" not in page and "/state/" not in page


def test_a_lane_without_anybody_to_take_it_is_stuck_and_one_that_moves_is_not(as_role, world: World) -> None:
    _waits(world, "yahoo", 1, Purpose.MARKETING)
    [row] = [row for row in lanes.lanes_now().rows if row.provider == "Yahoo"]
    assert (row.rank, row.wait.what) == (lanes.Rank.MOVING, "turn")
    world.engine.delete()  # type: ignore[union-attr]
    row = lanes.lanes_now().rows[0]
    assert (row.rank, row.wait.what) == (lanes.Rank.STUCK, "path") and "no engine of north-1 lives" in row.wait.told


def test_age_is_judged_by_purpose(world: World) -> None:
    Ready.objects.all().delete()
    _waits(world, "yahoo", 60, Purpose.MARKETING)
    _waits(world, "google", 30, Purpose.TRANSACTIONAL)
    assert [(row.provider, row.badge) for row in lanes.lanes_now().rows] == [("Gmail", "slow"), ("Yahoo", "moving")]


def test_counts_end_at_their_limit_and_the_cost_does_not_grow_with_the_queue(as_role, world: World, monkeypatch) -> None:
    monkeypatch.setattr(lanes, "COUNT_LIMIT", 5)
    as_role("viewer").get("/queues/")
    with CaptureQueriesContext(connection) as few:
        lanes.lanes_now()
    _waits(world, "yahoo", 30, count=8)
    with CaptureQueriesContext(connection) as many:
        found = {row.provider: row for row in lanes.lanes_now().rows}
    assert (found["Yahoo"].waiting, found["Yahoo"].bounded, found["Yahoo"].seconds_left) == (5, True, None)
    assert len(many) == len(few)


def test_what_is_held_for_the_same_words_stands_together(as_role, world: World) -> None:
    ids = add_message(world, recipients=("a@gmail.com", "b@gmail.com"))
    for id_ in ids:
        queue(Waiting, world, id_, why="campaign", scope="Gmail blocked 3 of this campaign")
    page = as_role("viewer").get("/queues/").content.decode()
    assert page.count("Gmail blocked 3 of this campaign") == 1 and "canaries" in page and f"/messages/{ids[0]}/" in page
