"""Freeze a node: a row asks, its agent stops, finds and buries its engines; figures and verdict come from rows."""

import pytest
from django.db import connection

from monitoring.drills import Refusal, start, stopwatch
from monitoring.drills.models import Drill, DrillPolicy, Fault
from pools.models import Node, SendingIP, Zone
from tests.monitoring.conftest import World, until
from tests.monitoring.test_a_dead_or_frozen_engine_is_found_and_its_claims_come_back import claim, ready


@pytest.fixture
def other_node(world: World) -> Node:
    """Somebody who could take over: a node with an engine and an IP elsewhere."""
    zone = Zone.objects.create(name="south")
    there = Node.objects.create(zone=zone, name="south-1")
    for number, one in enumerate((world.node, there), 1):
        SendingIP.objects.create(node=one, address=f"127.77.0.{number}", ehlo_name=f"mta{number}.platform.example")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_engine (node_id, slot, pid, started_at, renewed_at, draining, state)"
            " VALUES (%s, 0, 1, platform_now(), platform_now() + interval '1 hour', false, '{}')", [there.pk],
        )  # fmt: skip
    return there


def settled(drill: Drill) -> Drill:
    with connection.cursor() as cursor:
        stopwatch.settle(cursor)
    drill.refresh_from_db()
    return drill


def froze(world: World) -> tuple[Drill, list[object]]:
    """A frozen node with five deliveries in its engine's hands, stopped and buried by a real agent."""
    engine = world.start_engine(0)
    mine = claim(world, engine, 5)
    drill = start.start("freeze_node", "operator@platform.example", "north-1")
    assert isinstance(drill, Drill), drill
    assert Fault.objects.get(drill=drill).node == world.node
    world.start_agent()
    until(lambda: ready(world) == set(mine), 10, "claims given back")
    drill.refresh_from_db()
    return drill, mine


def test_detection_and_loss_are_read_from_rows(world: World, other_node: Node) -> None:
    drill, mine = froze(world)
    figures = stopwatch.figures_of(drill)
    assert 0 < figures["found_ms"] < 10_000
    assert (figures["in_hand"], figures["lost"], figures["engines"]) == (5, 0, 1)
    assert settled(drill).state == Drill.State.RUNNING, "nothing of it was tried elsewhere yet"
    world.query("DELETE FROM delivery_ready WHERE id = %s RETURNING id", mine[0])
    assert stopwatch.figures_of(drill)["lost"] == 1


def test_one_that_misses_its_objective_says_so(world: World, other_node: Node) -> None:
    DrillPolicy.objects.create(kind="freeze_node", detect_ms=50, recovery_s=1)
    drill, _ = froze(world)
    Drill.objects.filter(pk=drill.pk).update(until=drill.started_at)
    ended = settled(drill)
    assert (ended.state, ended.verdict) == (Drill.State.DONE, "missed")
    assert [line["name"] for line in ended.objectives if not line["met"]] == ["Detected within", "Recovery time"]
    assert not Fault.objects.filter(ended_at=None).exists(), "what it broke ends with it"


def test_a_second_drill_waits_for_the_first_and_the_refusal_is_kept(world: World, other_node: Node) -> None:
    world.start_engine(0)
    assert isinstance(start.start("freeze_node", "a", "north-1"), Drill)
    refused = start.start("kill_engine", "b")
    assert isinstance(refused, Refusal)
    assert "One at a time" in refused.says
    kept = Drill.objects.get(state=Drill.State.REFUSED)
    assert (kept.kind, kept.started_by, kept.why) == ("kill_engine", "b", refused.says)


def test_it_is_refused_where_nobody_could_take_over(world: World) -> None:
    world.start_engine(0)
    SendingIP.objects.create(node=world.node, address="127.77.0.1", ehlo_name="mta1.platform.example")
    refused = start.start("freeze_node", "a", "north-1")
    assert isinstance(refused, Refusal)
    assert refused.says == "No engine lives outside of north-1: nobody could take over its mail."
    assert not Fault.objects.exists()


def test_an_aborted_one_ends_its_faults(world: World, other_node: Node) -> None:
    world.start_engine(0)
    drill = start.start("freeze_node", "a", "north-1")
    assert isinstance(drill, Drill)
    assert start.abort(drill, "b")
    drill.refresh_from_db()
    assert (drill.state, drill.ended_by) == (Drill.State.ABORTED, "b")
    assert Fault.objects.get().ended_at is not None
    assert not start.abort(drill, "c"), "once"
