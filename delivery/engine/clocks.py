"""Clocks: whether the windows' clock goes as this machine's boot time does. Pure; looks come in.

A cap holds by the windows' time (pools.windows). If the database's clock jumps ahead, what was sent before would look older than it is; if it is set
back, a path would wait for as long. Two looks tell: the database's clock was read at some moment between two of ours, and only what no such moment
explains counts. What is to be taken off is always the most that the jump may have been, so that the windows' time never runs ahead. A new engine
begins with the last look of anybody. Slow gains below ALLOWED_S and ALLOWED_PART are covered by the windows' margin (RATES_PART).
"""

from dataclasses import dataclass

from pools.windows import Look, Mark

ALLOWED_S, ALLOWED_PART = 0.02, 0.001
ANCHOR_FOR_S, ANCHOR_MOST_S, EXACT_S = 60.0, 600.0, 0.05
WALLS_MAY_PART_S = 2.0


@dataclass(slots=True)
class Clocks:
    """One for each engine."""

    _anchor: Look | None = None

    def begin(self, mark: Mark | None, seen: Look, boot_id: str, wall_s: float) -> float:
        """The first look of an engine beside the last one of anybody; what is to be taken off, as `read` tells it."""
        if mark is None:
            return self.read(seen)
        if mark.boot_id == boot_id:
            self._anchor = mark.look
            return self.read(seen)
        gained_s = (seen.now_s - mark.look.now_s) - max(0.0, wall_s - mark.wall_s)
        if gained_s > WALLS_MAY_PART_S:
            return gained_s
        self._anchor = seen
        return 0.0

    def read(self, seen: Look) -> float:
        """By how many seconds the windows' time must go back (or, below zero, on) to be where boot time says; 0: it is right."""
        anchor = self._anchor
        if anchor is None:
            self._anchor = seen
            return 0.0
        least_s = (seen.now_s - anchor.now_s) - (seen.after_s - anchor.before_s)
        most_s = (seen.now_s - anchor.now_s) - (seen.before_s - anchor.after_s)
        elapsed_s = seen.after_s - anchor.before_s
        allowed_s = ALLOWED_S + ALLOWED_PART * elapsed_s
        if least_s > allowed_s or most_s < -allowed_s:
            return most_s
        exact = seen.after_s - seen.before_s < EXACT_S
        if elapsed_s > ANCHOR_MOST_S or (exact and elapsed_s > ANCHOR_FOR_S):
            self._anchor = seen
        return 0.0
