"""The pure rule: acts only when surely above, at once; eases one level at a time by what came since; never lets a hold go by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pools.neighbours.models import Level, NeighboursPolicy
from pools.neighbours.policy import rules_of
from pools.neighbours.standing import ORDER, Held, StreamSums, Sums, decide, find, slowed_rate, surely

RULES = rules_of(NeighboursPolicy())
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def stream(ended: float = 0, bounced: float = 0, *, number: int = 1, shared: bool = True, transactional: bool = False, **sums: float) -> StreamSums:
    return StreamSums(number, f"s{number}", shared, transactional, Sums(fast_ended=ended, fast_bounced=bounced, long_ended=ended, long_bounced=bounced, **sums))


@pytest.mark.parametrize(
    ("ended", "bounced", "level"),
    [
        (10_000, 100, Level.GOOD), (10_000, 195, Level.GOOD), (10_000, 260, Level.WARNED), (10_000, 560, Level.SLOWED), (10_000, 1_100, Level.HELD),
        (99, 99, Level.GOOD), (100, 30, Level.HELD), (100, 4, Level.GOOD), (120, 14, Level.SLOWED),
    ],
)  # fmt: skip
def test_bounces_lead_to_a_level_only_when_they_are_surely_above_it(ended: int, bounced: int, level: Level) -> None:
    decision = decide(Held(), [stream(ended, bounced)], RULES, AT)
    assert (decision.level if decision else Level.GOOD) == level


@pytest.mark.parametrize(
    ("heard", "complaints", "level"),
    [(10_000, 9, Level.GOOD), (10_000, 22, Level.WARNED), (10_000, 45, Level.SLOWED), (10_000, 70, Level.HELD), (400, 4, Level.GOOD), (500, 10, Level.HELD)],
)
def test_so_do_complaints_among_what_went_where_they_are_reported(heard: int, complaints: int, level: Level) -> None:
    decision = decide(Held(), [stream(20_000, 0, heard=heard, complaints=complaints)], RULES, AT)
    assert (decision.level if decision else Level.GOOD) == level


def test_a_bad_hour_counts_though_the_day_was_good() -> None:
    sums = Sums(fast_ended=500, fast_bounced=150, long_ended=100_000, long_bounced=400)
    decision = decide(Held(), [StreamSums(1, "news", True, False, sums)], RULES, AT)
    assert decision
    assert decision.level is Level.HELD


def test_only_the_stream_at_fault_is_held_and_transactional_mail_goes_on() -> None:
    codes, news = stream(5_000, 5, number=1, transactional=True), stream(1_000, 300, number=2)
    decision = decide(Held(), [codes, news], RULES, AT)
    assert decision
    assert decision.streams == {2}
    decision = decide(Held(), [stream(1_000, 300, number=1, transactional=True), stream(1_000, 5, number=2)], RULES, AT)
    assert decision
    assert decision.streams == {1}, "transactional mail is held when it is at fault itself"


def test_a_bad_list_spread_over_many_streams_is_found_in_all_of_them_together() -> None:
    streams = [stream(60, 20, number=n) for n in range(1, 9)] + [stream(60, 0, number=9)]
    assert all(each.stream_id == 0 for each in find(streams, RULES)), "each alone is below the floor"
    decision = decide(Held(), streams, RULES, AT)
    assert decision
    assert (decision.level, decision.streams) == (Level.HELD, frozenset(range(1, 9)))


def test_a_stream_on_a_dedicated_pool_is_warned_and_no_more() -> None:
    decision = decide(Held(), [stream(1_000, 400, shared=False)], RULES, AT)
    assert decision
    assert decision.level is Level.WARNED


def test_a_list_full_of_suppressed_addresses_is_a_warning() -> None:
    decision = decide(Held(), [stream(1_000, 0, submitted=2_000, suppressed=1_000)], RULES, AT)
    assert decision
    assert decision.level is Level.WARNED
    assert "suppression list" in decision.sentence


def test_it_eases_one_level_after_the_stay_by_what_came_since() -> None:
    now_is = Held(Level.SLOWED, AT - timedelta(minutes=61))
    better = stream(2_000, 10, since_ended=200, since_bounced=2)
    decision = decide(now_is, [better], RULES, AT)
    assert decision
    assert decision.level is Level.WARNED, "one level, though nothing speaks against it any more"
    assert decide(replace(now_is, since=AT - timedelta(minutes=59)), [better], RULES, AT) is None, "not before the stay is over"
    few = stream(2_000, 10, since_ended=99, since_bounced=0)
    assert decide(now_is, [few], RULES, AT) is None, "not without evidence"
    just_below = stream(2_000, 10, since_ended=1_000, since_bounced=45)
    assert decide(now_is, [just_below], RULES, AT) is None, "entering at 5 % it leaves below 4 %"


def test_without_more_evidence_a_warning_ends_and_a_hold_never_does() -> None:
    long_ago = AT - RULES.expires
    decision = decide(Held(Level.SLOWED, long_ago), [], RULES, AT)
    assert decision
    assert decision.level is Level.GOOD
    assert decide(Held(Level.HELD, long_ago - timedelta(days=300), frozenset({1})), [stream(5_000, 0)], RULES, AT) is None


def test_another_stream_can_be_held_beside_the_first() -> None:
    decision = decide(Held(Level.HELD, AT, frozenset({1})), [stream(1_000, 300, number=2)], RULES, AT)
    assert decision
    assert decision.streams == {1, 2}


def test_a_slowed_rate_is_a_part_of_the_usual_one_and_never_nothing() -> None:
    assert slowed_rate([stream(per_minute=6_000), stream(per_minute=900, transactional=True)], 10, 30) == 600
    assert slowed_rate([], 10, 30) == 30


@given(st.integers(0, 5_000), st.integers(0, 5_000))
def test_the_lower_end_lies_below_the_rate_and_nears_it_with_samples(part: int, more: int) -> None:
    whole = part + more
    if whole:
        assert 0 <= surely(part, whole) <= part / whole
        assert surely(part, whole) <= surely(10 * part, 10 * whole) + 1e-12


@given(st.integers(0, 3_000), st.integers(0, 3_000), st.integers(0, 500), st.sampled_from(ORDER), st.integers(0, 100))
def test_the_same_figures_never_make_it_swing(ended: int, bounced: int, since: int, level: Level, hours: int) -> None:
    """Decided twice on the same evidence: the second decision undoes nothing of the first."""
    bounced, streams = min(bounced, ended), []
    streams = [stream(ended, bounced, since_ended=since)]
    before = Held(level, AT - timedelta(hours=hours), frozenset({1}) if level is Level.HELD else frozenset())
    first = decide(before, streams, RULES, AT)
    if first:
        again = decide(Held(first.level, AT, first.streams), streams, RULES, AT)
        assert again is None or ORDER.index(again.level) > ORDER.index(first.level) or again.level is first.level
