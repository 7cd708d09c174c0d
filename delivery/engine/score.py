"""Score: what a path is worth now, 0 to 100, and what follows: its handicap when idle, its share when loaded. Pure.

A path starts with 100 points and loses some to its reputation, to the provider's mood towards it beyond what every path hears, to answers
slower than the fastest path's, to its node's health, and to its load. `Points` keeps the parts apart, so that they can be told.

Handicap: how much later than the lane's best open path, on any engine, a path may claim: MS_A_POINT for each point it is behind, never more
than MOST_BEHIND_MS. When the best path goes away unannounced, that is what a delivery waits at most. Membership (a hybrid pool's borrowed IPs,
a fallback pool) adds its own handicap only while a member with a smaller one is open.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

MS_A_POINT = 2.0
MOST_BEHIND_MS = 80
MOOD_POINTS = 40.0
SLOW_POINTS, SLOW_POINTS_A_DOUBLING = 20.0, 5.0
CPU_POINTS, CPU_FROM = 10.0, 0.90
MEMORY_POINTS, MEMORY_FROM = 15.0, 0.90
LOOP_POINTS, LOOP_FROM_MS, LOOP_TO_MS = 15.0, 100.0, 300.0  # at 300 ms it does not renew its lease any more
LOAD_POINTS = 20.0
WARM_POINTS = 20.0  # in an auction only: a path with a session and time for one more comes 40 ms before one that has to open a connection
GOES_FIRST = 140.0  # the rank of a path on trial that is behind its pace: before every other of its tier, by 40 ms and more
CLAIM_AHEAD_S = 0.5
FAST_S = 0.25  # a connection that is done sooner may have a second delivery in hand
LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Health:
    """An engine's node, as the engine sees it: shares of CPU and memory in use, and how long its loop hung at worst."""

    cpu: float = 0.0
    memory: float = 0.0
    loop_gap_ms: float = 0.0

    def points(self) -> float:
        """What it costs each of its paths."""
        cpu = CPU_POINTS * _between(self.cpu, CPU_FROM, 1.0)
        memory = MEMORY_POINTS * _between(self.memory, MEMORY_FROM, 1.0)
        return round(cpu + memory + LOOP_POINTS * _between(self.loop_gap_ms, LOOP_FROM_MS, LOOP_TO_MS), 1)


@dataclass(frozen=True, slots=True)
class Points:
    """What a path has lost, by part, but for its load, which changes with every message."""

    reputation: float = 0.0
    mood: float = 0.0
    slowness: float = 0.0
    health: float = 0.0

    @property
    def lost(self) -> float:
        return self.reputation + self.mood + self.slowness + self.health


@dataclass(frozen=True, slots=True)
class Rank:
    """A path's place in a lane's auction: its membership's handicap, and its score."""

    tier_ms: int
    score: float

    @property
    def cost_ms(self) -> float:
        return self.tier_ms + (100.0 - self.score) * MS_A_POINT


def best_of(ranks: Iterable[Rank]) -> Rank | None:
    """The one that may claim first."""
    return min(ranks, key=_cost, default=None)


def points(reputation: float, refused: float, providers: float, answer_s: float, fastest_s: float, health: float) -> Points:
    """`refused` is what this path hears, `providers` what every path hears; `fastest_s` the quickest path's answer there."""
    mood = MOOD_POINTS * max(0.0, refused - providers)
    doublings = math.log2(answer_s / fastest_s) if answer_s > fastest_s > 0 else 0.0
    slowness = min(SLOW_POINTS, SLOW_POINTS_A_DOUBLING * max(0.0, doublings - 1.0))  # twice as slow is noise
    return Points(100.0 - min(100.0, max(0.0, reputation)), mood, slowness, health)


def score(lost: float, load: float) -> float:
    """0 to 100. `load` is the share of its connections, rate or allowance that is in use, whichever is most."""
    return max(0.0, 100.0 - lost - LOAD_POINTS * min(1.0, load))


def behind_ms(own: Rank, best: Rank | None) -> int:
    """The handicap of `own` while `best` is the lane's best open path."""
    if best is None:
        return 0
    most = max(0, own.tier_ms - best.tier_ms) + MOST_BEHIND_MS
    return max(0, min(most, round(own.cost_ms - best.cost_ms)))


def claim_ahead(connections: int, sent_per_s: float, answer_s: float, spacing_s: float, lost: float) -> int:
    """How many deliveries a path may have in hand: what it sends in half a second, at least one a connection, scaled by its score.

    When everything has waited longer than the largest handicap, handicaps rank nothing any more: then this share does. Its load is no part of the
    share: a busy path is not a worse one. Rounded up, so that few connections do not become fewer for a point.
    """
    a_connection = 2 if answer_s < FAST_S else 1
    ahead = max(a_connection * connections, int(sent_per_s * CLAIM_AHEAD_S))
    if spacing_s > 0:
        ahead = min(ahead, int(CLAIM_AHEAD_S / spacing_s))
    return max(1, math.ceil(ahead * max(LEAST_SHARE, 1.0 - lost / 100.0)))


def _cost(rank: Rank) -> float:
    return rank.cost_ms


def _between(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
