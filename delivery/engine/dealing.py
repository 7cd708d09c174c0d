"""Dealing: which lanes to bid for, and which path gets what was claimed. Pure but for the paths it reads.

The auction by delay: a path's score becomes a handicap; a lane is asked for what its best open path may take at its handicap. Scores of
other engines' paths need not be known here: the better one simply comes first. Inside the engine the open path with the best
score, and among equals the one with least in hand, takes the delivery.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from delivery.engine.path import Path
from delivery.engine.world import World
from delivery.queue.claim import Bid, Claim

LANES_A_CLAIM = 256

PathOf = Callable[[int, int], Path]


@dataclass(frozen=True, slots=True)
class Offer:
    """What this engine could take from one lane now."""

    lane: tuple[int, int]
    ip_ids: tuple[int, ...]
    handicap_ms: int
    room: int


def make_bids(lanes: Iterable[tuple[int, int]], world: World, path_of: PathOf, now_s: float, rows: int) -> tuple[list[Bid], float | None]:
    """Bids for these lanes, at most `rows` deliveries in all, and in how many seconds a handicapped one is worth another try.

    The lanes share the rows evenly, so that none waits for another; what one cannot use, the next round gives to the others.
    """
    offers = [offer for lane in islice(lanes, LANES_A_CLAIM) if (offer := _offer(lane, world, path_of, now_s)).room]
    if not offers or rows < 1:
        return [], None
    share = max(1, rows // len(offers))
    bids = [Bid(*offer.lane, offer.handicap_ms, min(offer.room, share), offer.ip_ids) for offer in offers[:rows]]
    handicaps = [offer.handicap_ms / 1000 for offer in offers if offer.handicap_ms]
    return bids, min(handicaps, default=None)


def _offer(lane: tuple[int, int], world: World, path_of: PathOf, now_s: float) -> Offer:
    pool_id, provider_id = lane
    members = world.own_members(pool_id)
    paths = {ip: path_of(ip, provider_id) for ip in members}
    open_ips = [ip for ip, path in paths.items() if path.open(now_s)]
    room = sum(paths[ip].room(now_s) for ip in open_ips)
    handicap_ms = min((members[ip] + paths[ip].handicap_ms() for ip in open_ips), default=0)
    return Offer(lane, tuple(sorted(open_ips)), handicap_ms, room)


def choose(claim: Claim, world: World, path_of: PathOf, now_s: float, now: datetime) -> tuple[Path | None, dict[str, object]]:
    """The path that takes a claimed delivery, and why; None when none of them is open any more."""
    members = world.own_members(claim.pool_id)
    paths = {ip: path_of(ip, claim.provider_id) for ip in members}
    usable = [ip for ip, path in paths.items() if path.open(now_s)]
    fresh = [ip for ip in usable if ip not in claim.avoid_ip_ids] or usable
    if claim.sticky_ip_id in fresh:
        fresh = [claim.sticky_ip_id]
    if not fresh:
        return None, {}
    best = min(fresh, key=lambda ip: (members[ip] + paths[ip].handicap_ms(), paths[ip].in_hand))
    waited_ms = max(0, round((now - claim.ready_at).total_seconds() * 1000))
    others = [
        {"ip": world.ips[ip].address, "score": round(path.score()), "handicap_ms": members[ip] + path.handicap_ms(), "state": _word(ip, path, claim, now_s)}
        for ip, path in paths.items()
        if ip != best
    ]
    why = {"waited_ms": waited_ms, "score": round(paths[best].score()), "handicap_ms": members[best] + paths[best].handicap_ms(), "others": others[:8]}
    return paths[best], why


def _word(ip: int, path: Path, claim: Claim, now_s: float) -> str:
    """Why this one did not win, in a word of the closed set: avoided, closed, full, open."""
    if ip in claim.avoid_ip_ids:
        return "avoided"
    if not path.open(now_s):
        return "closed"
    return "open" if path.room(now_s) else "full"
