"""Choose: which open path takes a delivery, and the why that is kept of it. Pure: paths and worlds are made by hand."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from delivery.classify.rulebook import RuleBook
from delivery.engine.choose import Chooser, soonest
from delivery.engine.path import Path
from delivery.engine.rivals import Rival, Rivals
from delivery.engine.score import Points
from delivery.engine.world import OwnIp, World
from pools.providers.profile import Profile
from pools.providers.rollup import Catalogue
from tests.engine.benches import POOL, PROVIDER, claim

NOW = datetime(2026, 3, 1, tzinfo=UTC)
IPS = (1, 2, 3)


class Engine:
    """Three paths of one lane, and a chooser; `deal` keeps count as the claimer does."""

    def __init__(self, rivals: Rivals | None = None, ips: tuple[int, ...] = IPS, **limits: Any) -> None:
        self.paths = {ip: Path.new(ip, PROVIDER, Profile(**limits)) for ip in ips}
        for path in self.paths.values():
            path.slots.open = min(2, path.slots.limit)
            path.mood.answer_s, path.mood.answered_at_s = 0.05, 0.0
        others = rivals or Rivals()
        own = {ip: OwnIp(ip, f"127.10.1.{ip}", "a.test", "") for ip in ips}
        members = {POOL: dict.fromkeys([*ips, *others.ips], 0)}
        self.world = World(NOW, own, members, {}, Profile(), Catalogue([]), RuleBook.from_rows([]), {}, frozenset(), rivals=others)
        self.chooser = Chooser(lambda ip, provider: self.paths[ip], "north-1/a", soonest)

    def deal(self, now_s: float = 0.0, waited_ms: int = 0, **changed: Any) -> tuple[int, dict[str, Any]]:
        path, why = self.chooser.choose(claim(ready_at=NOW - timedelta(milliseconds=waited_ms), **changed), self.world, now_s, NOW)
        assert path is not None
        path.in_hand += 1
        return path.ip_id, why

    def shares(self, count: int, now_s: float = 0.0) -> dict[int, int]:
        for _ in range(count):
            self.deal(now_s, waited_ms=1000)
        return {ip: path.in_hand for ip, path in self.paths.items()}


def test_idle_the_best_path_takes_everything() -> None:
    engine = Engine()
    engine.paths[1].points, engine.paths[3].points = Points(reputation=30), Points(mood=30)
    for n in range(5):
        ip, why = engine.deal(n)
        assert (ip, why["h"]) == (2, 0)
        engine.paths[ip].in_hand = 0


def test_loaded_all_help() -> None:
    engine = Engine(connections=2)
    engine.paths[1].points = Points(reputation=30)
    assert all(engine.shares(30).values())


def test_a_slow_path_gets_what_it_can_deliver_as_soon() -> None:
    engine = Engine(connections=2)
    engine.paths[1].mood.answer_s = 0.5
    shares = engine.shares(12)
    assert shares[1] <= 1 and abs(shares[2] - shares[3]) <= 1


def test_a_path_whose_rate_lets_nothing_go_yet_waits_behind_the_others() -> None:
    engine = Engine(connections=2)
    limited = engine.paths[1] = Path.new(1, PROVIDER, Profile(per_minute=30))
    limited.slots.open = 2
    limited.spend(0.0)
    assert engine.shares(8)[1] == 0


def test_a_path_on_which_nothing_moves_gets_no_more() -> None:
    engine = Engine(connections=2)
    for path in engine.paths.values():
        path.in_hand, path.moved_at_s = 1, 9.9
    engine.paths[1].moved_at_s = 0.0
    assert engine.shares(6, now_s=10.0)[1] == 1


def test_what_hung_once_gets_no_second_victim_while_others_are_quicker() -> None:
    engine = Engine()
    engine.paths[1].mood.timed({"connect": 4000}, 0.0)
    engine.paths[1].connect_failed(0.0, "no answer")
    assert engine.shares(20, now_s=2.0)[1] == 0


def test_an_open_circuit_is_probed_in_the_end_and_not_by_a_password() -> None:
    engine = Engine()
    engine.paths[1].mood.timed({"connect": 4000}, 0.0)
    engine.paths[1].connect_failed(0.0, "no answer")
    assert engine.deal(now_s=9.0, purpose=0)[0] != 1
    assert engine.deal(now_s=9.1, purpose=1)[0] == 1
    assert engine.deal(now_s=9.1, purpose=1)[0] != 1, "one at a time"


def test_a_greylisted_delivery_goes_where_it_was_and_a_rerouted_one_elsewhere() -> None:
    engine = Engine()
    assert engine.deal(sticky_ip_id=3)[0] == 3
    ip, why = engine.deal(avoid_ip_ids=[1, 2])
    assert ip == 3
    assert sorted(other[1] for other in why["o"]) == ["avoided", "avoided"]
    assert [other[1] for other in engine.deal(sticky_ip_id=3)[1]["o"]] == ["sticky", "sticky"]


def test_without_an_open_path_nobody_takes_it() -> None:
    engine = Engine()
    for path in engine.paths.values():
        path.look("paused", 100)
    assert engine.chooser.choose(claim(), engine.world, 0.0, NOW) == (None, {})


def test_a_path_that_was_closed_a_moment_ago_takes_nothing_more() -> None:
    engine = Engine()
    first, _ = engine.deal(now_s=1.0)
    for ip in (first, *IPS):
        if ip != 3:
            engine.paths[ip].closed_until_s = 60.0
    assert engine.deal(now_s=1.001)[0] == 3


def test_the_why_says_which_better_path_was_full() -> None:
    """Taken by 2 after 40 ms: 1 was at its 5 connections."""
    engine = Engine(connections=5, ips=(1, 2))
    engine.paths[2].points = Points(reputation=10)
    engine.paths[1].in_hand, engine.paths[1].slots.open = 40, 5
    ip, why = engine.deal(waited_ms=40)
    assert ip == 2
    assert why == {"w": 40, "h": why["h"], "s": 90, "e": "north-1/a", "o": [[1, "full", 80, 5]]}


def test_the_why_says_what_closed_another() -> None:
    engine = Engine()
    engine.paths[1].look("paused", 100)
    engine.paths[3].closed_until_s = 60.0
    _, why = engine.deal()
    assert {other[0]: other[1] for other in why["o"]} == {1: "paused", 3: "suspended"}


def test_the_why_names_other_engines_paths() -> None:
    _, why = Engine(Rivals({9: Rival()}, {(9, PROVIDER): Rival(97, "full", 5)}), ips=(1,)).deal()
    assert why["o"] == [[9, "full", 97, 5]]


def test_the_why_is_small_however_many_paths_there_are() -> None:
    engine = Engine(ips=tuple(range(10_001, 10_021)), connections=2)
    for n, path in enumerate(engine.paths.values()):
        path.in_hand = n
    _, why = engine.deal(waited_ms=123_456)
    assert len(json.dumps(why, separators=(",", ":"))) <= 200 and why["m"] == 14


def test_the_deliveries_of_one_moment_share_the_list_of_the_others() -> None:
    engine = Engine(ips=(1,), rivals=Rivals({9: Rival()}, {}))
    assert engine.deal()[1]["o"] is engine.deal()[1]["o"]
