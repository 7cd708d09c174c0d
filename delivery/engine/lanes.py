"""Lanes: where an engine believes that there is work, whose turn it is, and what marketing is owed beside notification.

Owns: the engine's memory of lanes (pool, provider, purpose). Promises: a lane that is heard of while it is asked is asked again, so no wake-up
is lost; a lane whose rows are too young for this engine's handicap is not asked before they are old enough; one that gave nothing then is forgotten; who
gave goes to the end of the line. Never: asks the database, decides how much to ask for (bids.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from delivery.queue.claim import Bid, Claim
from delivery.queue.wake import Lane
from pools.purposes import Purpose

CLOCKS_S = 0.005  # so far may an engine's idea of the database's time be off
LANES_A_LOOK = 512
MARKETING_SHARE = 0.1  # beside notification, while both have more than their part


@dataclass(slots=True)
class Known:
    """What it has, if anything, was ready at `since_s`. `deep`: it gave all that it was last asked for, so it probably has more, and older."""

    heard_at_s: float
    since_s: float
    deep: bool = False
    rests_until_s: float = float("-inf")  # what it has is too young until then


class Lanes:
    def __init__(self) -> None:
        self._first: dict[Lane, Known] = {}  # transactional
        self._others: dict[Lane, Known] = {}
        self._owed: dict[tuple[int, int], float] = {}  # to marketing, in deliveries

    def heard(self, lanes: Iterable[Lane], now_s: float) -> None:
        """These have something to claim."""
        for lane in lanes:
            line = self._line(lane)
            if known := line.get(lane):
                known.heard_at_s = now_s
            else:
                line[lane] = Known(now_s, now_s)

    @property
    def any_first(self) -> bool:
        """Whether there is a transactional one."""
        return bool(self._first)

    def in_turn(self, first: bool) -> Iterator[Lane]:
        """The transactional ones, or the others; at most LANES_A_LOOK, so that a round is short however many there are."""
        return islice(self._first if first else self._others, LANES_A_LOOK)

    def pass_over(self, lanes: Iterable[Lane]) -> None:
        """No path had room for these: others are looked at first next time."""
        for lane in lanes:
            line = self._line(lane)
            line[lane] = line.pop(lane)

    def __contains__(self, lane: Lane) -> bool:
        return lane in self._line(lane)

    def deep(self, lane: Lane) -> bool:
        known = self._line(lane).get(lane)
        return known is not None and known.deep

    def rests_s(self, lane: Lane, now_s: float) -> float:
        """For how long it is not worth a look; not above 0: it is."""
        known = self._line(lane).get(lane)
        return known.rests_until_s - now_s if known else 0.0

    def rest(self, lane: Lane, handicap_ms: int, now_s: float) -> float:
        """Where under this handicap everything in it is too young it rests until it is old enough; for how long."""
        known = self._line(lane).get(lane)
        if not (known and handicap_ms) or known.deep:
            return 0.0
        known.rests_until_s = known.since_s + handicap_ms / 1000 + CLOCKS_S
        return known.rests_until_s - now_s

    def end_rests(self) -> None:
        """Who is better has changed."""
        for known in (*self._first.values(), *self._others.values()):
            known.rests_until_s = float("-inf")

    def owed(self, pool_id: int, provider_id: int) -> float:
        return self._owed.get((pool_id, provider_id), 0.0)

    def claimed(self, bids: Sequence[Bid], claims: Sequence[Claim], asked_at_s: float) -> None:
        """What the bids that were made then have brought."""
        gave: dict[Lane, int] = {}
        for claim in claims:
            gave[claim.lane] = gave.get(claim.lane, 0) + 1
        self._count_shares(bids, gave)
        for bid in bids:
            self._after(bid, gave.get(bid.lane, 0), asked_at_s)

    def _after(self, bid: Bid, count: int, asked_at_s: float) -> None:
        line = self._line(bid.lane)
        known = line.pop(bid.lane, None) or Known(asked_at_s, asked_at_s)
        heard_meanwhile = known.heard_at_s > asked_at_s  # the claim may not have seen its row
        too_young = asked_at_s < known.since_s + bid.handicap_ms / 1000  # it may have been asked too early
        known.deep = count >= bid.limit
        if count or heard_meanwhile:
            known.since_s = asked_at_s
        if count or heard_meanwhile or too_young:
            line[bid.lane] = known

    def _count_shares(self, bids: Sequence[Bid], gave: dict[Lane, int]) -> None:
        """While notification has more than its part marketing gets its tenth exactly, however few are claimed at a time; a debt does not outlive that."""
        for pool_id, provider_id in {(bid.pool_id, bid.provider_id) for bid in bids if bid.purpose != Purpose.TRANSACTIONAL}:
            notification, marketing = (pool_id, provider_id, int(Purpose.NOTIFICATION)), (pool_id, provider_id, int(Purpose.MARKETING))
            if self.deep(notification) and marketing in self._others:
                got = gave.get(marketing, 0)
                self._owed[pool_id, provider_id] = self.owed(pool_id, provider_id) + MARKETING_SHARE * (got + gave.get(notification, 0)) - got
            else:
                self._owed.pop((pool_id, provider_id), None)

    def _line(self, lane: Lane) -> dict[Lane, Known]:
        return self._others if lane[2] else self._first
