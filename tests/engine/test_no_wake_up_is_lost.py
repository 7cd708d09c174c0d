"""A lane that is heard of while a claim is under way is asked again: the claim's snapshot may be older than the news."""

import time
from typing import Any

from delivery.engine.claimer import Claimer
from delivery.queue.claim import Bid

LANE = (1, 2)
BID = Bid(*LANE, handicap_ms=0, limit=5, ip_ids=(1,))


def _claimer() -> Claimer:
    nobody: Any = None
    return Claimer(nobody, nobody, nobody)


async def test_news_during_an_empty_claim_keep_the_lane() -> None:
    claimer = _claimer()
    asked_at = time.monotonic()
    claimer.work_in([LANE])
    claimer._forget_empty([BID], [], asked_at)
    assert LANE in claimer._lanes


async def test_an_empty_lane_of_which_nothing_new_was_heard_is_forgotten() -> None:
    claimer = _claimer()
    claimer.work_in([LANE])
    claimer._forget_empty([BID], [], time.monotonic())
    assert LANE not in claimer._lanes
