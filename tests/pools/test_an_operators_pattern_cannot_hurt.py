"""Patterns written in the admin are checked before they meet replies."""

import pytest

from pools.providers import shipped
from pools.providers.patterns import LONGEST_PATTERN, earlier_match, problem_with_pattern, problem_with_samples


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "x" * (LONGEST_PATTERN + 1),
        "(",
        "a{2,1}",
        ".*",
        "busy|",
        "(a+)+$",
        "(a*)*b",
        "(.+)+x",
        r"(\w+\s?)*!",
        r"(a)\1",
        "(a|a)*b",
        ".*a.*b.*c.*d$",
    ],
)
def test_a_dangerous_or_useless_pattern_is_refused_with_a_reason(pattern: str) -> None:
    assert problem_with_pattern(pattern)


def test_shipped_patterns_pass_their_own_guard_in_structure() -> None:
    longest = sorted(shipped.rules(), key=lambda rule: len(rule.pattern))[-3:]
    repeating = [rule for rule in shipped.rules() if rule.id in ("x-conn", "x-full", "g-dmarc-tempdns", "y-unk")]
    for rule in (*longest, *repeating):
        assert problem_with_pattern(rule.pattern, rule.samples) is None, rule.id


def test_samples_must_match() -> None:
    assert problem_with_samples("busy", ["421 busy"]) is None
    assert problem_with_samples("busy", ["421 bye"])
    assert problem_with_samples("busy", [])
    assert problem_with_samples("busy", "421 busy")
    assert problem_with_samples("busy", [1])


def test_a_sample_that_an_earlier_rule_takes_is_told() -> None:
    assert earlier_match(["421 busy"], [("a", "bye"), ("b", "BUSY")]) == "The rule b comes earlier and already matches '421 busy'."
    assert earlier_match(["421 busy"], [("a", "bye")]) is None
