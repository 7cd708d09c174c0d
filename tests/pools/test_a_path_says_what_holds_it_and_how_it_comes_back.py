"""What holds a path, in words; its limits side by side; the steps of return are the ones that will be taken."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pools.binds import Limit
from pools.holds import Hold, Place, Said, standing
from pools.learned import FOREVER_S, Learned, Squeeze, recover
from pools.providers.profile import Profile
from pools.returning import limit_rows, returns

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
HERE = Place("active", "north-1", "active", "north", "active", engine="north-1/a", node_lives=True)


def told(place: Place = HERE, **said: object) -> str:
    return standing(place, Said(**said), "Gmail", NOW).told.replace("\u00a0", " ")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "Open."),
        ({"limits": {"connections_open": 3, "connections": 20}}, "Open: 3 of 20 connections in use."),
        ({"binds": "connections", "limits": {"figure": 5, "connections_open": 5}}, "At its 5 of 5 connections to Gmail."),
        (
            {"binds": "former", "until": NOW + timedelta(seconds=40), "limits": {"figure": 5}},
            "5 connections of its last engine, which died out of reach, may still stand at Gmail; it opens its own in 40 s.",
        ),
        ({"binds": "rate", "until": NOW + timedelta(seconds=3), "limits": {"figure": 20, "per_s": 60}}, "At its 20 a minute to Gmail: the next goes in 3.0 s."),
        ({"binds": "hour", "until": NOW + timedelta(minutes=30), "limits": {"figure": 1000}}, "The hour's 1,000 to Gmail are used up until about 14:30."),
        (
            {"binds": "hour", "until": NOW + timedelta(seconds=9), "limits": {"figure": 500, "hour_used": 500, "hour_by": "warming"}},
            "Warming: 500 of 500 in this hour to Gmail: used up for now.",
        ),
        (
            {"binds": "pace", "until": NOW + timedelta(seconds=7), "limits": {"figure": 500, "per_s": 3600, "hour_used": 480, "hour_by": "warming"}},
            "Warming: 480 of 500 in this hour to Gmail, evenly spread; the next goes in 7.0 s.",
        ),
        (
            {"binds": "pace", "until": NOW + timedelta(seconds=7), "limits": {"figure": 5, "per_s": 3600, "hour_used": 1, "hour_by": "probation"}},
            "On probation: 1 of 5 in this hour to Gmail, evenly spread; the next goes in 7.0 s.",
        ),
        ({"binds": "day", "until": NOW + timedelta(hours=20), "limits": {"figure": 9}}, "The day's 9 to Gmail are used up until about 23 Nov, 10:00."),
        ({"binds": "suspended", "until": NOW + timedelta(minutes=5), "why": "g-x: 421 4.7.28"}, "Suspended until 14:05:00 because of g-x: 421 4.7.28."),
        ({"binds": "circuit", "until": NOW + timedelta(minutes=2), "circuit_failures": 4, "why": "refused"},
         "4 connections in a row failed (refused); the next probe goes in 2 min."),
        ({"binds": "circuit", "until": NOW, "circuit_failures": 4}, "it is probed with the next delivery."),
        ({"state": "paused", "binds": "rate"}, "The path was paused by an operator."),
        ({"state": "quarantined", "why": "3 blocks"}, "The path is in quarantine because of 3 blocks."),
        ({"state": "quarantined", "why": "a reply", "state_why": "Score 12, below 50."}, "The path is in quarantine: Score 12, below 50."),
    ],
)  # fmt: skip
def test_each_hold_has_its_sentence(said: dict, words: str) -> None:
    assert words in told(**said)


@pytest.mark.parametrize(
    ("place", "hold"),
    [
        (replace(HERE, zone_state="drained"), Hold.DRAINED),
        (replace(HERE, node_state="drained"), Hold.DRAINED),
        (replace(HERE, ip_state="paused"), Hold.PAUSED),
        (replace(HERE, ip_state="quarantined"), Hold.QUARANTINED),
        (replace(HERE, engine="", node_lives=False), Hold.UNOWNED),
        (replace(HERE, engine=""), Hold.HANDOVER),
        (replace(HERE, stopping=True), Hold.HANDOVER),
        (replace(HERE, silent=True), Hold.HANDOVER),
    ],
)
def test_who_owns_it_comes_before_what_its_engine_said(place: Place, hold: Hold) -> None:
    assert standing(place, Said(binds="connections", limits={"figure": 5}), "Gmail", NOW).hold == hold


@pytest.mark.parametrize("limit", [limit for limit in Limit if limit])
def test_every_limit_that_an_engine_can_say_has_words_and_ends_at_its_time(limit: Limit) -> None:
    until = NOW + timedelta(seconds=30)
    for place in (HERE, replace(HERE, engine="", node_lives=False)):
        now = standing(place, Said(binds=str(limit), until=until), "Gmail", NOW)
        assert not now.open and now.told.endswith(".") and now.plain.endswith(".") and now.badge and now.is_words
    if limit not in (Limit.PAUSED, Limit.CIRCUIT):
        assert standing(HERE, Said(binds=str(limit), until=until), "Gmail", until).open


@pytest.mark.parametrize("figures", [None, {}, {"figure": None, "per_s": "x", "connections_open": -1, "connections": 1e99}, {"figure": True}])
def test_what_an_engine_did_not_say_well_breaks_nothing(figures: object) -> None:
    for limit in Limit:
        assert told(binds=str(limit), limits=figures)


def test_the_steps_foretold_are_the_steps_taken() -> None:
    now_s = NOW.timestamp()
    learned = Learned(connections=Squeeze(2, 5, now_s, now_s + 600), per_minute=Squeeze(6, 2**31, now_s, now_s + 600))
    ways = {way.what: way for way in returns(learned, now_s)}
    connections, rate = ways["connections"], ways["messages a minute"]
    assert (connections.value, connections.next_value) == (2, 3)
    assert connections.next_at == NOW + timedelta(minutes=10) and connections.whole_at == NOW + timedelta(minutes=12) and not connections.unlimited
    assert rate.unlimited and rate.next_value == 12
    for one, field in ((connections, "connections"), (rate, "per_minute")):
        assert one.whole_at and one.next_at
        just_before, then = one.whole_at.timestamp() - 0.1, one.whole_at.timestamp()
        assert getattr(recover(learned, just_before), field) is not None and getattr(recover(learned, then), field) is None
        assert getattr(recover(learned, one.next_at.timestamp()), field).value == one.next_value


def test_what_only_an_operator_lifts_foretells_nothing() -> None:
    now_s = NOW.timestamp()
    [one] = returns(Learned(connections=Squeeze(2, 5, now_s, now_s + FOREVER_S)), now_s)
    assert (one.next_at, one.whole_at, one.value) == (None, None, 2)


def test_limits_stand_side_by_side() -> None:
    now_s = NOW.timestamp()
    profile = Profile(connections=20, per_hour=1000)
    learned = Learned(connections=Squeeze(5, 20, now_s, now_s + 600))
    rows = {row.name: row for row in limit_rows(profile, learned, {"connections": 5, "connections_open": 4, "per_hour": 1000, "hour_used": 250}, now_s)}
    one = rows["Connections at a time"]
    assert (one.published, one.learned, one.now, one.used) == (20, 5, 5, 4)
    assert (rows["Messages an hour"].used, rows["Messages an hour"].learned) == (250, None)
    assert "Messages a day" not in rows, "there is no such limit"
    assert {row.name: row.now for row in limit_rows(profile, learned, {}, now_s)}["Connections at a time"] == 5, "no engine has said"
