"""A path that warms or is on probation: its caps, its rhythm, its place in the auction, and what transactional mail does about it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivery.classify.rulebook import RuleBook
from delivery.engine.bids import make_bids
from delivery.engine.choose import Chooser, make_field, soonest
from delivery.engine.lanes import Lanes
from delivery.engine.pace import FASTER, FREE, MADE_UP, Pace, Trial, caps_of
from delivery.engine.path import Path
from delivery.engine.rivals import Rival, Rivals, rivals_of
from delivery.engine.score import Health, Points
from delivery.engine.standing import shared, state_of
from delivery.engine.world import OwnIp, PathFacts, World
from delivery.queue.claim import Claim
from pools.allowances import Credit
from pools.binds import Binds, Limit
from pools.providers.profile import Profile
from pools.providers.rollup import Catalogue
from pools.windows import DAY_S, HOUR_S
from tests.engine.benches import claim

POOL, PROVIDER, PROVEN, TRIED, THEIRS = 1, 3, 7, 8, 9
LANE = (POOL, PROVIDER)
T, M = 0, 2
NOW = datetime.now(UTC)
WARM = Trial(warm_per_hour=360, warm_per_day=3600)
PROBATION = Trial(probation_per_hour=360, probation=True)


def _path(trial: Trial = FREE, ip: int = PROVEN, credit: int = 100, lost: float = 0.0, **profile: object) -> Path:
    path = Path.new(ip, PROVIDER, Profile(**profile), owned_since_s=0.0)  # type: ignore[arg-type]
    path.look("probation" if trial.probation else "open", 100.0, trial)
    path.points = Points(reputation=lost)
    for window_s in path.allowance.windows if path.allowance else ():
        path.credited(window_s, Credit(credit, NOW, 1e9, used=credit + 10_000), 0.0)  # nothing is to be made up for
    return path


def _world(rivals: Rivals = Rivals(), tiers: dict[int, int] | None = None, bulk: bool = True, **changed: Any) -> World:  # noqa: B008
    own = {ip: OwnIp(ip, f"127.10.1.{ip}", "a.test", "") for ip in (PROVEN, TRIED)}
    members = {POOL: tiers or {PROVEN: 0, TRIED: 0, THEIRS: 0}}
    bulk_pools = frozenset({POOL} if bulk else ())
    return World(NOW, own, members, {}, Profile(), Catalogue([]), RuleBook.from_rows([]), {}, frozenset(), rivals=rivals, bulk_pools=bulk_pools, **changed)


# -- its caps ---------------------------------------------------------------------------------------------------------


def test_the_least_of_everybodys_caps_is_in_force_and_says_whose_it_is() -> None:
    caps = caps_of(1000, 5000, Trial(probation_per_hour=30, warm_per_hour=50, warm_per_day=9000))
    assert (caps.per_hour, caps.hour_by, caps.per_day, caps.day_by) == (30, "probation", 5000, "")
    assert caps_of(None, None, WARM).day_by == "warming"


def test_a_path_that_warming_has_not_mentioned_has_its_ips_cap_from_its_first_message() -> None:
    own = {1: OwnIp(1, "127.10.1.1", "a.test", "", 5, 50), 2: OwnIp(2, "127.10.1.2", "b.test", "")}
    facts = {(1, 2): PathFacts("open", 100, {}, 0, warm_per_day=70), (1, 3): PathFacts("open", 100, {}, 0, warmed=True), (1, 4): PathFacts("open", 90, {}, 0)}
    world = World(NOW, own, {}, {}, Profile(), Catalogue([]), RuleBook.from_rows([]), {}, frozenset(), paths=facts)
    assert world.trial(1, 9) == Trial(warm_per_hour=5, warm_per_day=50)
    assert world.trial(1, 2) == Trial(warm_per_day=70) and not world.trial(1, 3).paced and world.trial(1, 4).paced
    assert world.trial(2, 9) == FREE


def test_a_cap_of_nothing_lets_nothing_go() -> None:
    path = _path(Trial(warm_per_hour=0, warm_per_day=0), credit=0)
    assert path.rooms(1000) == (0, 0) and path.spend(1000) is None


def test_a_share_scales_connections_and_rates_and_what_may_be_in_hand() -> None:
    path = _path(connections=20, per_second=10, per_minute=300)
    whole = path.room(100)
    path.look("open", 100, Trial(share=25))
    assert (path.limits.connections, path.slots.limit, path.limits.per_second, path.limits.per_minute) == (5, 5, 2, 75)
    assert 1 <= path.room(100) < whole
    path.look("open", 100, Trial(share=1))
    assert (path.limits.connections, path.limits.per_second, path.limits.per_minute) == (1, 1, 3)
    path.look("open", 100, FREE)
    assert (path.limits.connections, path.limits.per_second) == (20, 10)


def test_a_returning_nodes_share_leaves_a_connection_beside_those_of_a_dead_owner() -> None:
    """A tenth of five connections is one; a dead owner's one that may still stand takes one of the provider's five, not that."""
    path = _path(Trial(share=10), connections=5)
    path.take_over({}, 0, 0.0, 0.0, open_connections=1)
    assert path.slots.limit == 1 and path.slots.free(0.0) == 1
    path.take_over({}, 0, 0.0, 0.0, open_connections=4)
    assert path.slots.free(0.0) == 0


@pytest.mark.parametrize(("per_hour", "waits"), [(20, False), (21, True), (None, True)])
def test_a_new_owner_waits_a_turn_unless_the_hours_cap_keeps_below_the_rate_by_itself(per_hour: int | None, waits: bool) -> None:
    path = Path.new(1, 1, Profile(per_second=20), owned_since_s=1000.0)
    path.look("open", 100, Trial(warm_per_hour=per_hour), 1000.0, 0.0)
    assert (path.next_send_s(1000.0) > 1000.0) is waits


# -- its rhythm -------------------------------------------------------------------------------------------------------


def _spend(path: Path, now_s: float) -> None:
    path.in_hand += 1
    assert path.spend(now_s)


def _sent(pace: Pace, from_s: float, to_s: float, step_s: float = 1.0) -> int:
    """With mail always waiting."""
    count, at_s = 0, from_s
    while at_s < to_s:
        while pace.due(at_s):
            pace.goes(at_s)
            count += 1
        at_s += step_s
    return count


def test_an_hours_cap_is_spread_over_the_hour_and_used_up() -> None:
    pace = Pace.of(caps_of(None, None, Trial(warm_per_hour=360)), "warming", 0.0)
    tenths = [_sent(pace, n * 360, n * 360 + 360) for n in range(10)]
    assert all(36 <= one <= 37 for one in tenths) and sum(tenths) >= 0.99 * 360


def test_what_was_left_unused_is_made_up_for_by_going_faster_not_at_once() -> None:
    pace = Pace.of(caps_of(None, None, WARM), "warming", 0.0)
    assert _sent(pace, 10_800, 10_801) <= 360 * FASTER / 40 + 1, "three idle hours are no burst"
    first = _sent(pace, 10_801, 10_801 + 1200)
    assert 360 * FASTER / 3 <= first <= 360 * FASTER / 3 + 2
    later = _sent(pace, 18_000, 21_600)
    assert first + later < 360 * (1 + MADE_UP) * 2


def test_a_days_cap_is_spread_over_the_day_and_idle_hours_are_made_up_for() -> None:
    pace = Pace.of(caps_of(None, None, Trial(warm_per_hour=200, warm_per_day=1000)), "warming", 0.0)
    assert 40 <= _sent(pace, 0, 3600) <= 44, "a day's even part, not the hour's 200"
    busy = [_sent(pace, hour * 3600, hour * 3600 + 3600, 10.0) for hour in range(12, 24)]
    assert max(busy) <= 200 * FASTER and sum(busy) >= 0.9 * 1000 * MADE_UP


def test_where_an_hour_may_take_the_whole_day_nothing_is_spread() -> None:
    pace = Pace.of(caps_of(None, None, Trial(warm_per_hour=500, warm_per_day=500)), "warming", 0.0)
    assert pace.due(1.0) >= 500


def test_a_new_owner_makes_up_for_what_the_last_one_left_and_begins_evenly_where_that_is_nothing_or_all() -> None:
    left, used, idle = (Path.new(1, 1, Profile(), owned_since_s=since_s) for since_s in (90_000.0, 90_000.0, 80_000.0))
    for path, hour, day in ((left, 120, 1200), (used, 360, 3600), (idle, 0, 0)):
        path.look("open", 100, WARM)
        path.credited(HOUR_S, Credit(1, NOW, 1e9, used=hour + 1), 90_000.0)
        path.credited(DAY_S, Credit(1, NOW, 1e9, used=day + 1), 90_000.0)
    assert left.pace and used.pace and idle.pace
    assert 240 <= _sent(left.pace, 90_000, 91_200) <= 245, "what was left, in twenty minutes"
    assert _sent(idle.pace, 90_000, 91_800) <= 182, "the day is made up for, by an hour's rhythm: who was idle, or is new, does not begin with a burst"
    assert _sent(used.pace, 90_000, 93_600) <= 151, "a 24th of the day"


def test_what_was_not_sent_while_a_path_had_no_owner_is_made_up_for_by_the_next() -> None:
    path = Path.new(1, 1, Profile(), owned_since_s=90_000.0)
    path.look("open", 100, WARM)
    path.credited(HOUR_S, Credit(1, NOW, 1e9, used=325), 90_000.0)  # six minutes of the hour are left
    path.credited(DAY_S, Credit(1, NOW, 1e9, used=1001), 90_000.0)
    assert path.pace
    assert 105 <= _sent(path.pace, 90_000, 90_720) <= 110, "twelve minutes' worth, and the six"


def test_a_path_beyond_its_pace_takes_nothing_and_says_when_it_will() -> None:
    path = _path(WARM)
    assert path.pace and path.takes(0.0) and path.room(0.0) == 1
    _spend(path, 0.0)
    assert not path.takes(1.0) and path.open(1.0), "what it has in hand goes on"
    until_s = path.pace.at_s(1.0)
    assert path.binds(1.0) == Binds(Limit.PACE, until_s, 360, HOUR_S) and state_of(path, 1.0)[0] == "pace"
    assert path.takes(until_s) and state_of(path, until_s) == ("warming", 0)


# -- the auction ------------------------------------------------------------------------------------------------------


def _bids(world: World, paths: dict[int, Path], now_s: float, first: bool = False) -> list[Any]:
    lanes = Lanes()
    lanes.heard([(POOL, PROVIDER, T if first else M)], now_s - 10)  # old enough for any handicap
    return make_bids(lanes, first, world, lambda ip, _: paths[ip], now_s, 1000)[0]


def test_it_bids_before_better_ones_until_it_has_its_pace() -> None:
    idle = Rivals({THEIRS: Rival(100)}, {})
    paths = {PROVEN: _path(lost=30), TRIED: _path(WARM, TRIED, lost=60)}
    (bid,) = _bids(_world(idle), paths, 1.0)
    assert (bid.handicap_ms, bid.limit) == (0, 1), "alone, so that the other does not go before better ones under its handicap"
    (bid,) = _bids(_world(idle), paths, 1.01)
    assert bid.handicap_ms == 60 and bid.limit > 1, "its siblings have their turn even if it finds nothing that it may take"
    _spend(paths[TRIED], 1.02)
    (bid,) = _bids(_world(idle), paths, 1.1)
    assert bid.handicap_ms == 60 and bid.limit > 1, "then it is as if it were not there"


def test_other_engines_wait_for_it_while_it_is_behind_and_not_when_it_is_not() -> None:
    row = {"id": 5, "ips": [THEIRS], "gone": False, "health": 0}
    behind, beyond = (rivals_of([{**row, "scores": [[THEIRS, PROVIDER, 40, word, 0]]}]) for word in ("warming", "pace"))
    paths = {PROVEN: _path(), TRIED: _path(ip=TRIED)}
    assert _bids(_world(behind), paths, 1.0)[0].handicap_ms == 80
    paths[PROVEN].sessions = 1
    assert _bids(_world(behind), paths, 1.0)[0].handicap_ms == 40, "a session that is open does not make up for it"
    assert _bids(_world(beyond), paths, 1.0)[0].handicap_ms == 0
    assert _bids(_world(behind), paths, 1.0, first=True)[0].handicap_ms == 0, "no code waits because a path warms"


def test_what_one_engine_tells_of_it_another_reads() -> None:
    path = _path(WARM)
    for at_s, state in ((0.0, "warming"), (1.0, "pace")):
        told = shared([path], Health(), at_s)
        assert rivals_of([{"id": 5, "ips": [PROVEN], "gone": False, "scores": told["scores"], "health": 0}]).of(PROVEN, PROVIDER).state == state  # type: ignore[union-attr]
        _spend(path, 0.0)


def _takes(world: World, paths: dict[int, Path], purpose: int, count: int = 1, now_s: float = 1.0) -> list[int | None]:
    chooser, taken = Chooser(lambda ip, _: paths[ip], "north-1/a", soonest), []
    for _ in range(count):
        one: Claim = claim(pool_id=POOL, provider_id=PROVIDER, purpose=purpose, ready_at=NOW - timedelta(seconds=1))
        path, _ = chooser.choose(one, world, now_s, NOW)
        if path:
            path.in_hand += 1
        taken.append(path.ip_id if path else None)
    return taken


def test_it_is_dealt_what_its_pace_lets_go_and_the_rest_overflows_to_its_siblings() -> None:
    paths = {PROVEN: _path(), TRIED: _path(WARM, TRIED, lost=60)}
    assert _takes(_world(), paths, M, 4) == [TRIED, PROVEN, PROVEN, PROVEN]


@pytest.mark.parametrize(("trial", "bulk", "takes"), [(PROBATION, True, PROVEN), (PROBATION, False, TRIED), (WARM, False, TRIED)])
def test_a_code_goes_along_a_path_on_probation_only_where_the_pool_serves_nothing_else(trial: Trial, bulk: bool, takes: int) -> None:
    paths = {PROVEN: _path(), TRIED: _path(trial, TRIED, lost=60)}
    assert _takes(_world(bulk=bulk), paths, T) == [takes]


def test_where_nothing_else_is_open_a_code_goes_along_the_path_on_probation() -> None:
    paths = {PROVEN: _path(), TRIED: _path(PROBATION, TRIED)}
    paths[PROVEN].look("quarantined", 30)
    assert _bids(_world(), paths, 1.0, first=True)[0].limit >= 1
    assert _takes(_world(), paths, T) == [TRIED]


def test_a_pool_of_paths_beyond_their_pace_takes_nothing_and_claims_nothing() -> None:
    paths = {PROVEN: _path(WARM), TRIED: _path(WARM, TRIED)}
    for path in paths.values():
        _spend(path, 1.0)
    assert _bids(_world(), paths, 2.0) == [] and _takes(_world(), paths, M, now_s=2.0) == [None]


# -- tiers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["pace", "paused", "hour", "day", "circuit", "suspended"])
def test_cover_goes_at_once_when_no_own_member_is_open_on_any_engine_and_gives_back_when_one_is(state: str) -> None:
    tiers = {PROVEN: 2000, TRIED: 0, THEIRS: 0}
    closed = Rivals({THEIRS: Rival()}, {(THEIRS, PROVIDER): Rival(100, state)})
    paths = {PROVEN: _path(), TRIED: _path(ip=TRIED)}
    paths[TRIED].look("quarantined", 20)
    assert _bids(_world(closed, tiers), paths, 1.0)[0].handicap_ms == 0
    again = Rivals({THEIRS: Rival()}, {(THEIRS, PROVIDER): Rival(100, "open")})
    assert _bids(_world(again, tiers), paths, 1.0)[0].handicap_ms == 2000
    assert _bids(_world(Rivals(), {PROVEN: 2000, THEIRS: 0}), paths, 1.0)[0].handicap_ms == 0, "nobody owns the pool's own IP"


def test_a_warming_path_of_the_cover_does_not_go_before_own_members() -> None:
    tiers = {PROVEN: 0, TRIED: 2000}
    paths = {PROVEN: _path(), TRIED: _path(WARM, TRIED)}
    assert _takes(_world(tiers=tiers), paths, M) == [PROVEN]
    assert [runner.ip_id for runner in make_field(LANE, _world(tiers=tiers), lambda ip, _: paths[ip], 1.0).runners] == [PROVEN, TRIED]
