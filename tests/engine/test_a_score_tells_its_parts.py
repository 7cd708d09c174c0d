"""Score: what it is made of, the handicap that follows when idle, and the share that follows when loaded. Pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.score import MOST_BEHIND_MS, Health, Rank, behind_ms, claim_ahead, points, score

SCORES = st.floats(0, 100)


def test_a_path_without_a_fault_has_a_hundred_points() -> None:
    assert score(points(100, 0, 0, 0.1, 0.1, 0).lost, 0) == 100


def test_each_part_is_told_apart() -> None:
    lost = points(reputation=90, refused=0.5, providers=0.0, answer_s=3.2, fastest_s=0.1, health=7)
    assert lost.reputation == 10 and lost.mood == 20 and lost.slowness == 20 and lost.health == 7
    assert score(lost.lost, load=0) == 43


def test_what_every_path_hears_costs_none_of_them() -> None:
    assert points(100, 0.6, 0.6, 0.1, 0.1, 0).lost == 0


def test_twice_as_slow_is_noise() -> None:
    assert points(100, 0, 0, 0.2, 0.1, 0).slowness == 0
    assert points(100, 0, 0, 0.8, 0.1, 0).slowness > 0


def test_load_costs_little_and_only_once() -> None:
    assert 75 < score(0, 1) == score(0, 9) < 100


def test_a_well_node_costs_nothing_and_a_failing_one_up_to_forty() -> None:
    assert Health(0.8, 0.8, 40).points() == 0
    assert Health(1, 1, 1000).points() == 40
    assert 0 < Health(loop_gap_ms=200).points() < Health(loop_gap_ms=300).points()


def test_the_best_path_waits_for_nobody_however_bad_it_is() -> None:
    best = Rank(0, 60)
    assert behind_ms(best, best) == behind_ms(best, None) == behind_ms(best, Rank(0, 50)) == 0


@given(SCORES, SCORES)
def test_no_path_is_ever_more_than_eighty_milliseconds_behind_another_of_its_tier(own: float, best: float) -> None:
    """So long a delivery waits at most when the best path went away without a word."""
    assert 0 <= behind_ms(Rank(0, own), Rank(0, best)) <= MOST_BEHIND_MS == 80


@given(SCORES, SCORES)
def test_a_fallback_waits_for_the_pools_own_paths_and_not_for_other_fallbacks(own: float, best: float) -> None:
    assert behind_ms(Rank(2000, own), Rank(0, best)) >= 2000 - 2 * 100
    assert behind_ms(Rank(2000, own), Rank(2000, best)) <= MOST_BEHIND_MS


def test_a_worse_score_is_a_longer_handicap() -> None:
    waits = [behind_ms(Rank(0, own), Rank(0, 100)) for own in (100, 95, 80, 61, 30, 0)]
    assert waits == [0, 10, 40, 78, 80, 80]


@pytest.mark.parametrize(("lost", "most"), [(0, 20), (50, 10), (100, 2)])
def test_loaded_the_score_is_a_share_of_what_a_path_has_in_hand(lost: float, most: int) -> None:
    assert claim_ahead(connections=10, sent_per_s=5, answer_s=0.1, spacing_s=0, lost=lost) == most


def test_a_path_has_half_a_second_in_hand_and_one_a_connection() -> None:
    assert claim_ahead(2, sent_per_s=1000, answer_s=0.002, spacing_s=0, lost=0) == 500
    assert claim_ahead(10, sent_per_s=2, answer_s=5, spacing_s=0, lost=0) == 10, "slow answers: no second one behind each"
    assert claim_ahead(10, sent_per_s=100, answer_s=0.1, spacing_s=1.0, lost=0) == 1, "the rate binds"
    assert claim_ahead(1, 0, 9, 60, 100) == 1, "never none"
