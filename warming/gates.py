"""Gates: what a stage showed, and the shares of it at which a warm-up holds, steps back or pauses. Pure; a plan may set its own.

Promises: a share is judged from a floor of attempts on, where it is above its gate and not by chance, and a single reply never takes back a cap; at
the same number of attempts more trouble never passes a gate that less did not. Bounces and complaints speak of the list, deferrals and blocks of the
pace: the former slow long before they hold, from 2 % and 0.1 % on, where senders' own rules begin to warn (Amazon SES, Delivra, Google's guidelines for
senders: below 0.1 %, never 0.3 %); they hold at 10 % (SES pauses an account there) and 0.3 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt


class Trouble(StrEnum):
    BLOCKED = "blocked"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    COMPLAINTS = "complaints"
    JUNKED = "junked"

    @property
    def words(self) -> str:
        return {"bounced": "bounced as unknown", "complaints": "complained of", "junked": "put into the junk folder"}.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class StageEvidence:
    """Since the stage began. `provider_wide`: of `deferred`, told to everybody and blaming nobody. `junked`: None where nobody tells.

    `need_per_day`: what this path would send were there no cap, where it is known. `idle_days`: since its last attempt.
    """

    attempted: int = 0
    delivered: int = 0
    deferred: int = 0
    blocked: int = 0
    bounced: int = 0
    complaints: int = 0
    junked: int | None = None
    provider_wide: int = 0
    need_per_day: int | None = None
    idle_days: float = 0.0

    @property
    def blamed(self) -> int:
        """Deferred for what we did."""
        return max(0, self.deferred - self.provider_wide)

    def of(self, what: Trouble) -> int:
        if what is Trouble.DEFERRED:
            return self.blamed
        if what is Trouble.JUNKED:
            return self.junked or 0
        return int(getattr(self, what.value))

    def counts(self) -> dict[str, int]:
        names = ("attempted", "delivered", "deferred", "blocked", "bounced", "complaints")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Gate:
    """`share` of the attempts, from `floor` attempts and `least` such replies on. From `slow` on it goes slower; None: not before the gate."""

    share: float
    floor: int
    least: int = 1
    slow: float | None = None


Limits = Mapping[Trouble, Gate]
HOLD: Limits = {
    Trouble.BLOCKED: Gate(0.003, 1, 1), Trouble.DEFERRED: Gate(0.04, 20, 3), Trouble.BOUNCED: Gate(0.1, 100, 3, slow=0.02),
    Trouble.COMPLAINTS: Gate(0.003, 1000, 3, slow=0.001), Trouble.JUNKED: Gate(0.05, 50, 2),
}  # fmt: skip
BACK: Limits = {
    Trouble.BLOCKED: Gate(0.01, 10, 2), Trouble.DEFERRED: Gate(0.07, 20, 4), Trouble.BOUNCED: Gate(0.15, 200, 10), Trouble.COMPLAINTS: Gate(0.006, 1000, 8),
    Trouble.JUNKED: Gate(0.15, 50, 5),
}  # fmt: skip
PAUSE: Limits = {
    Trouble.BLOCKED: Gate(0.2, 20, 5), Trouble.DEFERRED: Gate(0.6, 30, 20), Trouble.BOUNCED: Gate(0.25, 200, 40), Trouble.COMPLAINTS: Gate(0.015, 1000, 15),
    Trouble.JUNKED: Gate(0.5, 50, 25),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gates:
    hold: Limits = field(default_factory=lambda: HOLD)
    back: Limits = field(default_factory=lambda: BACK)
    pause: Limits = field(default_factory=lambda: PAUSE)


DEFAULT = Gates()
LEAST_CARE = 0.25  # at the gate it goes at a quarter of its speed
SURE = 1.64  # standard errors: once in twenty by chance
AT_ONCE = (Trouble.BLOCKED,)
LIST = (Trouble.BOUNCED, Trouble.COMPLAINTS)


def trouble(evidence: StageEvidence, limits: Limits) -> Trouble | None:
    """The first kind of trouble that does not pass."""
    n = evidence.attempted
    for what, gate in limits.items():
        count = evidence.of(what)
        if count >= gate.least and n >= gate.floor and count >= _clearly(gate.share * n, what):
            return what
    return None


def _clearly(expected: float, what: Trouble) -> float:
    """From how many on a share is above its gate and not by chance: what is deferred or bounced now and then by anybody is so in clusters, too."""
    return expected if what in AT_ONCE else expected + SURE * sqrt(expected)


def care(evidence: StageEvidence, limits: Limits) -> float:
    """How much of its speed a list like this one leaves: 1 where it is clean. Few attempts count as half evidence, by their statistical error."""
    n = evidence.attempted
    return min((_care(evidence.of(what) / n, n, limits[what]) for what in LIST if what in limits), default=1.0) if n else 1.0


def _care(rate: float, n: int, gate: Gate) -> float:
    if gate.slow is None or gate.slow >= gate.share:
        return 1.0
    sure = max(0.0, rate - sqrt(gate.share / n))
    over = (sure - gate.slow) / (gate.share - gate.slow)
    return 1.0 - (1.0 - LEAST_CARE) * min(1.0, max(0.0, over))
