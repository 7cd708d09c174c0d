"""Dealing: which lanes to bid for, and which path gets what was claimed. Pure but for the paths it reads.

The auction by delay: a path's score becomes a handicap; a lane is asked for what its best open path may take at its handicap. Scores of
other engines' paths need not be known here: the better one simply comes first. Inside the engine the open path with the best
score, and among equals the one with least in hand, takes the delivery.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from delivery.engine.path import Path
from delivery.engine.world import World
from delivery.queue.claim import Bid, Claim

LANES_A_CLAIM = 256

PathOf = Callable[[int, int], Path]


def make_bids(lanes: Mapping[tuple[int, int], float], world: World, path_of: PathOf, now_s: float, rows: int) -> tuple[list[Bid], float | None]:
    """Bids for these lanes, at most `rows` deliveries in all, and in how many seconds a handicapped one is worth another try."""
    bids: list[Bid] = []
    room_left: dict[tuple[int, int], int] = {}
    soonest: float | None = None
    for pool_id, provider_id in list(lanes)[:LANES_A_CLAIM]:
        members = world.own_members(pool_id)
        offers = [(members[ip] + path.handicap_ms(), ip, path) for ip in members if (path := path_of(ip, provider_id)).open(now_s)]
        limit = 0
        for _, ip, path in offers:
            room = room_left.setdefault((ip, provider_id), path.room(now_s))
            taken = min(room, rows)
            room_left[ip, provider_id] -= taken
            limit, rows = limit + taken, rows - taken
        if limit:
            handicap_ms = min(offer[0] for offer in offers)
            bids.append(Bid(pool_id, provider_id, handicap_ms, limit, tuple(sorted(ip for _, ip, _ in offers))))
            if handicap_ms:
                soonest = min(soonest or 9.0, handicap_ms / 1000)
        if rows <= 0:
            break
    return bids, soonest


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
