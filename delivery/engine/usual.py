"""Usual: what a new session takes an engine lately, whoever is asked.

After a rescue, or a start, everything wants a connection at once, and each takes seconds because the machine has too much to do: one more delivery is then
sooner sent behind others along a connection that is being opened already than along one more. The median of the last few, so that a provider that greets
slowly says nothing of the others; it counts for as long as it is fresh. Pure.
"""

from collections import deque
from dataclasses import dataclass, field
from statistics import median

LAST = 9
FRESH_S = 3.0


@dataclass(slots=True)
class Usual:
    """An engine's own, shared by its paths."""

    _last: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=LAST))
    _median_s: float = 0.0

    def opened(self, took_s: float, now_s: float) -> None:
        """A session was opened."""
        self._last.append((now_s, took_s))
        self._median_s = median([took for at_s, took in self._last if now_s - at_s <= FRESH_S])

    def connect_s(self, now_s: float) -> float:
        """0: nothing was opened lately."""
        return self._median_s if self._last and now_s - self._last[-1][0] <= FRESH_S else 0.0
