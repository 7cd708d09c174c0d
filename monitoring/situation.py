"""Situation: how things are, as plain values. What the first sentence is made from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderNow:
    """A provider in the last minutes."""

    name: str
    attempted: int
    delivered: int
    deferred: int
    refused: int = 0  # bounces that are not the recipient's fault

    @property
    def deferred_share(self) -> float:
        return self.deferred / self.attempted if self.attempted else 0.0

    @property
    def state(self) -> str:
        """good, limited or broken; too few attempts say nothing."""
        if self.attempted < ENOUGH_ATTEMPTS:
            return "good"
        if self.delivered == 0 or self.refused > self.attempted / 2:
            return "broken"
        return "limited" if self.deferred >= ENOUGH_DEFERRED and self.deferred_share >= SLOW_SHARE else "good"


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that the sentence may speak of."""

    per_s: float
    first_try: float | None
    engines: int
    engines_wanted: int
    zones: int
    zones_watched: int
    queued: int
    oldest_transactional_s: float | None
    providers: tuple[ProviderNow, ...] = ()
    went_twice: int = 0
    given_back: int = 0
    notices: int = 0
    critical: int = 0


ENOUGH_ATTEMPTS = 20
ENOUGH_DEFERRED = 10  # a full mailbox or two make no slow provider
SLOW_SHARE = 0.05
TRANSACTIONAL_LIMIT_S = 60.0
