"""Capacity without something, decided by pure functions."""

import random
from dataclasses import replace

import pytest

from monitoring.zones.carry import Facts, Load, NodeFacts, Source, judge
from monitoring.zones.maxflow import Network
from monitoring.zones.room import Caps, Room, room_of
from pools.providers.profile import Profile

GMAIL, YAHOO = 1, 2
# Two zones with a node each; a pool with an IP in both and one whose only IP is in the north.
FACTS = Facts(
    loads=[Load(1, GMAIL, 0, 10.0, 4.0), Load(1, GMAIL, 2, 20.0, 8.0), Load(1, YAHOO, 1, 5.0, 5.0)],
    pools={1: ("shared", [11, 21]), 2: ("harbour", [12])},
    providers={GMAIL: "Gmail", YAHOO: "Yahoo"},
    ips={11: Source("127.0.0.11", 1), 12: Source("127.0.0.12", 1), 21: Source("127.0.0.21", 2)},
    nodes={1: NodeFacts("north-1", "north", "one", 300.0, "1 × 300 a second"), 2: NodeFacts("south-1", "south", "two", 300.0, "1 × 300 a second")},
    machines={"one": Room(500.0, "its processors are 20 % busy"), "two": Room(500.0, "its processors are 30 % busy")},
    rooms={(ip, provider): Room(40.0, "10 connections at 0.25 s an answer") for ip in (11, 12, 21) for provider in (GMAIL, YAHOO)},
    wanted=[1],
)
NORTH, SOUTH = (11, 12), (21,)


def test_it_carries_and_names_the_tightest() -> None:
    verdict = judge(FACTS, NORTH, "zone north")
    assert verdict.carries and verdict.waits_per_s == 0
    assert verdict.says.startswith("Yes: without zone north") and "Gmail: 30.0 of 40.0" in verdict.says


def test_a_node_may_be_the_tightest() -> None:
    verdict = judge(replace(FACTS, machines={**FACTS.machines, "two": Room(36.0, "its processors are 97 % busy")}), NORTH, "zone north")
    assert verdict.carries and "Tightest is south-1: 35.0 of 36.0" in verdict.says


def test_what_a_rounding_leaves_does_not_wait() -> None:
    odd = replace(FACTS, loads=[replace(load, per_s=load.per_s / 3) for load in FACTS.loads])
    assert [one.waits_per_s for one in judge(odd, NORTH, "zone north").providers] == [0.0, 0.0]


def test_a_provider_that_binds_is_named_with_its_limit_and_transactional_mail_goes_first() -> None:
    tight = replace(FACTS, rooms={**FACTS.rooms, (21, GMAIL): Room(15.0, "900 a minute")})
    verdict = judge(tight, NORTH, "zone north")
    assert not verdict.carries and verdict.binds == "Gmail (900 a minute for an IP)"
    assert verdict.waits_per_s == pytest.approx(15.0) and "none of them transactional" in verdict.says
    # 15 a second for a quarter of an hour; the last hour's mean of 17 leaves 3 of the 20 a second that go.
    assert "13,500 after a quarter of an hour, gone 75" in verdict.says
    assert verdict.providers[0].name == "Gmail" and verdict.providers[0].waits_per_s == pytest.approx(15.0)


def test_a_backlog_that_would_only_grow_is_told_as_such() -> None:
    steady = [replace(load, mean_per_s=load.per_s) for load in FACTS.loads]
    verdict = judge(replace(FACTS, loads=steady, rooms={**FACTS.rooms, (21, GMAIL): Room(15.0, "900 a minute")}), NORTH, "zone north")
    assert "they grow" in verdict.says


def test_a_pool_without_another_ip_is_a_no_even_when_nothing_is_sent() -> None:
    quiet = replace(FACTS, loads=[])
    assert judge(quiet, NORTH, "zone north").carries
    verdict = judge(replace(quiet, wanted=[1, 2]), NORTH, "zone north")
    assert not verdict.carries and verdict.bare == ("harbour",) and "harbour" in verdict.says


def test_a_node_or_its_machine_binds() -> None:
    small = replace(FACTS, nodes={**FACTS.nodes, 2: replace(FACTS.nodes[2], per_s=12.0)})
    assert judge(small, NORTH, "zone north").binds == "node south-1 (1 × 300 a second)"
    busy = replace(FACTS, machines={**FACTS.machines, "two": Room(6.0, "its processors are 97 % busy")})
    assert judge(busy, NORTH, "zone north").binds == "node south-1 (its processors are 97 % busy)"


def test_nothing_left_is_a_no() -> None:
    verdict = judge(FACTS, (11, 12, 21), "everything")
    assert not verdict.carries and verdict.waits_per_s == pytest.approx(35.0)


def test_mail_takes_another_way_when_that_lets_more_through() -> None:
    """Two pools share an IP; the one that has another must leave it to the one that has not."""
    facts = replace(
        FACTS, loads=[Load(1, GMAIL, 0, 40.0), Load(2, GMAIL, 0, 40.0)], pools={1: ("shared", [11, 21]), 2: ("harbour", [21])}, wanted=[1, 2]
    )
    assert judge(facts, (), "nothing").carries
    assert not judge(facts, (11,), "node north-1").carries


def test_the_narrowest_of_everything_bounds_a_path() -> None:
    profile = Profile(connections=10, per_minute=1200)
    assert room_of(profile, Caps(), 0.1) == Room(20.0, "1200 a minute")
    assert room_of(profile, Caps(share=50), 0.1).per_s == 10.0
    assert room_of(profile, Caps(per_minute=60), 0.1).per_s == 1.0
    assert room_of(profile, Caps(), 2.0) == Room(5.0, "10 connections at 2 s an answer")
    assert room_of(profile, Caps(hour=(360, "warming")), 0.1) == Room(0.1, "360 an hour by warming")
    assert room_of(profile, Caps(day=(7200, "warming"), day_used=3600), 0.1).per_s == 1.0
    assert room_of(profile, Caps(stopped="quarantined"), 0.1) == Room(0.0, "quarantined")


def test_the_flow_is_the_most_that_goes() -> None:
    """Against every cut of small random networks: the most that flows is the narrowest cut (Ford and Fulkerson, 1956)."""
    dice = random.Random(7)
    for _ in range(40):
        vertices = list(range(6))
        edges = [(a, b, dice.randint(0, 9)) for a in vertices for b in vertices if a != b and dice.random() < 0.5]
        network = Network()
        numbers = [network.edge(*edge) for edge in edges]
        network.push(0, 5)
        out = sum(network.flow(n) for n, (a, _, _) in zip(numbers, edges, strict=True) if a == 0)
        back = sum(network.flow(n) for n, (_, b, _) in zip(numbers, edges, strict=True) if b == 0)
        cuts = [{0} | {v for v in vertices[1:5] if bits >> v & 1} for bits in range(0, 32, 2)]
        assert out - back == min(sum(most for a, b, most in edges if a in cut and b not in cut) for cut in cuts)
