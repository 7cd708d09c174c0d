"""Needles: short strings of which a text must hold one, or a pattern cannot match it.

Looking for needles costs a tenth of running the patterns, and most rules do not match most replies (M: a reply of 170 characters that
none of Microsoft's 70 rules matches takes 31 µs instead of 300). Promises: a pattern that matches an ASCII text, in any
case, finds one of its needles in the text's lower case. Where that cannot be told the answer is None: run the pattern. Never: decides.
"""

from collections.abc import Sequence
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

SHORTEST = 2


def needles(pattern: str) -> tuple[str, ...] | None:
    """The needles of a pattern, in lower case, or None."""
    return _of_sequence(_parser.parse(pattern))


def _of_sequence(items: Sequence[Any]) -> tuple[str, ...] | None:
    """The best choice that a sequence offers: the one whose shortest needle is the longest."""
    choices: list[tuple[str, ...]] = []
    run = ""
    for kind, value in items:
        if kind is _constants.LITERAL and value < 128:
            run += chr(value).lower()
            continue
        choices.append((run,))
        run = ""
        if (inner := _of_item(kind, value)) is not None:
            choices.append(inner)
    choices.append((run,))
    best = max(choices, key=_worth)
    return best if _worth(best) >= SHORTEST else None


def _worth(choice: tuple[str, ...]) -> int:
    return min(len(needle) for needle in choice)


def _of_item(kind: Any, value: Any) -> tuple[str, ...] | None:
    if kind is _constants.SUBPATTERN:
        return _of_sequence(value[-1])
    if kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and value[0] >= 1:
        return _of_sequence(value[2])
    if kind is _constants.BRANCH:
        branches = [_of_sequence(branch) for branch in value[1]]
        return tuple(needle for branch in branches for needle in branch or ()) if all(branches) else None
    return None
