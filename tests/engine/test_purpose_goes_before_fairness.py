"""Bids: transactional strictly first, notification to marketing nine to one, and nobody waits for room that others leave."""

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from delivery.engine.bids import make_bids
from delivery.engine.lanes import Lanes
from delivery.engine.path import Path
from delivery.engine.rivals import Rivals
from delivery.queue.claim import Bid, Claim
from pools.providers.profile import Profile
from pools.purposes import Purpose

T, N, M = (int(purpose) for purpose in Purpose)
NOW, FAR = datetime.now(UTC), datetime(2100, 1, 1, tzinfo=UTC)
PLENTY = 10_000


def _claim(lane: tuple[int, int, int]) -> Claim:
    pool, provider, purpose = lane
    return Claim(UUID(int=1), UUID(int=1), 1, 1, 1, pool, provider, purpose, 0.0, NOW, 0, 0, 0, None, [], "a@b.example", 1, 0, None, FAR)


@dataclass(slots=True)
class Steady(Path):
    """A path that sends as much as it gets."""

    always: int = 0

    def rooms(self, now_s: float) -> tuple[int, int]:
        return self.always, self.always


def _values(path: Path) -> dict[str, Any]:
    return {one.name: getattr(path, one.name) for one in fields(path)}


@dataclass
class Engine:
    """One path a provider; `queued` is what the database has; what is claimed is sent at once unless it is kept in hand."""

    queued: dict[tuple[int, int, int], int]
    connections: int = 50
    lanes: Lanes = field(default_factory=Lanes)
    paths: dict[int, Path] = field(default_factory=dict)
    got: dict[int, int] = field(default_factory=lambda: {T: 0, N: 0, M: 0})
    at_s: float = 0.0

    def __post_init__(self) -> None:
        self.lanes.heard(self.queued, 0.0)

    def path(self, ip_id: int, provider_id: int) -> Path:
        return self.paths.setdefault(provider_id, Path.new(ip_id, provider_id, Profile(connections=self.connections)))

    def bids(self, rows: int = PLENTY) -> list[Bid]:
        world: Any = SimpleNamespace(own_members=lambda pool: {1: 0}, pools={1: {1: 0}}, rivals=Rivals(), bulk_pools=frozenset())
        return [bid for first in (True, False) for bid in make_bids(self.lanes, first, world, self.path, self.at_s, rows)[0]]

    def round(self, rows: int = PLENTY) -> list[Bid]:
        self.at_s += 0.01
        bids, claims = self.bids(rows), []
        for bid in bids:
            count = min(bid.limit, self.queued.get(bid.lane, 0))
            self.queued[bid.lane] = self.queued.get(bid.lane, 0) - count
            self.got[bid.purpose] += count
            claims += [_claim(bid.lane)] * count
        self.lanes.claimed(bids, claims, self.at_s)
        return bids


def test_no_purpose_is_asked_beside_more_transactional_mail_than_there_is_room_for() -> None:
    engine = Engine({(1, 1, T): 1_000_000, (1, 1, N): 1000, (1, 1, M): 1000})
    engine.round()
    before = engine.got[N] + engine.got[M]
    for _ in range(50):
        assert {bid.purpose for bid in engine.round()} == {T}
    assert engine.got[N] + engine.got[M] == before


def test_notification_to_marketing_is_nine_to_one_while_both_have_more_than_their_part() -> None:
    for room in (1, 3, 100):
        engine = Engine({(1, 1, N): 10**6, (1, 1, M): 10**6})
        engine.paths[1] = Steady(**_values(engine.path(1, 1)), always=room)
        engine.round()
        engine.got = {T: 0, N: 0, M: 0}
        for _ in range(400):
            engine.round()
        assert abs(engine.got[M] / (engine.got[N] + engine.got[M]) - 0.1) < 0.01, (room, engine.got)


def test_alone_each_purpose_gets_everything() -> None:
    for purpose in (N, M):
        engine = Engine({(1, 1, purpose): 10**6})
        for _ in range(3):
            (bid,) = engine.round()
            assert bid.limit == engine.path(1, 1).rooms(engine.at_s)[1]


def test_a_trickle_of_notifications_does_not_slow_marketing_down() -> None:
    engine = Engine({(1, 1, N): 1, (1, 1, M): 10**6})
    for _ in range(20):
        engine.queued[1, 1, N] = 1
        engine.lanes.heard([(1, 1, N)], engine.at_s + 0.005)
        asked = {bid.purpose: bid.limit for bid in engine.round()}
        assert asked[M] == engine.path(1, 1).rooms(engine.at_s)[1]
    assert engine.got[N] == 20


def test_a_fifth_of_what_a_path_may_hold_is_for_transactional_mail() -> None:
    engine = Engine({(1, 1, M): 10**6})
    (bid,) = engine.round()
    engine.path(1, 1).in_hand = bid.limit
    assert engine.bids() == []
    engine.lanes.heard([(1, 1, T)], engine.at_s)
    (first,) = engine.bids()
    assert first.purpose == T
    assert first.limit >= 0.2 * (first.limit + bid.limit)


def test_no_lane_is_named_twice_and_no_more_than_256() -> None:
    engine = Engine({(1, provider, purpose): 10 for provider in range(300) for purpose in (T, N, M)})
    bids = engine.round()
    assert len(bids) == len({bid.lane for bid in bids}) == 2 * 256, "two claims"
    assert [bid.purpose for bid in bids[:256]] == [T] * 256


def test_with_more_lanes_than_a_claim_can_name_all_have_their_turn() -> None:
    engine = Engine({(1, provider, M): 10**6 for provider in range(700)})
    asked = {bid.provider_id for _ in range(4) for bid in engine.round(100)}
    assert len(asked) == 400
    asked |= {bid.provider_id for _ in range(4) for bid in engine.round(100)}
    assert len(asked) == 700


def test_lanes_without_room_do_not_keep_others_from_being_looked_at() -> None:
    engine = Engine({(1, provider, M): 10 for provider in range(2000)})
    for provider in range(1500):
        engine.path(1, provider).in_hand = 10_000
    asked = {bid.provider_id for _ in range(6) for bid in engine.round()}
    assert asked & set(range(1500, 2000))
