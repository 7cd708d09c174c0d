"""Kept: what of a path is left to transactional mail where its IP serves that too: a fifth of its connections, rate and allowance.

Connections that may carry other purposes are at most OTHERS_SHARE of the limit and never the last of several; the rest wait, warm, for transactional
mail. Where one connection is all there is, both use it: a path that could never send anything else would help nobody. Rates: others go at
OTHERS_SHARE of the pace, one at a time, and only while no transactional message waits for its turn. Counts only; path.py and worker.py obey it.
"""

from asyncio import Lock
from dataclasses import dataclass, field

OTHERS_SHARE = 0.8


@dataclass(slots=True)
class Kept:
    active: bool = False  # the IP serves transactional mail too
    others_open: int = 0  # connections that may carry other purposes
    yields: bool = False  # transactional mail waits for a slot that others hold
    in_line: int = 0  # transactional messages that wait for their turn
    line: Lock = field(default_factory=Lock)  # of the others
    _others_at_s: float = float("-inf")

    def others_may_open(self, limit: int) -> bool:
        """Whether one connection more may carry other purposes."""
        return not self.active or self.others_open < max(1, min(int(OTHERS_SHARE * limit), limit - 1))

    def others_at_s(self, now_s: float) -> float:
        """When the rates let another message of other purposes go; now, where nothing is kept."""
        return max(now_s, self._others_at_s) if self.active else now_s

    def other_goes(self, now_s: float, spacing_s: float) -> None:
        """One of the others goes now. A delay of less than a turn is made up for."""
        every_s = spacing_s / OTHERS_SHARE
        self._others_at_s = (self._others_at_s if now_s - self._others_at_s < every_s else now_s) + every_s

    def others_left(self, cap: int, used: int) -> int:
        """Of an allowance with this cap, what the others may still use."""
        return max(0, int(OTHERS_SHARE * cap) - used)
