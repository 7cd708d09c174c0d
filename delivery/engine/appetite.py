"""Appetite: how much an engine takes into its hands, by how quick its loop is.

What is in hand takes turns in the loop: an engine that holds more than the machine can move at once sends no faster
for it, but each step of each conversation waits for all the others, those of a one-time password among them. Measured with 800 in hand: a
transactional message took 500 to 1,000 ms, and no more went than with 80. So it shrinks while the loop is late, and grows while the loop is quick
and what there is is in use: with providers that take a second to answer the loop has time, and thousands are in hand. Where transactional mail comes along
the loop is kept quicker: of its way to the provider some ten turns of the loop are waited for. Beside draining campaigns it was delivered in 97 to 103 ms
instead of 106 to 123 (`bin/bench priority`, medians), for an eighth of what a tenant's own flood of it drains over TLS; at 8 ms, 4 ms and 30 it
took 59, but such a flood stood at 30 in hand with half of the processors idle. Pure.
"""

from dataclasses import dataclass

MOST, FIRST = 4000, 200
SMOOTH = 0.2
SHRINKS, GROWS = 0.9, 1.15
IN_USE = 0.7
LOOKS_EVERY_S = 0.05
BESIDE_S = 10.0  # so long after transactional mail more of it is expected


@dataclass(frozen=True, slots=True)
class Manners:
    """When the loop is late, when it is quick, and what it holds at least."""

    late_s: float
    quick_s: float
    fewest: int


ALONE, BESIDE = Manners(0.015, 0.007, 50), Manners(0.010, 0.008, 40)


@dataclass(slots=True)
class Appetite:
    limit: float = FIRST
    late_s: float = 0.0
    _looked_at_s: float = 0.0
    _beside_until_s: float = float("-inf")

    def met_transactional(self, now_s: float) -> None:
        """Some was claimed. The first after a while finds the hands full: they are half empty for the next."""
        if now_s > self._beside_until_s:
            self.limit = min(self.limit, max(FIRST, self.limit / 2))
        self._beside_until_s = now_s + BESIDE_S

    def heard(self, late_s: float, in_hand: int, now_s: float) -> None:
        """A timer of the loop came so late; so much was in hand."""
        self.late_s += SMOOTH * (late_s - self.late_s)
        if now_s - self._looked_at_s < LOOKS_EVERY_S:
            return
        self._looked_at_s = now_s
        manners = BESIDE if now_s <= self._beside_until_s else ALONE
        if self.late_s > manners.late_s:
            self.limit = max(manners.fewest, SHRINKS * self.limit)
        elif self.late_s < manners.quick_s and in_hand >= IN_USE * self.limit:
            self.limit = min(MOST, GROWS * self.limit)
