"""The slot keeper alone: what an agent does about vacant slots."""

from itertools import pairwise

from monitoring.slots import Do, SlotKeeper, Task


def run(keeper: SlotKeeper, start_s: float, seconds: float, occupied: list[int], tasks: dict[int, Task], wanted: int = 1) -> list[tuple[float, Do]]:
    done: list[tuple[float, Do]] = []
    for step in range(round(seconds / 0.05) + 1):
        now = start_s + step * 0.05
        done += [(round(now - start_s, 2), action.do) for action in keeper.step(now, occupied, wanted, tasks)]
    return done


def test_a_vacant_slot_is_asked_for_at_once_and_once() -> None:
    assert run(SlotKeeper(), 0.0, 4.0, [], {}) == [(0.0, Do.ENQUEUE)]


def test_a_task_that_an_earlier_agent_enqueued_is_enough() -> None:
    assert run(SlotKeeper(), 0.0, 4.0, [], {0: Task.WAITING}) == []


def test_an_engine_that_dies_is_asked_for_again_at_once() -> None:
    keeper = SlotKeeper()
    keeper.step(0.0, [], 1, {})
    run(keeper, 1.0, 60.0, [0], {})
    assert run(keeper, 62.0, 0.1, [], {}) == [(0.0, Do.ENQUEUE)]


def test_a_task_that_nobody_takes_while_no_engine_runs_ends_the_cluster_once() -> None:
    done = run(SlotKeeper(), 0.0, 24.0, [], {0: Task.WAITING})
    assert [do for _, do in done] == [Do.RESTART_CLUSTER]
    assert done[0][0] == 5.0


def test_a_task_that_was_taken_and_never_begun_is_thrown_away_and_asked_for_again() -> None:
    keeper = SlotKeeper()
    keeper.step(0.0, [], 1, {})
    assert [do for _, do in run(keeper, 0.05, 5.0, [], {0: Task.TAKEN})] == [Do.RESTART_CLUSTER, Do.DISCARD, Do.ENQUEUE]


def test_a_task_that_was_taken_late_is_given_its_time() -> None:
    keeper = SlotKeeper()
    run(keeper, 0.0, 4.8, [], {0: Task.WAITING})
    assert run(keeper, 4.85, 4.5, [], {0: Task.TAKEN}) == []


def test_a_cluster_that_was_only_starting_is_looked_at_again_as_soon() -> None:
    keeper = SlotKeeper()
    assert [do for _, do in run(keeper, 0.0, 5.0, [], {0: Task.WAITING})] == [Do.RESTART_CLUSTER]
    keeper.put_off()
    assert [do for _, do in run(keeper, 5.05, 5.0, [], {0: Task.WAITING})] == [Do.RESTART_CLUSTER]


def test_the_cluster_is_left_alone_while_another_engine_runs_in_it() -> None:
    assert [do for _, do in run(SlotKeeper(), 0.0, 30.0, [1], {0: Task.TAKEN}, wanted=2)] == []


def test_an_engine_that_never_comes_of_its_task_is_asked_for_again() -> None:
    done = run(SlotKeeper(), 0.0, 12.0, [], {})
    assert done == [(0.0, Do.ENQUEUE), (10.0, Do.ENQUEUE)]


def test_engines_that_die_at_their_start_are_started_with_growing_pauses() -> None:
    keeper, now, starts = SlotKeeper(), 0.0, []
    occupied: list[int] = []
    for _ in range(4000):
        actions = keeper.step(now, occupied, 1, {})
        if any(action.do is Do.ENQUEUE for action in actions):
            starts.append(now)
            occupied = [0]
        else:
            occupied = []
        now += 0.05
    pauses = [round(b - a, 1) for a, b in pairwise(starts)]
    assert pauses[:2] == [0.1, 0.6]
    assert pauses == sorted(pauses)
    assert max(pauses) <= 31


def test_a_drained_node_gets_no_engines() -> None:
    assert run(SlotKeeper(), 0.0, 2.0, [], {}, wanted=0) == []
