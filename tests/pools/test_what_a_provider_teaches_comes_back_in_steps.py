"""Learned limits: down at once, up in steps, the same after a restart."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pools.learned import SETTLE_S, STEP_S, Learned, apply, from_json, limits_now, recover, to_json
from pools.outcomes import ActionKind, ActionScope, PathAction
from pools.providers.profile import Profile

PROFILE = Profile(connections=10, messages_per_connection=20, per_second=100)


def action(kind: ActionKind, duration_s: int = 600, count: int = 1) -> PathAction:
    return PathAction(kind, ActionScope.PATH, duration_s, count, 3600)


def test_connections_are_halved_and_come_back_one_at_a_time() -> None:
    learned = apply(action(ActionKind.REDUCE_CONNECTIONS), Learned(), PROFILE, 1000)
    assert limits_now(PROFILE, learned, 1000).connections == 5
    assert limits_now(PROFILE, learned, 1599).connections == 5
    seen = [limits_now(PROFILE, learned, 1600 + step * STEP_S).connections for step in range(7)]
    assert seen == [6, 7, 8, 9, 10, 10, 10]


def test_replies_already_under_way_do_not_halve_again() -> None:
    learned = apply(action(ActionKind.REDUCE_CONNECTIONS), Learned(), PROFILE, 1000)
    learned = apply(action(ActionKind.REDUCE_CONNECTIONS), learned, PROFILE, 1001)
    assert limits_now(PROFILE, learned, 1001).connections == 5
    learned = apply(action(ActionKind.REDUCE_CONNECTIONS), learned, PROFILE, 1001 + SETTLE_S)
    assert limits_now(PROFILE, learned, 1040).connections == 2


def test_a_suspended_path_starts_again_with_one_connection() -> None:
    learned = apply(action(ActionKind.SUSPEND), Learned(), PROFILE, 0)
    assert learned.suspended_until_s == 600
    assert recover(learned, 599).suspended_until_s == 600
    assert recover(learned, 600).suspended_until_s == 0
    assert limits_now(PROFILE, learned, 601).connections == 1
    assert limits_now(PROFILE, learned, 600 + STEP_S).connections == 2


def test_a_rate_falls_to_one_a_minute_by_steps_and_doubles_back() -> None:
    learned, seen = Learned(), []
    for at in (0, 100, 200, 300):
        learned = apply(action(ActionKind.REDUCE_RATE, duration_s=1000), learned, PROFILE, at)
        seen.append(limits_now(PROFILE, learned, at).per_minute)
    assert seen == [60, 6, 1, 1]
    assert [limits_now(PROFILE, learned, 1300 + step * STEP_S).per_minute for step in range(3)] == [2, 4, 8]
    assert recover(learned, 1300 + 20 * STEP_S).per_minute is None


def test_a_rule_acts_when_enough_matches_fell_in_its_period() -> None:
    rule = action(ActionKind.SUSPEND, count=3)
    learned = Learned()
    for at in (0, 4000, 4001):  # the first is over an hour old by the third
        learned = apply(rule, learned, PROFILE, at, rule="g-ptr")
        assert not learned.suspended_until_s
    learned = apply(rule, learned, PROFILE, 4002, rule="g-ptr")
    assert learned.suspended_until_s == 4602
    assert not learned.matches


def test_two_rules_with_one_action_count_apart() -> None:
    learned = apply(action(ActionKind.SUSPEND, count=2), Learned(), PROFILE, 0, rule="a")
    learned = apply(action(ActionKind.SUSPEND, count=2), learned, PROFILE, 1, rule="b")
    assert not learned.suspended_until_s


ACTIONS = st.builds(
    PathAction,
    kind=st.sampled_from(list(ActionKind)),
    scope=st.just(ActionScope.PATH),
    duration_s=st.integers(0, 86_400),
    trigger_count=st.integers(1, 5),
    trigger_period_s=st.just(3600),
)
HISTORY = st.lists(st.tuples(ACTIONS, st.floats(0, 7200)), max_size=30)


@given(history=HISTORY)
def test_limits_stay_between_one_and_the_profile_and_survive_json(history: list[tuple[PathAction, float]]) -> None:
    learned, now = Learned(), 1e9
    for act, gap in history:
        now += gap
        before = limits_now(PROFILE, learned, now)
        learned = apply(act, learned, PROFILE, now)
        after = limits_now(PROFILE, learned, now)
        assert 1 <= after.connections <= before.connections <= PROFILE.connections
        assert 1 <= after.messages_per_connection <= before.messages_per_connection <= PROFILE.messages_per_connection
        assert after.per_minute is None or after.per_minute >= 1
        assert recover(from_json(json.loads(json.dumps(to_json(learned)))), now) == recover(learned, now)


@given(history=HISTORY, steps=st.lists(st.floats(0, 300), max_size=40))
def test_recovery_never_snaps_back(history: list[tuple[PathAction, float]], steps: list[float]) -> None:
    learned, now = Learned(), 1e9
    for act, gap in history:
        now += gap
        learned = apply(act, learned, PROFILE, now)
    last = limits_now(PROFILE, learned, now).connections
    for gap in steps:
        now += gap
        connections = limits_now(PROFILE, learned, now).connections
        assert last <= connections <= last + 1 + gap // STEP_S
        last = connections


NAMES = st.sampled_from(["connections", "per_minute", "matches", "suspended_until_s", "x"])
ANYTHING = st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(NAMES, x))


@given(data=ANYTHING)
def test_what_cannot_be_read_was_not_learned(data: object) -> None:
    limits_now(PROFILE, from_json(data), 1e9)
