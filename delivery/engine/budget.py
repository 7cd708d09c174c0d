"""The retry budget: reroutes of a lane are at most a tenth of its last 30 seconds' attempts, and 20.

Beyond that it is the provider and not the path: another path would only meet the same wall, and a storm would follow. Pure; time comes in.
"""

from collections import deque

PERIOD_S = 30.0
SHARE, FLOOR = 0.10, 20


class Budget:
    """Of one engine, by lane."""

    def __init__(self) -> None:
        self._recent: dict[tuple[int, int], deque[tuple[float, bool]]] = {}
        self._reroutes: dict[tuple[int, int], int] = {}

    def count(self, lane: tuple[int, int], rerouted: bool, now_s: float) -> None:
        """One attempt ended."""
        recent = self._forget(lane, now_s)
        recent.append((now_s, rerouted))
        self._reroutes[lane] = self._reroutes.get(lane, 0) + rerouted

    def left(self, lane: tuple[int, int], now_s: float) -> bool:
        """Whether one more reroute is within the budget."""
        recent = self._forget(lane, now_s)
        return self._reroutes.get(lane, 0) < SHARE * len(recent) + FLOOR

    def _forget(self, lane: tuple[int, int], now_s: float) -> deque[tuple[float, bool]]:
        recent = self._recent.setdefault(lane, deque())
        while recent and recent[0][0] <= now_s - PERIOD_S:
            self._reroutes[lane] -= recent.popleft()[1]
        return recent
