"""Bids: which lanes to ask for, and for how much. Pure but for the paths it reads.

The auction by delay: a path's score becomes a handicap, relative to the lane's best open path on any engine; a lane is asked for what this
engine's best open path may take at its handicap.

Purpose before fairness: transactional lanes are asked by themselves and for all the room there is. While one has more than that, the other purposes
of its pool and provider are not asked at all; otherwise they share what Path.rooms leaves to them, notification and marketing 9 : 1 while both have
more than their part, and alone each gets everything. Inside a lane the tags decide (queue/tags.py).

A path on trial that is behind its pace (pace.py) bids before all others of its tier; now and then it bids alone, so that its engine's other paths do
not go ahead of better ones elsewhere under its handicap. Transactional mail waits for no such path, and goes along one on probation only where
nothing else is open.
"""

from collections.abc import Callable
from dataclasses import dataclass

from delivery.engine.choose import handicap_ms
from delivery.engine.lanes import MARKETING_SHARE, Lanes
from delivery.engine.path import Path
from delivery.engine.world import World
from delivery.queue.claim import Bid
from delivery.queue.wake import Lane
from pools.purposes import Purpose

LANES_A_CLAIM = 256
ALONE_EVERY_S = 0.05
FEWEST_FIRST = 8  # asked of a transactional lane that is not known to have many, however many lanes there are

PathOf = Callable[[int, int], Path]


@dataclass(frozen=True, slots=True)
class Offer:
    """What this engine could take now from one provider for one pool: transactional, and of other purposes."""

    ip_ids: tuple[int, ...]
    handicap_ms: int
    room_first: int
    room: int
    handicap_first_ms: int

    def handicap_for(self, lane: Lane) -> int:
        return self.handicap_ms if lane[2] else self.handicap_first_ms


def make_bids(lanes: Lanes, first: bool, world: World, path_of: PathOf, now_s: float, rows: int) -> tuple[list[Bid], float | None]:
    """Bids for the transactional lanes or the others, for about so many rows, and in how many seconds a handicapped lane is worth a try.

    The lanes share the rows evenly, so that none waits for another; what one cannot use, the next round gives to the others.
    """
    offers: dict[tuple[int, int], Offer] = {}
    members: dict[int, dict[int, int]] = {}
    wanted: list[tuple[Lane, Offer, int]] = []
    without: list[Lane] = []
    waits: list[float] = []  # until a lane's rows are old enough for our handicap
    if rows < 1:
        return [], None
    for lane in lanes.in_turn(first):
        if (rests_s := lanes.rests_s(lane, now_s)) > 0:
            waits.append(rests_s)
            continue
        pool_id, provider_id, _ = lane
        if (offer := offers.get((pool_id, provider_id))) is None:
            if pool_id not in members:
                members[pool_id] = world.own_members(pool_id)
            offer = offers[pool_id, provider_id] = _offer((pool_id, provider_id), members[pool_id], world, path_of, now_s)
        if (rests_s := lanes.rest(lane, offer.handicap_for(lane), now_s)) > 0:
            waits.append(rests_s)
        elif limit := _limit(lane, offer, lanes):
            wanted.append((lane, offer, limit))
            if len(wanted) == LANES_A_CLAIM:
                break
        else:
            without.append(lane)
    lanes.pass_over(without)
    share = max(FEWEST_FIRST if first else 1, rows // max(1, len(wanted)))
    bids = [Bid(*lane, offer.handicap_for(lane), min(limit, share), offer.ip_ids) for lane, offer, limit in wanted[:rows]]
    return bids, min(waits, default=None)


def _offer(lane: tuple[int, int], members: dict[int, int], world: World, path_of: PathOf, now_s: float) -> Offer:
    paths = [path for ip in members if (path := path_of(ip, lane[1])).takes(now_s)]
    rooms = [path.rooms(now_s) for path in paths]
    first, others = sum([room[0] for room in rooms]), sum([room[1] for room in rooms])
    ip_ids = tuple(sorted([path.ip_id for path in paths]))
    if not world.rivals.trials and not any(path.pace or path.trial.probation for path in paths):
        handicap = handicap_ms(lane, world, paths)
        return Offer(ip_ids, handicap, first, others, handicap)
    return _offer_on_trial(lane, world, list(zip(paths, rooms, strict=True)), ip_ids, now_s)


def _offer_on_trial(lane: tuple[int, int], world: World, found: list[tuple[Path, tuple[int, int]]], ip_ids: tuple[int, ...], now_s: float) -> Offer:
    """Where a path on trial, ours or another engine's, has a say."""
    paths, proven = [path for path, _ in found], [path for path, _ in found if path.pace is None]
    sure = [(path, room) for path, room in found if not path.trial.probation]
    if lane[0] in world.bulk_pools and (sure or world.rivals.best_for_first(world.pools.get(lane[0], {}), lane[1])):
        first, handicap_first = sum([room[0] for _, room in sure]), handicap_ms(lane, world, [path for path, _ in sure], first=True)
    else:
        first, handicap_first = sum([room[0] for _, room in found]), handicap_ms(lane, world, paths, first=True)
    handicap, others = handicap_ms(lane, world, paths), sum([room[1] for _, room in found])
    behind = handicap_ms(lane, world, proven) if len(proven) < len(paths) else 0
    if behind > handicap:
        trials = [(path, room) for path, room in found if path.pace]
        if now_s - max([path.went_first_s for path, _ in trials]) >= ALONE_EVERY_S:
            others = sum([room[1] for _, room in trials])
            for path, _ in trials:
                path.went_first_s = now_s
        else:
            handicap = behind
    return Offer(ip_ids, handicap, first, others, handicap_first)


def _limit(lane: Lane, offer: Offer, lanes: Lanes) -> int:
    """How much to ask of this lane."""
    pool_id, provider_id, purpose = lane
    if purpose == Purpose.TRANSACTIONAL:
        return offer.room_first
    if lanes.deep((pool_id, provider_id, int(Purpose.TRANSACTIONAL))):
        return 0
    other = Purpose.NOTIFICATION if purpose == Purpose.MARKETING else Purpose.MARKETING
    if not lanes.deep((pool_id, provider_id, int(other))):
        return offer.room
    marketing = min(offer.room, max(0, int(lanes.owed(pool_id, provider_id) + MARKETING_SHARE * offer.room + 1e-6)))
    return marketing if purpose == Purpose.MARKETING else offer.room - marketing
