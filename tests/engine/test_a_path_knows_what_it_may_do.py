"""Path: circuit, room, score, learned limits; time comes in."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from delivery.engine.path import CIRCUIT_OPENS_AT, LAST_PROBE_S, Path
from delivery.engine.score import Points
from pools.allowances import Credit
from pools.binds import NOTHING, Binds, Limit
from pools.outcomes import ActionKind, ActionScope, PathAction
from pools.providers.profile import Profile
from pools.windows import HOUR_S

WALL = 1_800_000_000.0


def _path(**profile: object) -> Path:
    return Path.new(1, 1, Profile(**profile))  # type: ignore[arg-type]


def test_two_connect_failures_in_a_row_open_the_circuit_and_one_delivery_probes_it() -> None:
    path = _path()
    path.connect_failed(0, "refused")
    assert path.open(0)
    path.connect_failed(0, "refused")
    assert not path.open(0.5)
    assert path.open(1.1) and path.room(1.1) == 1
    path.in_hand = 1
    assert not path.open(1.1), "one probe at a time"


def test_the_circuit_waits_longer_each_time_and_never_longer_than_five_minutes() -> None:
    path, waits = _path(), []
    for _ in range(CIRCUIT_OPENS_AT + 12):
        path.connect_failed(0, "refused")
        waits.append(path.probe_at_s)
    assert waits[CIRCUIT_OPENS_AT - 1 :] == sorted(waits[CIRCUIT_OPENS_AT - 1 :])
    assert waits[-1] == LAST_PROBE_S


def test_a_conversation_closes_the_circuit() -> None:
    path = _path()
    for _ in range(5):
        path.connect_failed(0, "refused")
    path.sent(0)
    assert path.open(0) and path.room(0) > 1


def test_room_is_what_the_path_sends_in_half_a_second() -> None:
    path = _path(connections=2, per_second=None)
    assert path.room(0) == 10, "the first guess: 20 a second"
    for n in range(1000):
        path.sent(n / 1000)
    assert path.room(1.0) > 100
    path.in_hand = 10_000
    assert path.room(1.0) == 0


def test_room_never_exceeds_the_rate() -> None:
    assert _path(connections=50, per_minute=60).room(0) == 1


def test_a_path_loses_score_with_its_reputation_and_its_load() -> None:
    good, bad, busy = _path(), _path(), _path()
    bad.points = Points(reputation=40)
    busy.in_hand = 100
    assert 100 == good.score() > busy.score() > bad.score()


def test_a_paused_path_takes_nothing() -> None:
    path = _path()
    path.look("paused", 100)
    assert not path.open(0) and path.room(0) == 0
    path.look("open", 100)
    assert path.open(0)


def test_a_response_rule_halves_connections_at_once_and_gives_them_back_in_steps() -> None:
    path = _path(connections=8)
    path.act(PathAction(ActionKind.REDUCE_CONNECTIONS, ActionScope.PATH, 600, 1, 3600), "m-conn", 0, WALL, "too many")
    assert path.limits.connections == path.slots.limit == 4
    seen = []
    for minute in range(40):
        path.recover(minute * 60, WALL + minute * 60)
        seen.append(path.slots.limit)
    assert seen == sorted(seen) and seen[-1] == 8
    assert max(after - before for before, after in pairwise(seen)) == 1


def test_a_suspension_closes_the_path_until_its_end() -> None:
    path = _path()
    path.act(PathAction(ActionKind.SUSPEND, ActionScope.PATH, 600, 1, 3600), "g-rate-ip", 100.0, WALL, "421 4.7.28")
    assert not path.open(600) and path.open(701)


@pytest.mark.parametrize("scope", [ActionScope.TENANT, ActionScope.RECIPIENT, ActionScope.SIGNING_DOMAIN])
def test_what_a_rule_says_of_others_does_not_limit_the_path(scope: ActionScope) -> None:
    path = _path()
    path.act(PathAction(ActionKind.SUSPEND, scope, 600, 1, 3600), "r", 0, WALL, "x")
    assert path.open(1)


def test_an_operator_lifts_what_was_learned() -> None:
    path = _path(connections=8)
    path.act(PathAction(ActionKind.SUSPEND, ActionScope.PATH, 86_400, 1, 3600), "y-ts03", 0, WALL, "TS03")
    for _ in range(3):
        path.connect_failed(0, "refused")
    path.lift(1, WALL + 1)
    assert path.open(1) and path.slots.limit == 8 and path.closed_why == ""


def test_a_path_names_the_limit_that_binds_now() -> None:
    free = _path(connections=1, per_minute=60, connections_per_minute=None)
    assert free.binds(0) == NOTHING
    free.spend(0)
    assert free.binds(0.5) == Binds(Limit.RATE, 1.0, 60, 60)
    assert free.binds(1.0) == NOTHING
    free.slots.take(1.0)
    free.in_hand = 2
    assert free.binds(1.0) == Binds(Limit.CONNECTIONS, None, 1)
    free.connect_failed(1.0, "refused")
    free.connect_failed(1.0, "refused")
    assert free.binds(1.0) == Binds(Limit.CIRCUIT, 2.0, 2)
    free.act(PathAction(ActionKind.SUSPEND, ActionScope.PATH, 60, 1, 60), "rule", 1.0, WALL, "why")
    assert free.binds(1.0) == Binds(Limit.SUSPENDED, 61.0)
    free.look("paused", 100.0)
    assert free.binds(1.0) == Binds(Limit.PAUSED)


def test_a_used_up_hour_binds_until_its_next_bucket() -> None:
    path = _path(per_hour=1)
    assert path.allowance is not None
    assert path.binds(0) == NOTHING, "nobody refused credit yet"
    path.allowance.take(HOUR_S, Credit(1, datetime.now(UTC), 30.0), 0.0)
    path.spend(0)
    path.allowance.take(HOUR_S, Credit(0, datetime.now(UTC), 20.0), 1.0)
    assert path.binds(1.0) == Binds(Limit.HOUR, 21.0, 1, HOUR_S)
