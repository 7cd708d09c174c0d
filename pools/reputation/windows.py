"""Windows: what is remembered of a path's counts: sums that decay, by answers for what has just broken, short for refusals, middle for refusals of rare
mail, long for bounces and complaints.

Promises: plain arithmetic (a field is a float or a numpy array of them); folding is incremental, what falls into one step is added in any order, and two
steps without news are one of their length; sums of several paths' windows are the windows of their sum. Never: looks at a clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from math import log
from typing import Any

from pools.reputation.evidence import Counts, Figure
from pools.reputation.thresholds import Policy


@dataclass(frozen=True, slots=True)
class Windows:
    """`refused` is blocked and deferred for our sake. The prefix names the half-life."""

    fast_attempted: Figure = 0.0
    fast_refused: Figure = 0.0
    short_attempted: Figure = 0.0
    short_refused: Figure = 0.0
    short_connects: Figure = 0.0
    short_failed: Figure = 0.0  # connections and TLS
    middle_attempted: Figure = 0.0
    middle_refused: Figure = 0.0
    long_attempted: Figure = 0.0
    long_delivered: Figure = 0.0
    long_bounced: Figure = 0.0
    long_complaints: Figure = 0.0
    now_attempted: Figure = 0.0  # seconds: what other IPs hear at the same time
    now_refused: Figure = 0.0

    def __add__(self, other: "Windows") -> "Windows":
        return Windows(*(getattr(self, name) + getattr(other, name) for name in KEPT))

    def __sub__(self, other: "Windows") -> "Windows":
        """Of the others, when `other` is one of those that were added; never below nothing."""
        return Windows(*(not_below(getattr(self, name) - getattr(other, name), 0.0) for name in KEPT))

    def as_json(self) -> dict[str, float]:
        """For a steward that restarts; what is nothing is left out."""
        return {name: round(value, 6) for name in KEPT if (value := float(getattr(self, name))) > 1e-6}


KEPT = tuple(field.name for field in fields(Windows))
EMPTY = Windows()
LEAST = 1e-3  # of a half-life: nothing is not divided by nothing


def fold(windows: Windows, counts: Counts, dt_s: Figure, policy: Policy) -> Windows:
    """What was remembered fades by `dt_s`, then the counts of that time are added."""
    half_lives_s = (policy.now_half_life_s, policy.short_half_life_s, policy.middle_half_life_s, policy.long_half_life_s)
    now, short, middle, long = (0.5 ** (dt_s / half_life_s) for half_life_s in half_lives_s)
    refused = counts.blocked + counts.deferred_reputation
    half_lives = counts.attempted / policy.fast_answers
    fast = 0.5**half_lives * short
    # Many answers in one step came one after the other: the window by answers has forgotten the first of them by the last.
    kept = (1.0 - 0.5 ** (half_lives + LEAST)) / ((half_lives + LEAST) * log(2))
    return Windows(
        windows.fast_attempted * fast + counts.attempted * kept,
        windows.fast_refused * fast + refused * kept,
        windows.short_attempted * short + counts.attempted,
        windows.short_refused * short + refused,
        windows.short_connects * short + counts.connects,
        windows.short_failed * short + counts.connect_failures + counts.tls_errors,
        windows.middle_attempted * middle + counts.attempted,
        windows.middle_refused * middle + refused,
        windows.long_attempted * long + counts.attempted,
        windows.long_delivered * long + counts.delivered,
        windows.long_bounced * long + counts.bounced_recipient,
        windows.long_complaints * long + counts.complaints,
        windows.now_attempted * now + counts.attempted,
        windows.now_refused * now + refused,
    )


def added(many: Iterable[Windows]) -> Windows:
    """Of several paths together: what a provider, an IP or a pool remembers."""
    total = EMPTY
    for one in many:
        total = total + one
    return total


def without_blocks(windows: Windows) -> Windows:
    """As if nothing had been refused: when refusals were found to be a campaign's content."""
    return Windows(*(getattr(windows, name) * (0.0 if name.endswith("_refused") else 1.0) for name in KEPT))


def from_json(data: object) -> Windows:
    """A former steward's; total, whatever the column holds."""
    if not isinstance(data, Mapping):
        return EMPTY
    return Windows(**{name: _number(data.get(name)) for name in KEPT})


def not_below(value: Figure, least: float) -> Figure:
    """The larger of both, for floats and arrays alike."""
    return (value + least + abs(value - least)) / 2


def not_above(value: Figure, most: float) -> Figure:
    """The smaller of both."""
    return (value + most - abs(value - most)) / 2


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15 else 0.0
