"""Usual: what a new session takes an engine lately, whoever is asked.

After a rescue, or a start, everything wants a connection at once, and each takes seconds because the machine has too much to do: one more delivery is then
sooner sent behind others along a connection that is being opened already than along one more. The median of the last few, so that a provider that greets
slowly says nothing of the others; it counts for as long as it is fresh.

And whoever has just come, with nothing in hand and no connection, would draw all mail to itself and let it wait: while sessions take long, or none was
opened yet, it begins a few a second for paths that have none, and other engines take the rest along theirs. Pure.
"""

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

LAST = 9
FRESH_S = 3.0
SLOW_S = 0.3
FEW = 12
LATELY_S = 1.0  # who waits for longer than that may wait for a host that does not answer, and keeps nobody


@dataclass(slots=True)
class Usual:
    """An engine's own, shared by its paths."""

    _last: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=LAST))
    _median_s: float = 0.0
    _begun: dict[object, float] = field(default_factory=dict)  # what is being opened, since when

    def opened(self, took_s: float, now_s: float) -> None:
        """A session was opened."""
        self._last.append((now_s, took_s))
        self._median_s = median([took for at_s, took in self._last if now_s - at_s <= FRESH_S])

    @contextlib.contextmanager
    def opening(self, now_s: float) -> Iterator[None]:
        """Around the opening of a session."""
        one = object()
        self._begun[one] = now_s
        try:
            yield
        finally:
            del self._begun[one]

    def has_enough(self, now_s: float) -> bool:
        """No path without a session should be given more now."""
        if len(self._begun) < FEW or 0.0 < self.connect_s(now_s) <= SLOW_S:
            return False
        return sum(now_s - begun_s <= LATELY_S for begun_s in self._begun.values()) >= FEW

    def connect_s(self, now_s: float) -> float:
        """0: nothing was opened lately."""
        return self._median_s if self._last and now_s - self._last[-1][0] <= FRESH_S else 0.0
