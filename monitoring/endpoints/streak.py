"""Streak: how often in a row a door answered, or did not. Pure.

Knocks overlap, so that a door that is silent is known as such every `every_s` and not every timeout: a knock that began before one that has been counted
already comes too late and is dropped.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Knock:
    """One try. Times on the vantage point's own monotonic clock."""

    began_s: float
    ended_s: float
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error

    @property
    def latency_ms(self) -> float:
        return (self.ended_s - self.began_s) * 1000


@dataclass(frozen=True, slots=True)
class Streak:
    ok: bool
    in_row: int
    since_s: float
    last: Knock


def counted(streak: Streak | None, knock: Knock) -> Streak:
    """The streak after another knock."""
    if streak is not None and knock.began_s < streak.last.began_s:
        return streak
    if streak is None or streak.ok != knock.ok:
        return Streak(knock.ok, 1, knock.ended_s, knock)
    return replace(streak, in_row=streak.in_row + 1, last=knock)
