"""A lane that is heard of while a claim is under way is asked again: the claim's snapshot may be older than the news."""

from delivery.engine.lanes import REMEMBERED_S, Lanes
from delivery.queue.claim import Bid

LANE = (1, 2, 0)


def _bid(handicap_ms: int = 0) -> Bid:
    return Bid(*LANE, handicap_ms=handicap_ms, limit=5, ip_ids=(1,))


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


def test_a_lane_whose_rows_may_be_too_young_is_remembered_but_not_for_ever() -> None:
    lanes = Lanes()
    lanes.heard([LANE], 10.0)
    lanes.claimed([_bid(handicap_ms=40)], [], asked_at_s=10.1)
    assert LANE in lanes
    lanes.claimed([_bid(handicap_ms=40)], [], asked_at_s=10.1 + REMEMBERED_S)
    assert LANE not in lanes


def test_news_of_one_purpose_are_not_taken_for_another() -> None:
    lanes = Lanes()
    lanes.heard([(1, 2, 2)], 10.0)
    assert LANE not in lanes
