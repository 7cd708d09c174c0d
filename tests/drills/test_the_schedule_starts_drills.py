"""The schedule: what is due starts once, in its window, with its report; what is left out or overdue is told."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from mailplatform.shell.models import Notice
from monitoring.drills import round as drills_round
from monitoring.drills import start
from monitoring.drills.models import Drill, DrillPolicy, DrillSchedule
from pools.models import Node, Zone
from tests.monitoring.conftest import World


@pytest.fixture
def two_engines(transactional_db: None) -> Node:
    """Enough for a kill: stand-ins' rows alone, nobody obeys."""
    node = Node.objects.create(zone=Zone.objects.create(name="north"), name="north-1")
    with connection.cursor() as cursor:
        for slot in (0, 1):
            cursor.execute(
                "INSERT INTO delivery_engine (node_id, slot, pid, started_at, renewed_at, draining, state)"
                " VALUES (%s, %s, 1, platform_now(), platform_now() + interval '1 hour', false, '{}')", [node.pk, slot],
            )  # fmt: skip
    return node


@pytest.fixture
def always(transactional_db: None) -> DrillSchedule:
    """A schedule whose window is any time; nothing is planned but what the test plans."""
    drills_round.policies()
    DrillPolicy.objects.update(planned=False)
    return DrillSchedule.objects.update_or_create(pk=1, defaults={"weekdays": list(range(1, 8)), "from_hour": 0, "until_hour": 24})[0]


def due(kind: str = "kill_engine", **changed: object) -> DrillPolicy:
    DrillPolicy.objects.filter(pk=kind).update(planned=True, next_at=timezone.now() - timedelta(minutes=1), **changed)
    return DrillPolicy.objects.get(pk=kind)


def open_notices(kind: str) -> list[str]:
    return list(Notice.objects.filter(kind=kind, cleared_at=None).values_list("sentence", flat=True))


def test_what_is_due_starts_once_and_gets_its_next_date(two_engines: Node, always: DrillSchedule) -> None:
    was = due().next_at
    drills_round.act(timezone.now())
    drills_round.act(timezone.now())
    drill = Drill.objects.get()
    assert (drill.kind, drill.started_by, drill.planned_for) == ("kill_engine", "schedule", was)
    after = DrillPolicy.objects.get(pk="kill_engine").next_at
    assert after is not None
    assert timedelta(days=90) < after - timezone.now() < timedelta(days=92)


def test_two_stewards_never_start_two(two_engines: Node, always: DrillSchedule) -> None:
    policy = due()
    assert isinstance(start.start("kill_engine", "schedule", planned_for=policy.next_at), Drill)
    Drill.objects.update(state=Drill.State.DONE)
    again = start.start("kill_engine", "schedule", planned_for=policy.next_at)
    assert not isinstance(again, Drill)
    assert Drill.objects.count() == 1


@pytest.mark.parametrize("changed", [{"on": False}, {"weekdays": []}, {"from_hour": 0, "until_hour": 1}])
def test_nothing_starts_when_it_is_off_or_outside_its_window(two_engines: Node, always: DrillSchedule, changed: dict[str, object]) -> None:
    DrillSchedule.objects.update(**changed)
    due()
    drills_round.act(timezone.now().replace(hour=12))
    assert not Drill.objects.exists()


def test_in_live_mode_two_words_are_needed(two_engines: Node, always: DrillSchedule, settings: object) -> None:
    settings.MAIL_MODE, settings.DRILLS_IN_LIVE = "live", True  # type: ignore[attr-defined]
    due()
    drills_round.act(timezone.now())
    assert not Drill.objects.exists()
    DrillSchedule.objects.update(in_live=True)
    drills_round.act(timezone.now())
    assert Drill.objects.count() == 1


def test_an_overdue_drill_writes_a_notice_that_clears_when_it_was_done(two_engines: Node, always: DrillSchedule) -> None:
    DrillSchedule.objects.update(on=False)
    due()
    DrillPolicy.objects.update(next_at=timezone.now() - timedelta(days=9))
    drills_round.act(timezone.now())
    assert ["is overdue by" in sentence for sentence in open_notices("drill_overdue")] == [True]
    Drill.objects.create(kind="kill_engine", state="done", verdict="passed", started_by="a", started_at=timezone.now(), ended_at=timezone.now())
    drills_round.act(timezone.now())
    assert open_notices("drill_overdue") == []


def test_a_refused_one_is_tried_again_the_next_day(always: DrillSchedule) -> None:
    due()
    drills_round.act(timezone.now())
    assert Drill.objects.get().state == Drill.State.REFUSED
    after = DrillPolicy.objects.get(pk="kill_engine").next_at
    assert after is not None
    assert timedelta(hours=23) < after - timezone.now() < timedelta(hours=25)


def test_a_reminder_is_written_before(two_engines: Node, always: DrillSchedule) -> None:
    due()
    DrillPolicy.objects.update(next_at=timezone.now() + timedelta(hours=3))
    drills_round.act(timezone.now())
    assert ["starts by itself on" in sentence for sentence in open_notices("drill_soon")] == [True]


def test_one_that_missed_its_objective_writes_a_notice(two_engines: Node, always: DrillSchedule) -> None:
    line = {"name": "Recovery time", "unit": "s", "limit": 5, "measured": 9, "met": False}
    at = timezone.now()
    Drill.objects.create(kind="kill_engine", state="done", verdict="missed", objectives=[line], started_by="a", started_at=at, ended_at=at)
    drills_round.act(at)
    assert open_notices("drill_missed") == ["The last drill “kill an engine” missed its objective: recovery time."]


def test_a_drill_whose_process_died_ends_as_interrupted(transactional_db: None) -> None:
    at = timezone.now() - timedelta(minutes=1)
    Drill.objects.create(kind="restore_backup", started_by="a", started_at=at, beat_at=at, until=at + timedelta(hours=1))
    drills_round.act(timezone.now())
    assert Drill.objects.get().state == Drill.State.INTERRUPTED


def test_the_shipped_objectives_are_there_for_every_kind(world: World) -> None:
    assert {policy.kind: policy.every_days for policy in drills_round.policies()}["freeze_node"] == 91
