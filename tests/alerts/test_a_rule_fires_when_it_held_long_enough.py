"""The judge: a breach fires after its time, counted by ticks that were seen; ends on the other side of its second number; gaps and jumps do no harm."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.alerts.judge import UNKNOWN_S, Change, Comparison, Rule, Seen, Standing, What, from_json, judge, to_json
from monitoring.metrics.catalog import METRICS

AT = datetime(2026, 11, 2, tzinfo=UTC)
TICK = timedelta(seconds=10)
CPU = Rule(1, METRICS["cpu_share"], "node", Comparison.ABOVE, 0.9, clear=0.8, for_s=30.0, clear_for_s=20.0)
ABSENT = object()


def _run(rule: Rule, values: list[object], standing: Standing | None = None, at: datetime = AT, **more: object) -> tuple[Standing, list[Change]]:
    """One node's values, tick by tick. ABSENT: not in the tick; None: its metric was not collected."""
    standing, changes = standing or Standing(), []
    for value in values:
        seen = Seen(at, 10, value is not None, {} if value in (None, ABSENT) else {"1": value})
        standing, new = judge(rule, standing, seen, **more)
        changes += new
        at += TICK
    return standing, changes


def _what(changes: list[Change]) -> list[tuple[str, int]]:
    return [(str(change.what), int((change.at - AT) / TICK)) for change in changes]


def test_it_fires_with_the_tick_that_makes_its_time_full_and_clears_after_its_second_time() -> None:
    _, changes = _run(CPU, [0.95, 0.95, 0.95, 0.95, 0.7, 0.7, 0.7])
    assert _what(changes) == [("fired", 2), ("cleared", 5)]
    assert changes[0].since == AT and changes[0].value == 0.95 and changes[1].worst == 0.95


def test_a_breach_that_is_interrupted_begins_anew() -> None:
    assert _what(_run(CPU, [0.95, 0.95, 0.85, 0.95, 0.95])[1]) == []


def test_between_its_two_numbers_it_stays_what_it_was() -> None:
    assert _what(_run(CPU, [0.95] * 3 + [0.85] * 50)[1]) == [("fired", 2)]
    assert _what(_run(CPU, [0.95] * 3 + [0.7, 0.85, 0.7, 0.7])[1]) == [("fired", 2), ("cleared", 6)]


def test_much_worse_is_said_again() -> None:
    rule = Rule(1, METRICS["queue_ready"], "node", Comparison.ABOVE, 100, for_s=0)
    assert _what(_run(rule, [101, 120, 160, 200, 300])[1]) == [("fired", 0), ("worse", 2), ("worse", 4)]


@pytest.mark.parametrize("pause", [timedelta(seconds=40), timedelta(hours=3), -timedelta(hours=1)], ids=str)
def test_a_gap_or_a_clock_that_jumps_fires_nothing(pause: timedelta) -> None:
    standing, _ = _run(CPU, [0.95, 0.95])
    after, changes = _run(CPU, [0.95, 0.95], standing, AT + TICK + pause)
    assert changes == []
    assert _what(_run(CPU, [0.95], after, AT + TICK + pause + 2 * TICK)[1]) != []


def test_one_tick_that_is_missing_is_no_gap_and_counts_nothing() -> None:
    standing, _ = _run(CPU, [0.95])
    standing, changes = _run(CPU, [0.95], standing, AT + 2 * TICK)
    assert changes == [] and standing.subjects["1"].held_s == 20


def test_a_tick_that_comes_twice_changes_nothing() -> None:
    standing, _ = _run(CPU, [0.95, 0.95])
    assert _run(CPU, [0.1], standing, AT + TICK) == (standing, [])


def test_who_is_gone_from_a_metric_that_was_collected_is_well() -> None:
    assert _what(_run(CPU, [0.95] * 3 + [ABSENT] * 2)[1]) == [("fired", 2), ("cleared", 4)]


def test_what_was_not_collected_says_nothing_until_half_an_hour_has_passed() -> None:
    ticks = int(UNKNOWN_S / 10)
    assert _what(_run(CPU, [0.95] * 3 + [None] * ticks)[1]) == [("fired", 2), ("cleared", 2 + ticks)]
    assert _what(_run(CPU, [0.95, 0.95, None, 0.95])[1]) == [("fired", 3)]
    assert _what(_run(CPU, [0.95, 0.95] + [None] * 4 + [0.95])[1]) == []


def test_below_a_number_fires_where_low_is_bad() -> None:
    rule = Rule(1, METRICS["certificate_days"], "endpoint", Comparison.BELOW, 14, clear=15, for_s=0, clear_for_s=0)
    assert _what(_run(rule, [20, 13.9, 14.5, 8, 60])[1]) == [("fired", 1), ("worse", 3), ("cleared", 4)]


def test_compared_with_its_past_it_must_be_much_as_well() -> None:
    rule = Rule(1, METRICS["queue_ready"], "all", Comparison.TIMES_MEDIAN, 5, at_least=1000, for_s=0, clear_for_s=0)
    assert _what(_run(rule, [900, 999, 1001], past=lambda _: 100.0)[1]) == [("fired", 2)]
    assert _what(_run(rule, [1001, 4000, 5001], past=lambda _: 1000.0)[1]) == [("fired", 2)]
    assert _what(_run(rule, [10_000], past=lambda _: None)[1]) == []


def test_who_had_data_and_has_none_is_missed_for_a_day() -> None:
    rule = Rule(1, METRICS["cpu_share"], "node", Comparison.NO_DATA, for_s=20.0, clear_for_s=10.0)
    assert _what(_run(rule, [0.5, ABSENT, ABSENT, 0.5])[1]) == [("fired", 2), ("cleared", 3)]
    assert _what(_run(rule, [0.5, None, None, 0.5])[1]) == [("fired", 2), ("cleared", 3)]
    day = 8640 + 3
    assert _what(_run(rule, [0.5] + [ABSENT] * day)[1])[1:] == [("cleared", 8641)]
    assert _run(rule, [ABSENT] * 10)[1] == []


def test_only_chosen_subjects_are_judged() -> None:
    rule = Rule(1, METRICS["cpu_share"], "node", Comparison.ABOVE, 0.9, frozenset({"2"}), for_s=0)
    _, changes = judge(rule, Standing(), Seen(AT, 10, True, {"1": 1.0, "2": 0.95, "3": 1.0}))
    assert [change.subject for change in changes] == ["2"]


def test_a_rule_that_is_about_something_else_now_forgets_how_it_stood() -> None:
    standing, _ = _run(CPU, [0.95] * 3)
    other = Rule(1, METRICS["memory_share"], "node", Comparison.ABOVE, 0.9, for_s=30.0)
    after, changes = _run(other, [0.95], standing, AT + 3 * TICK)
    assert changes == [] and after.firing == frozenset()


VALUES = st.lists(st.one_of(st.floats(0, 1), st.just(ABSENT), st.none()), max_size=60)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_how_it_stands_outlives_its_process(values: list[object]) -> None:
    """Written down and read after every tick it gives what it gives in one go, and firing and clearing take turns."""
    whole, changes = _run(CPU, values)
    standing, by_steps, at = Standing(), [], AT
    for value in values:
        standing, new = _run(CPU, [value], from_json(to_json(standing), standing.at) if standing.at else standing, at)
        by_steps += new
        at += TICK
    assert by_steps == changes and to_json(standing) == to_json(whole)
    turns = [change.what for change in changes if change.what is not What.WORSE]
    assert all(what is (What.FIRED, What.CLEARED)[n % 2] for n, what in enumerate(turns))
