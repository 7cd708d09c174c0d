"""The pure decision: targets, rules and what is published in, what should be out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitoring.dns.decide import Decision, FailBack, Kind, Published, Rules, Target, decide

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
A, B, C = (Target(value, True, priority, since=LONG_AGO) for value, priority in (("a", 0), ("b", 1), ("c", 2)))
RULES = Rules()


def dead(target: Target) -> Target:
    return replace(target, lives=False)


def back(target: Target, s: int) -> Target:
    return replace(target, since=NOW - timedelta(seconds=s))


def decided(*targets: Target, out: tuple[str, ...] = ("a",), rules: Rules = RULES, chosen: tuple[str, ...] = (), changed_s: int | None = None) -> Decision:
    changed_at = None if changed_s is None else NOW - timedelta(seconds=changed_s)
    return decide(targets, rules, Published(out, rules.ttl_s, changed_at), chosen, NOW)


def test_what_lives_stays() -> None:
    assert decided(A, B).kind is None


def test_a_dead_primary_gives_way_to_its_backup() -> None:
    decision = decided(dead(A), B, C)
    assert (decision.kind, decision.wanted) == (Kind.FAILOVER, ("b",)) and "a is dead" in decision.why


def test_nothing_published_yet_is_the_first_publication() -> None:
    assert decided(A, B, out=()).kind is Kind.FIRST


def test_all_dead_keeps_the_last_set() -> None:
    decision = decided(dead(A), dead(B), out=("b",))
    assert decision.kind is None and decision.wanted == ("b",) and decision.all_dead and "the last set, b, stays" in decision.why


def test_fail_back_waits_as_its_policy_says() -> None:
    fresh, settled = back(A, 100), back(A, 301)
    assert decided(fresh, B, out=("b",)).kind is None and "fails back to a at 12:03:20 UTC" in decided(fresh, B, out=("b",)).next_step
    assert decided(settled, B, out=("b",)).kind is Kind.FAIL_BACK
    by_hand = replace(RULES, fail_back=FailBack.BY_HAND)
    assert decided(settled, B, out=("b",), rules=by_hand).kind is None and "a person" in decided(settled, B, out=("b",), rules=by_hand).next_step
    assert decided(fresh, B, out=("b",), rules=replace(RULES, fail_back=FailBack.AT_ONCE)).kind is Kind.FAIL_BACK


def test_what_has_just_come_back_is_better_than_what_is_dead() -> None:
    for policy in FailBack:
        assert decided(back(A, 1), dead(B), out=("b",), rules=replace(RULES, fail_back=policy)).wanted == ("a",)


def test_two_changes_are_never_too_close() -> None:
    decision = decided(dead(A), B, changed_s=10)
    assert decision.kind is Kind.FAILOVER and not decision.due(NOW) and decision.not_before == NOW + timedelta(seconds=20)
    assert decision.due(NOW + timedelta(seconds=20)) and "12:00:20" in decision.next_step


def test_the_next_priority_joins_when_too_few_live() -> None:
    two = replace(RULES, least_answers=2)
    first = Target("a2", True, 0, since=LONG_AGO)
    assert decided(A, first, B, out=("a", "a2"), rules=two).kind is None
    assert decided(dead(A), first, B, C, out=("a", "a2"), rules=two).wanted == ("a2", "b")
    few = decided(dead(A), dead(first), B, out=("a", "a2"), rules=two)
    assert few.wanted == ("b",) and "Fewer than 2 live" in few.why


def test_of_too_many_the_heaviest_are_published() -> None:
    light, heavy = Target("light", True, 0, 1), Target("heavy", True, 0, 9)
    assert decided(light, heavy, out=(), rules=replace(RULES, most_answers=1)).wanted == ("heavy",)


def test_a_persons_choice_comes_before_everything_that_lives_and_yields_when_it_is_dead() -> None:
    assert decided(A, B, out=("b",), chosen=("b",)).kind is None
    assert decided(A, B, out=("a",), chosen=("b",)).wanted == ("b",)
    assert decided(A, dead(B), out=("b",), chosen=("b",)).wanted == ("a",)


def test_a_value_that_is_no_target_any_more_leaves() -> None:
    assert decided(A, B, out=("z",)).kind is Kind.SETTINGS


def test_another_ttl_is_a_change_of_settings() -> None:
    assert decide([A], RULES, Published(("a",), 300), (), NOW).kind is Kind.SETTINGS


targets = st.lists(
    st.builds(
        Target, value=st.sampled_from("abcdef"), lives=st.booleans(), priority=st.integers(0, 2), weight=st.integers(1, 3),
        since=st.one_of(st.none(), st.integers(0, 1000).map(lambda s: NOW - timedelta(seconds=s))),
    ),
    unique_by=lambda target: target.value,
)  # fmt: skip
sets = st.lists(st.sampled_from("abcdefxyz"), unique=True).map(lambda values: tuple(sorted(values)))
rules = st.builds(Rules, least_answers=st.integers(1, 4), most_answers=st.integers(1, 4), fail_back=st.sampled_from(FailBack), least_between_s=st.just(0))


@given(targets, sets, rules, sets)
def test_whatever_happens_it_is_never_empty_never_dead_and_settles(some: list[Target], out: tuple[str, ...], rule: Rules, chosen: tuple[str, ...]) -> None:
    decision = decide(some, rule, Published(out, rule.ttl_s), chosen, NOW)
    if decision.kind is None:
        assert decision.wanted == out
        return
    living = {target.value for target in some if target.lives}
    assert decision.wanted and set(decision.wanted) <= living and len(decision.wanted) <= max(1, rule.most_answers)
    again = decide(some, rule, Published(decision.wanted, rule.ttl_s), chosen, NOW)
    assert again.kind is None, "what was published is left alone"
