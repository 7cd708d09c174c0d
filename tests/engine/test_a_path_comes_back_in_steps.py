"""Learned limits through the engine's path, with a clock that is moved: n per period, down at once, up in steps, across owners."""

from delivery.engine.path import Path
from pools.learned import STEP_S, to_json
from pools.outcomes import ActionKind, ActionScope, PathAction
from pools.providers.profile import Profile

WALL = 1_800_000_000.0


def _action(kind: ActionKind, count: int = 1, duration_s: int = 600) -> PathAction:
    return PathAction(kind, ActionScope.PATH, duration_s, count, 3600)


def _path(**profile: object) -> Path:
    return Path.new(1, 1, Profile(**profile))  # type: ignore[arg-type]


def _heir(path: Path, now_s: float) -> Path:
    heir = Path.new(1, 1, path.profile)
    heir.take_over(to_json(path.learned), path.circuit_failures, now_s, WALL + now_s)
    return heir


def test_a_rule_acts_at_its_nth_match_within_its_period_whoever_owns_the_path() -> None:
    path, action = _path(connections=8), _action(ActionKind.REDUCE_CONNECTIONS, count=3)
    path.act(action, "rule", 0.0, WALL, "one")
    path.act(action, "rule", 3700.0, WALL + 3700, "the first is out of the period")
    path.act(action, "other", 3700.0, WALL + 3700, "another rule's matches are counted apart")
    path.act(action, "rule", 3800.0, WALL + 3800, "two")
    assert path.limits.connections == 8
    heir = _heir(path, 3900.0)
    heir.act(action, "rule", 3900.0, WALL + 3900, "three")
    assert heir.limits.connections == heir.slots.limit == 4


def test_connections_come_back_one_a_minute_and_never_all_at_once() -> None:
    path = _path(connections=8)
    path.act(_action(ActionKind.REDUCE_CONNECTIONS), "rule", 0.0, WALL, "too many")
    seen = []
    for second in range(0, 1000, 10):
        path.recover(float(second), WALL + second)
        seen.append(path.slots.limit)
    assert seen[:60] == [4] * 60
    assert sorted(set(seen)) == [4, 5, 6, 7, 8] and seen == sorted(seen)
    assert all(seen[60 + 6 * n] == min(8, 5 + n) for n in range(6))


def test_a_suspended_path_starts_again_with_one_connection_also_under_its_next_owner() -> None:
    path = _path(connections=5)
    path.act(_action(ActionKind.SUSPEND), "rule", 0.0, WALL, "no")
    assert not path.open(599.0) and not _heir(path, 599.0).open(599.0)
    for n, connections in enumerate((1, 2, 3, 4, 5)):
        at = 601.0 + n * STEP_S
        heir = _heir(path, at)
        path.recover(at, WALL + at)
        assert path.open(at) and heir.open(at)
        assert path.slots.limit == heir.slots.limit == connections


def test_a_reduced_rate_holds_at_once_and_doubles_each_minute() -> None:
    path = _path(per_second=None, per_minute=600)
    path.act(_action(ActionKind.REDUCE_RATE), "rule", 0.0, WALL, "slower")
    rates = []
    for minute in range(9, 16):
        at = 60.0 * minute + 1
        path.recover(at, WALL + at)
        rates.append(path.rates[0].rate.per)
    assert rates == [60, 120, 240, 480, 600, 600, 600]


def test_a_rule_that_goes_on_matching_presses_further_but_not_for_what_was_under_way() -> None:
    path = _path(connections=16)
    for at in (0.0, 1.0, 2.0):
        path.act(_action(ActionKind.REDUCE_CONNECTIONS), "rule", at, WALL + at, "too many")
    assert path.limits.connections == 8
    path.act(_action(ActionKind.REDUCE_CONNECTIONS), "rule", 60.0, WALL + 60, "still")
    assert path.limits.connections == 4


def test_what_an_operator_tells_otherwise_holds_from_then_on() -> None:
    path = _path(connections=8, per_minute=600)
    path.adopt(Profile(connections=3, per_minute=60, per_hour=100), 1.0, WALL)
    assert (path.slots.limit, path.rates[0].rate.per) == (3, 60)
    assert path.allowance is not None and not path.spend(1.0), "no credit yet"
    path.adopt(Profile(connections=3), 2.0, WALL)
    assert path.allowance is None and path.rates == []
