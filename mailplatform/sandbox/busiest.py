"""How many recipients a provider took from each source IP in the busiest window of some lengths: the judge of hourly and daily caps.

Pure but for the state that it is; time comes in, from a monotonic clock. A window is any window, wherever it begins: exact, for it is looked at with each
recipient. Nothing is counted before `watch`.
"""

from collections import deque
from collections.abc import Sequence


class Busiest:
    """One provider's."""

    def __init__(self) -> None:
        self._lengths_s: tuple[float, ...] = ()
        self._times: dict[tuple[str, float], deque[float]] = {}
        self._most: dict[tuple[str, float], int] = {}
        self._all: dict[str, int] = {}

    def watch(self, lengths_s: Sequence[float]) -> None:
        """Count windows of these lengths, from now on."""
        self.__init__()  # type: ignore[misc]
        self._lengths_s = tuple(lengths_s)

    def count(self, ip: str, now_s: float) -> None:
        """One recipient more."""
        for length_s in self._lengths_s:
            times = self._times.setdefault((ip, length_s), deque())
            times.append(now_s)
            while times[0] <= now_s - length_s:
                times.popleft()
            self._most[ip, length_s] = max(self._most.get((ip, length_s), 0), len(times))
        if self._lengths_s:
            self._all[ip] = self._all.get(ip, 0) + 1

    def told(self) -> dict[str, dict[str, int]]:
        """By source IP: all of them ("all"), and the most in a window of each length in seconds."""
        return {ip: {"all": count, **{f"{one:g}": self._most[ip, one] for one in self._lengths_s}} for ip, count in self._all.items()}
