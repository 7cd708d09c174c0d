"""The kill drill against real processes: a row asks, the node's agent kills, the figures come from rows."""

from monitoring.drills import Refusal, stopwatch
from monitoring.models import Drill

from .conftest import World, until
from .test_a_dead_or_frozen_engine_is_found_and_its_claims_come_back import claim, ready


def test_the_most_loaded_engine_is_killed_and_nothing_is_lost(world: World) -> None:
    idle, busy = world.start_engine(0), world.start_engine(1)
    mine = claim(world, busy, 5)
    world.start_agent()
    drill = stopwatch.start_kill("operator@platform.example")
    assert isinstance(drill, Drill)
    assert drill.scope == "north-1/b"
    until(lambda: ready(world) == set(mine), 20, "claims given back")
    assert busy.process.wait(20) == -9
    assert idle.process.poll() is None
    figures = stopwatch.figures_of(drill)
    print(f"found after {figures['found_ms']} ms")
    assert figures["found_ms"] < 10_000, "strict figures are the benchmark's"
    assert (figures["in_hand"], figures["lost"]) == (5, 0)


def test_a_delivery_that_is_nowhere_counts_as_lost(world: World) -> None:
    world.start_engine(0)
    busy = world.start_engine(1)
    mine = claim(world, busy, 2)
    world.start_agent()
    drill = stopwatch.start_kill("operator@platform.example")
    until(lambda: ready(world) == set(mine), 20, "claims given back")
    world.query("DELETE FROM delivery_ready WHERE id = %s RETURNING id", mine[0])
    assert isinstance(drill, Drill)
    assert stopwatch.figures_of(drill)["lost"] == 1


def test_a_second_kill_waits_for_the_first(world: World) -> None:
    world.start_engine(0)
    world.start_engine(1)
    assert isinstance(stopwatch.start_kill("a"), Drill)
    assert isinstance(stopwatch.start_kill("b"), Refusal)
