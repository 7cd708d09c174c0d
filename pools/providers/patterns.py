"""Patterns that operators write: is this one safe to run on every reply, and does it mean what its samples say?

Promises: a pattern that passes compiles, is bounded in length, does not match everything, nests no open-ended repeats, looks nothing
up backwards, and searched texts built to hurt it in bounded time (in a process of its own, so that a bad one hurts nobody).
How it fails: a sentence that names the trouble. Never: changes a pattern.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

LONGEST_PATTERN = 500
LONGEST_SAMPLE = 2000  # a reply's text is cut there (delivery.smtp.wire)
MOST_SAMPLES = 20
SLOWEST_SEARCH_S = 0.05
_DEADLINE_S = 10.0  # by the wall's clock, on a busy machine; the processor's is limited to a second
_OPEN_ENDED = 8  # a repeat with more turns than this counts as open-ended
_REPEATS = tuple(getattr(_constants, name) for name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") if hasattr(_constants, name))
_TIMER = """
import json, re, resource, sys, time
resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
pattern, texts = json.load(sys.stdin)
search, slowest = re.compile(pattern, re.IGNORECASE).search, 0.0
for text in texts:
    started = time.process_time()
    search(text)
    slowest = max(slowest, time.process_time() - started)
print(slowest)
"""


def problem_with_pattern(pattern: str, samples: Sequence[str] = ()) -> str | None:
    """Why a pattern must not go into the rule book; None when it may."""
    if not pattern or len(pattern) > LONGEST_PATTERN:
        return f"A pattern has 1 to {LONGEST_PATTERN} characters, not {len(pattern)}."
    try:
        tree = _parser.parse(pattern)
        matches_nothing_too = re.compile(pattern, re.IGNORECASE).search("") is not None
    except (re.error, OverflowError, RecursionError) as error:
        return f"This is no regular expression: {error}."
    if matches_nothing_too:
        return "This pattern matches every reply."
    return _trouble_in(tree, inside_repeat=False) or _too_slow(pattern, samples)


def problem_with_samples(pattern: str, samples: object) -> str | None:
    """Whether the samples are replies that the pattern matches."""
    if not isinstance(samples, list) or not samples or not all(isinstance(sample, str) for sample in samples):
        return "Samples are a list of replies, at least one: they show what the pattern is for."
    if len(samples) > MOST_SAMPLES or max(map(len, samples)) > LONGEST_SAMPLE:
        return f"At most {MOST_SAMPLES} samples of at most {LONGEST_SAMPLE} characters each."
    compiled = re.compile(pattern, re.IGNORECASE)
    missed = next((sample for sample in samples if not compiled.search(sample)), None)
    return f"The pattern does not match its sample '{missed}'." if missed is not None else None


def earlier_match(samples: Iterable[str], earlier: Iterable[tuple[str, str]]) -> str | None:
    """The first (id, pattern) of the rules tried earlier that takes one of the samples away, in a sentence."""
    texts = list(samples)
    for rule_id, pattern in earlier:
        if taken := next((text for text in texts if re.search(pattern, text, re.IGNORECASE)), None):
            return f"The rule {rule_id} comes earlier and already matches '{taken}'."
    return None


def _trouble_in(tree: Iterable[Any], inside_repeat: bool) -> str | None:
    for kind, value in tree:
        if kind in (_constants.GROUPREF, _constants.GROUPREF_EXISTS):
            return "Patterns may not refer back to a group."
        open_ended = kind in _REPEATS and value[1] > _OPEN_ENDED
        if open_ended and inside_repeat:
            return "An open-ended repeat inside another one can take for ever on a hostile reply."
        for inner in _inside(kind, value):
            if trouble := _trouble_in(inner, inside_repeat or open_ended):
                return trouble
    return None


def _inside(kind: Any, value: Any) -> list[Any]:
    """The sub-patterns of one element."""
    if kind in _REPEATS:
        return [value[2]]
    if kind is _constants.BRANCH:
        return list(value[1])
    if kind in (_constants.SUBPATTERN, _constants.ASSERT, _constants.ASSERT_NOT):
        return [value[-1]]
    return [value] if kind is getattr(_constants, "ATOMIC_GROUP", None) else []


def _too_slow(pattern: str, samples: Sequence[str]) -> str | None:
    question = json.dumps([pattern, _pumped(pattern, samples)])
    try:
        done = subprocess.run([sys.executable, "-I", "-c", _TIMER], input=question, capture_output=True, text=True, timeout=_DEADLINE_S, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return "This pattern takes seconds on a hostile reply."
    slowest_s = float(done.stdout)
    if slowest_s <= SLOWEST_SEARCH_S:
        return None
    return f"This pattern takes {slowest_s * 1000:.0f} ms on a hostile reply; {SLOWEST_SEARCH_S * 1000:.0f} ms is the most."


def _pumped(pattern: str, samples: Sequence[str]) -> list[str]:
    """Texts at full length made of what the pattern likes: its own words, its samples, and nothing."""
    words = [word for word in re.split(r"[^A-Za-z0-9 #.-]+", pattern) if word]
    seeds = [*words, *samples, " ".join(words), *(word[0] for word in words), "a", " ", "1", "1 ", "5.7.1 ", "-"]
    starts = ("", "421 ", "550 5.7.1 ")
    return [(start + seed * (LONGEST_SAMPLE // len(seed) + 1))[: LONGEST_SAMPLE - 1] + "\t" for seed in dict.fromkeys(seeds) for start in starts if seed]
