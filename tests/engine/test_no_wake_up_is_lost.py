"""A lane that is heard of while a claim is under way is asked again: the claim's snapshot may be older than the news."""

from datetime import UTC, datetime
from uuid import UUID

from delivery.engine.lanes import Lanes
from delivery.queue.claim import Bid, Claim

LANE = (1, 2, 0)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _bid(handicap_ms: int = 0) -> Bid:
    return Bid(*LANE, handicap_ms=handicap_ms, limit=5, ip_ids=(1,))


def _claim() -> Claim:
    return Claim(UUID(int=1), UUID(int=1), 1, 1, 1, *LANE, 0.0, NOW, 0, 0, 0, None, [], "a@b.example", 1, 0, None, NOW)


def test_news_during_an_empty_claim_keep_the_lane() -> None:
    lanes = Lanes()
    lanes.heard([LANE], 10.0)
    lanes.heard([LANE], 11.001)
    lanes.claimed([_bid()], [], asked_at_s=11.0)
    assert LANE in lanes


def test_an_empty_lane_of_which_nothing_new_was_heard_is_forgotten() -> None:
    lanes = Lanes()
    lanes.heard([LANE], 10.0)
    lanes.claimed([_bid()], [], asked_at_s=11.0)
    assert LANE not in lanes


def test_a_lane_whose_rows_are_too_young_rests_and_is_forgotten_when_another_took_them_meanwhile() -> None:
    lanes = Lanes()
    lanes.heard([LANE], 10.0)
    assert lanes.rest(LANE, 40, now_s=10.01) > 0
    assert 10.04 < 10.01 + lanes.rests_s(LANE, 10.01) < 10.06
    lanes.heard([LANE], 10.03)  # what came first does not begin to wait anew
    assert lanes.rest(LANE, 40, now_s=10.06) <= 0
    lanes.claimed([_bid(handicap_ms=40)], [], asked_at_s=10.06)
    assert LANE not in lanes


def test_what_was_asked_for_too_early_is_asked_for_again() -> None:
    lanes = Lanes()
    lanes.heard([LANE], 10.0)
    lanes.claimed([_bid(handicap_ms=40)], [], asked_at_s=10.03)
    assert LANE in lanes


def test_a_lane_that_has_more_does_not_rest_and_one_that_others_leave_to_us_no_longer() -> None:
    lanes = Lanes()
    lanes.heard([LANE], 10.0)
    assert lanes.rest(LANE, 0, now_s=10.0) <= 0
    assert lanes.rest(LANE, 80, now_s=10.0) > 0
    lanes.end_rests()
    assert lanes.rests_s(LANE, 10.0) < 0
    lanes.claimed([_bid()], [_claim()] * 5, asked_at_s=10.0)
    assert lanes.rest(LANE, 80, now_s=10.001) <= 0


def test_news_of_one_purpose_are_not_taken_for_another() -> None:
    lanes = Lanes()
    lanes.heard([(1, 2, 2)], 10.0)
    assert LANE not in lanes
