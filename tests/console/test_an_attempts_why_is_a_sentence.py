"""Why a path took a delivery: one sentence from what the engine kept, whatever it kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.why import State, Why, ip_ids, read_why, sentence

ADDRESSES = {7: "203.0.113.7", 9: "198.51.100.9", 10: "198.51.100.10", 11: "198.51.100.11"}


def said(**kept: object) -> str:
    return sentence(read_why(kept, ADDRESSES), "203.0.113.7", "Gmail").replace("\u00a0", " ")


def test_it_names_who_came_before_and_could_not() -> None:
    assert said(w=40, s=80, h=30, o=[[9, "full", 95, 5]]) == "Taken by 203.0.113.7 after 40 ms: 198.51.100.9 was at its 5 connections to Gmail."


def test_those_with_the_same_reason_stand_together() -> None:
    words = said(w=0, s=50, h=0, o=[[9, "full", 95, 5], [10, "full", 90, 5], [11, "suspended", 70]])
    assert "after 0 ms: 198.51.100.9 and 198.51.100.10 were at their 5 connections to Gmail; 198.51.100.11 was asked by Gmail to wait." in words


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ({"w": 3, "s": 99, "o": [[9, "open", 90], [10, "slower", 80, 400]], "m": 3}, "the best of 6 paths that were open"),
        ({"w": 3, "s": 99, "o": [[9, "paused", 40]]}, "the only path that was open"),
        ({"w": 3, "s": 99, "o": []}, "no other path serves its pool"),
        ({"w": 300, "s": 60, "h": 60, "o": [[9, "open", 90]]}, "198.51.100.9 was open, and had not asked for it yet"),
        ({"w": 300, "s": 60, "h": 60, "o": [[9, "open", 50]]}, "the best path had not taken it within 60 ms"),
        ({"w": 3, "s": 60, "o": [[9, "rate", 90, 1500]]}, "198.51.100.9 was at its rate for another 1.5 s"),
        ({"w": 3, "s": 60, "o": [[99, "gone", 90]]}, "an IP that is gone belonged to an engine that was not heard of"),
    ],
)
def test_it_says_what_decided(kept: dict, words: str) -> None:
    assert words in said(**kept)


@pytest.mark.parametrize("state", State)
def test_every_word_of_the_vocabulary_has_a_sentence(state: State) -> None:
    for others in ([[9, state, 99, 5]], [[9, state, 99], [10, state, 99]]):
        assert said(w=1, s=1, o=others).startswith("Taken by 203.0.113.7 after 1 ms: ")


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4), max_leaves=9)


@given(st.dictionaries(st.sampled_from("whseomx"), JSON) | JSON)
def test_nothing_that_was_kept_can_break_it(kept: object) -> None:
    assert isinstance(sentence(read_why(kept, ADDRESSES), "203.0.113.7", "Gmail"), str)
    assert all(isinstance(ip, int) for ip in ip_ids(kept))


def test_nothing_kept_says_nothing() -> None:
    assert sentence(Why(), "203.0.113.7", "Gmail") == ""
