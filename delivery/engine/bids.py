"""Bids: which lanes to ask for, and for how much. Pure but for the paths it reads.

The auction by delay: a path's score becomes a handicap, relative to the lane's best open path on any engine; a lane is asked for what this
engine's best open path may take at its handicap.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from delivery.engine.choose import handicap_ms
from delivery.engine.path import Path
from delivery.engine.world import World
from delivery.queue.claim import Bid

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
    handicap = handicap_ms(lane, world, [paths[ip] for ip in open_ips])
    return Offer(lane, tuple(sorted(open_ips)), handicap, room)
