"""Appetite: how much an engine takes into its hands, by how quick its loop is.

What is in hand takes turns in the loop: an engine that holds more than the machine can move at once sends no faster
for it, but each step of each conversation waits for all the others, those of a one-time password among them. Measured with 800 in hand: a
transactional message took 500 to 1,000 ms, and no more went than with 80. So it shrinks while the loop is late, and grows while the loop is quick
and what there is is in use: with providers that take a second to answer the loop has time, and thousands are in hand. Pure.
"""

from dataclasses import dataclass

FEWEST, FIRST, MOST = 50, 200, 4000
LATE_S, QUICK_S = 0.015, 0.007
SMOOTH = 0.2
SHRINKS, GROWS = 0.9, 1.15
IN_USE = 0.7
LOOKS_EVERY_S = 0.05


@dataclass(slots=True)
class Appetite:
    limit: float = FIRST
    late_s: float = 0.0
    _looked_at_s: float = 0.0

    def heard(self, late_s: float, in_hand: int, now_s: float) -> None:
        """A timer of the loop came so late; so much was in hand."""
        self.late_s += SMOOTH * (late_s - self.late_s)
        if now_s - self._looked_at_s < LOOKS_EVERY_S:
            return
        self._looked_at_s = now_s
        if self.late_s > LATE_S:
            self.limit = max(FEWEST, SHRINKS * self.limit)
        elif self.late_s < QUICK_S and in_hand >= IN_USE * self.limit:
            self.limit = min(MOST, GROWS * self.limit)
