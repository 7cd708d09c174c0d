"""Vote: is an endpoint alive? Pure: what each vantage point saw comes in, a verdict or none goes out.

Owns: how many vantage points must agree, and for how long an endpoint must answer before it counts as alive again. Promises: of three or more fresh
vantage points more than half decide, and never fewer than two; one or two must be unanimous; a stale one has no vote; without a fresh one the last verdict
stands. Each return within the flap window doubles the recovery, up to a bound. Never: asks a clock, a database or a network. How it fails: late, never early.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailplatform.shell.formats import listed

QUORUM_NEEDS = 3  # vantage points: with fewer, one that has lost its own network cannot be outvoted


class State(StrEnum):
    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Rules:
    """What operators set; `fresh_s` is never less than two whole knocks."""

    every_s: float = 0.25
    timeout_s: float = 1.0
    down_after: int = 3
    up_after: int = 4
    recover_s: float = 2.0
    longest_recover_s: float = 300.0
    flap_window_s: float = 600.0
    fresh_s: float = 2.5

    def holds(self, seen: datetime, now: datetime) -> bool:
        """Whether what was seen then still has a vote."""
        return (now - seen).total_seconds() <= max(self.fresh_s, 2 * (self.every_s + self.timeout_s))


@dataclass(frozen=True, slots=True)
class Look:
    """What one vantage point saw last, and how often in a row."""

    vantage: str
    ok: bool
    in_row: int
    since: datetime
    at: datetime
    latency_ms: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the last verdict was, and when it came back to life lately."""

    state: State = State.UNKNOWN
    returns: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    state: State
    first_sign_at: datetime
    voted: tuple[Look, ...]
    fresh: int
    recovery_s: float

    @property
    def sentence(self) -> str:
        who = listed([look.vantage for look in self.voted])
        of = f"{len(self.voted)} of {self.fresh} vantage points that look" if self.fresh > 1 else "the only vantage point that looks"
        if self.state is State.DOWN:
            why = next((look.error for look in self.voted if look.error), "it does not answer")
            return f"Dead: {who} ({of}) had no answer {max(look.in_row for look in self.voted)} times in a row: {why}."
        held = f" for {self.recovery_s:.0f} s" if self.recovery_s >= 1 else ""
        return f"Alive: {who} ({of}) had nothing but answers{held}."


def needed(fresh: int) -> int:
    """How many must agree."""
    return fresh if fresh < QUORUM_NEEDS else max(2, fresh // 2 + 1)


def fresh_looks(looks: Iterable[Look], rules: Rules, now: datetime) -> list[Look]:
    return [look for look in looks if rules.holds(look.at, now)]


def recovery_s(standing: Standing, rules: Rules, now: datetime) -> float:
    """For how long it must do nothing but answer before it is alive again."""
    if standing.state is State.UNKNOWN:
        return 0.0
    window = timedelta(seconds=rules.flap_window_s)
    returns = sum(now - at <= window for at in standing.returns)
    return float(min(rules.longest_recover_s, rules.recover_s * 2 ** min(returns, 30)))


def judge(standing: Standing, looks: Iterable[Look], rules: Rules, now: datetime) -> Verdict | None:
    """A verdict that differs from the one that stands, or None."""
    fresh = fresh_looks(looks, rules, now)
    if not fresh:
        return None
    quorum, recovery = needed(len(fresh)), recovery_s(standing, rules, now)
    dead = [look for look in fresh if not look.ok and look.in_row >= rules.down_after]
    if standing.state is not State.DOWN and len(dead) >= quorum:
        return _verdict(State.DOWN, dead, fresh, 0.0)
    alive = [look for look in fresh if look.ok and look.in_row >= rules.up_after and (look.at - look.since).total_seconds() >= recovery]
    if standing.state is not State.UP and len(alive) >= quorum:
        return _verdict(State.UP, alive, fresh, recovery)
    return None


def _verdict(state: State, voted: list[Look], fresh: list[Look], recovery: float) -> Verdict:
    return Verdict(state, min(look.since for look in voted), tuple(voted), len(fresh), recovery)
