"""What a provider thinks of a source IP: hidden, 0 (worst) to 1, falling with bad signs and recovering slowly.

Pure but for the state that it is; time comes in. The signs are those that the big providers name: bursts, mail to unknown
recipients, complaints (Google's sender guidelines, Microsoft's postmaster policies). Shares count over a fading window of ten
minutes and only after a floor of messages, so that one unknown address hurts nobody.
"""

import math
from dataclasses import dataclass

from .habits import Habits

_WINDOW_S = 600.0
_BURST_WINDOW_S = 10.0
_FLOOR = 50
_UNKNOWN_SHARE, _UNKNOWN_COST = 0.05, 0.005
_COMPLAINT_SHARE, _COMPLAINT_COST = 0.003, 0.03
_BURST_COST = 0.001


@dataclass(slots=True)
class Reputation:
    """One IP at one provider."""

    level: float
    at_s: float
    sent: float = 0.0
    unknown: float = 0.0
    complaints: float = 0.0
    rate_per_s: float = 0.0
    owed: float = 0.0  # share of a deferral that has not fallen due yet

    def pass_time(self, habits: Habits, now_s: float) -> None:
        """Recover, and let the old signs fade."""
        gone_s = max(0.0, now_s - self.at_s)
        self.at_s = now_s
        self.level = min(1.0, self.level + habits.recover_per_hour * gone_s / 3600)
        fade = math.exp(-gone_s / _WINDOW_S)
        self.sent *= fade
        self.unknown *= fade
        self.complaints *= fade
        self.rate_per_s *= math.exp(-gone_s / _BURST_WINDOW_S)

    def saw_message(self, habits: Habits) -> None:
        """A message was accepted: it counts for the burst and as the base of shares."""
        self.sent += 1
        self.rate_per_s += 1 / _BURST_WINDOW_S
        if 0 < habits.burst_per_s < self.rate_per_s:
            self._fall(_BURST_COST)

    def saw_unknown(self) -> None:
        """A recipient that does not exist."""
        self.sent += 1
        self.unknown += 1
        if self.sent >= _FLOOR and self.unknown > _UNKNOWN_SHARE * self.sent:
            self._fall(_UNKNOWN_COST)

    def saw_complaint(self) -> None:
        """A person pressed the spam button."""
        self.complaints += 1
        if self.sent >= _FLOOR and self.complaints > _COMPLAINT_SHARE * self.sent:
            self._fall(_COMPLAINT_COST)

    def verdict(self, habits: Habits) -> str:
        """What happens to the next message: "" (nothing), "low_reputation" (deferred) or "blocked"."""
        if self.level < habits.block_below:
            return "blocked"
        if self.level >= habits.defer_below:
            return ""
        # The further down, the larger the share that is deferred; the remainder is carried, so there is no dice.
        self.owed += (habits.defer_below - self.level) / max(1e-9, habits.defer_below - habits.block_below)
        if self.owed < 1:
            return ""
        self.owed -= 1
        return "low_reputation"

    def _fall(self, cost: float) -> None:
        self.level = max(0.0, self.level - cost)
