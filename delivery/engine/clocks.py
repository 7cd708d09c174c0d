"""Clocks: whether the database's clock goes as this machine's boot time does. Pure; readings come in.

A cap holds by the database's clock. If that jumps ahead, what was sent before looks older than it is. So nobody reserves new credit until
boot time has caught up, and for a whole window after the jump the window is looked at by as much longer. Two readings tell a jump: the database's
clock is read at some moment between two of ours, and only what no such moment explains counts. A clock that is set back makes
windows longer, which breaks no cap. How it fails: an engine that starts after a jump knows nothing of it.
"""

from dataclasses import dataclass, field

CLOCKS_MAY_PART_S = 2.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The database's clock, and boot time right before and after it was asked."""

    database_s: float
    before_s: float
    after_s: float


@dataclass(slots=True)
class Clocks:
    """One for each engine."""

    _last: Reading | None = None
    _caught_up_s: float = float("-inf")
    _jumps: list[tuple[float, float]] = field(default_factory=list)  # when by boot time, how far

    def read(self, reading: Reading, longest_window_s: float) -> None:
        """One more reading."""
        last, self._last = self._last, reading
        if last is None:
            return
        ahead_s = (reading.database_s - last.database_s) - (reading.after_s - last.before_s)
        self._jumps = [(at_s, far_s) for at_s, far_s in self._jumps if reading.after_s - at_s < longest_window_s]
        if ahead_s > CLOCKS_MAY_PART_S:
            far_s = min(longest_window_s, (reading.database_s - last.database_s) - (reading.before_s - last.after_s))  # at most so far
            self._jumps.append((reading.after_s, far_s))
            self._caught_up_s = max(self._caught_up_s, reading.after_s + far_s)

    def caught_up(self, boot_s: float) -> bool:
        """Whether new credit may be reserved."""
        return boot_s >= self._caught_up_s

    def look_back_s(self, window_s: float, boot_s: float) -> float:
        """How much longer than itself a window must be looked at."""
        return sum(far_s for at_s, far_s in self._jumps if boot_s - at_s < window_s)
