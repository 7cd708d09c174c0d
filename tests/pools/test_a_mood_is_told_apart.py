"""Mood: what a path hears, whether every path hears it, and how it is forgotten. Time comes in."""

import math
from typing import Any

import pytest

from pools.mood import AS_USUAL, HALF_LIFE_S, Heard, Mood, against_us, from_json, mood_words, provider_mood, to_json
from pools.outcomes import Fault, Reason, Verdict

REFUSES = Heard(0.8, 10, Reason.RATE_IP)
TAKES = Heard(0.0, 10, "")


def _refused(times: int, now_s: float = 0.0, reason: str = Reason.RATE_IP) -> Mood:
    mood = Mood()
    for _ in range(times):
        mood.heard(reason, now_s)
    return mood


def test_what_every_path_hears_is_the_providers() -> None:
    found = provider_mood([REFUSES, Heard(0.5, 10, Reason.RATE_CONNECTIONS)], 2)
    assert (found.refused, found.reason) == (0.5, Reason.RATE_CONNECTIONS)


def test_one_path_that_is_taken_makes_it_the_others_own() -> None:
    assert provider_mood([REFUSES, REFUSES, REFUSES, TAKES], 4) is AS_USUAL


def test_one_path_alone_cannot_tell() -> None:
    assert provider_mood([REFUSES], 1) is AS_USUAL
    assert provider_mood([REFUSES, Heard(1.0, 1, Reason.RATE_IP)], 2) is AS_USUAL, "one answer is no word"


def test_two_that_are_refused_say_nothing_of_those_that_were_not_tried() -> None:
    assert provider_mood([REFUSES, REFUSES], 8) is AS_USUAL
    assert provider_mood([REFUSES, REFUSES, REFUSES], 8).reason == Reason.RATE_IP


def test_different_refusals_are_not_one_mood() -> None:
    assert provider_mood([REFUSES, Heard(0.8, 10, Reason.SOFT_SYSTEM)], 2) is AS_USUAL


def test_a_block_is_never_the_providers_mood() -> None:
    assert provider_mood([Heard(1.0, 10, Reason.BLOCK_IP_REPUTATION)] * 3, 3) is AS_USUAL


def test_what_was_heard_counts_half_after_a_minute_without_news() -> None:
    mood = _refused(20)
    assert mood.refused_now(0) > 0.9
    assert mood.refused_now(HALF_LIFE_S) == pytest.approx(mood.refused_now(0) / 2)
    assert mood.seen_now(10 * HALF_LIFE_S) < 1


def test_an_old_slow_answer_is_forgotten_so_that_the_path_is_tried_again() -> None:
    mood = Mood()
    for _ in range(20):
        mood.timed({"envelope": 10, "body": 4990}, 0)
    assert mood.answer_now_s(0) > 4
    assert mood.answer_now_s(200) < 0.2


def test_whoever_hung_once_is_expected_to_hang_as_long_again_and_not_for_ever() -> None:
    mood = Mood()
    mood.timed({"connect": 10_000}, 0)
    assert mood.connect_now_s(0) == 10 and mood.connect_now_s(300) < 0.2


@pytest.mark.parametrize(("verdict", "reason", "fault", "says"), [
    (Verdict.DELIVERED, Reason.ACCEPTED, Fault.NONE, ""),
    (Verdict.BOUNCED, Reason.HARD_INVALID_MAILBOX, Fault.RECIPIENT, ""),
    (Verdict.DEFERRED, Reason.SOFT_MAILBOX_FULL, Fault.RECIPIENT, ""),
    (Verdict.DEFERRED, Reason.SOFT_GREYLIST, Fault.DESTINATION, ""),
    (Verdict.DEFERRED, Reason.RATE_RECIPIENT, Fault.DESTINATION, ""),
    (Verdict.REROUTED, Reason.RATE_IP, Fault.INFRASTRUCTURE, Reason.RATE_IP),
    (Verdict.DEFERRED, Reason.SOFT_SYSTEM, Fault.DESTINATION, Reason.SOFT_SYSTEM),
    (Verdict.REROUTED, Reason.BLOCK_IP_REPUTATION, Fault.INFRASTRUCTURE, Reason.BLOCK_IP_REPUTATION),
])  # fmt: skip
def test_what_is_said_of_a_mailbox_is_not_said_of_the_path(verdict: Verdict, reason: Reason, fault: Fault, says: str) -> None:
    assert against_us(verdict, reason, fault) == says


def test_a_mood_outlives_its_engine() -> None:
    mood = _refused(10, now_s=500.0)
    kept = to_json(mood, AS_USUAL, 500.0, wall_s=1_800_000_000.0)
    other = from_json(kept, now_s=7.0, wall_s=1_800_000_000.0 + HALF_LIFE_S)
    assert other.refused_now(7.0) == pytest.approx(mood.refused_now(500.0) / 2, abs=0.01)
    assert other.reason == mood.reason


def test_a_mood_as_usual_leaves_nothing_to_keep() -> None:
    mood = Mood()
    mood.heard("", 0)
    assert to_json(mood, AS_USUAL, 0, 0) == {}


@pytest.mark.parametrize("data", [None, [], "x", 7, {"refused": "x"}, {"refused": math.nan, "at_s": math.inf}, {"refused": 9, "reason": {}, "seen": -1}])
def test_whatever_the_column_holds_makes_a_mood(data: Any) -> None:
    mood = from_json(data, 10.0, 20.0)
    assert 0 <= mood.refused_now(10.0) <= 1 and mood.answer_now_s(10.0) > 0
    assert isinstance(mood_words(data), str)


def test_people_read_whose_mood_it_is() -> None:
    kept = to_json(_refused(20), provider_mood([REFUSES, REFUSES], 2), 0, 0)
    assert "every sending IP hears the same: it is the provider" in mood_words(kept) and "rate_limited.ip" in mood_words(kept)
    assert mood_words(to_json(_refused(20), AS_USUAL, 0, 0)).count("provider") == 0
    assert mood_words({}) == ""
