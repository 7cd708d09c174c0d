"""The handicap of an engine: behind the lane's best open path, whoever owns it. Pure: worlds are made by hand."""

from datetime import UTC, datetime
from typing import Any

from delivery.classify.rulebook import RuleBook
from delivery.engine.choose import handicap_ms
from delivery.engine.path import Path
from delivery.engine.rivals import GONE, Rival, Rivals, rivals_of
from delivery.engine.score import MOST_BEHIND_MS, Health, Points
from delivery.engine.standing import shared, stand
from delivery.engine.world import OwnIp, World
from pools.mood import Heard
from pools.outcomes import Reason
from pools.providers.profile import Profile
from pools.providers.rollup import Catalogue

POOL, PROVIDER = 1, 3
LANE = (POOL, PROVIDER)
MINE, THEIRS = 7, 8


def _world(rivals: Rivals, tiers: dict[int, int] | None = None) -> World:
    own = {MINE: OwnIp(MINE, "127.10.1.7", "a.test", "")}
    members = {POOL: tiers or {MINE: 0, THEIRS: 0}}
    return World(datetime.now(UTC), own, members, {}, Profile(), Catalogue([]), RuleBook.from_rows([]), {}, frozenset(), rivals=rivals)


def _path(lost: float = 0.0, ip: int = MINE) -> Path:
    path = Path.new(ip, PROVIDER, Profile())
    path.points = Points(reputation=lost)
    return path


def _theirs(score: float = 100, state: str = "open") -> Rivals:
    return Rivals({THEIRS: Rival(state=GONE if state == GONE else "open")}, {(THEIRS, PROVIDER): Rival(score, state)})


def _waits_ms(path: Path, rivals: Rivals, tiers: dict[int, int] | None = None) -> int:
    return handicap_ms(LANE, _world(rivals, tiers), [path])


def test_a_pool_whose_best_path_has_sixty_points_waits_for_nothing() -> None:
    assert _waits_ms(_path(lost=40), Rivals()) == 0
    assert _waits_ms(_path(lost=40), _theirs(score=55)) == 0


def test_a_worse_path_waits_for_a_better_one_of_another_engine() -> None:
    assert _waits_ms(_path(lost=30), _theirs(score=90)) == 40


def test_mail_keeps_to_a_session_that_stands_unless_that_is_busy_or_much_worse() -> None:
    cold, warm = _path(), _path()
    warm.sessions = 1
    assert _waits_ms(cold, Rivals({THEIRS: Rival()}, {(THEIRS, PROVIDER): Rival(100, n=1)})) == 40
    assert _waits_ms(warm, _theirs()) == 0
    assert _waits_ms(cold, _theirs()) == 0, "both would have to open a connection"
    assert _waits_ms(cold, Rivals({THEIRS: Rival()}, {(THEIRS, PROVIDER): Rival(75, n=1)})) == 0
    warm.in_hand = 2
    assert _waits_ms(warm, Rivals({THEIRS: Rival()}, {(THEIRS, PROVIDER): Rival(100, n=1)})) > 30, "its session has enough to do"
    assert _waits_ms(cold, Rivals({THEIRS: Rival()}, {(THEIRS, PROVIDER): Rival(100, "full", 5)})) == 0


def test_what_stands_open_is_told_and_read() -> None:
    path = _path()
    path.sessions, path.wanted_at_s = 2, 0.0
    told = shared([path], Health(), 1.0)
    (entry,) = told["scores"]
    assert entry[3:5] == ["open", 2]
    read = rivals_of([{"id": 5, "ips": [MINE], "gone": False, "scores": told["scores"], "health": 0.0}]).of(MINE, PROVIDER)
    assert read and read.rank == read.score + 20


def test_an_unlisted_path_of_another_engine_has_nothing_against_it() -> None:
    assert _waits_ms(_path(lost=30), Rivals({THEIRS: Rival()}, {})) == 60


def test_nobody_waits_for_an_engine_that_is_not_heard_of() -> None:
    assert _waits_ms(_path(lost=30), _theirs(state=GONE)) == 0


def test_nobody_waits_for_a_path_that_is_closed() -> None:
    for state in ("paused", "suspended", "circuit", "hour", "day"):
        assert _waits_ms(_path(lost=30), _theirs(state=state)) == 0, state
    assert _waits_ms(_path(lost=30), _theirs(state="full")) > 0, "its time comes in milliseconds"


def test_when_the_best_path_goes_without_a_word_the_next_takes_over_within_the_bound() -> None:
    """What an engine knows of others is up to two seconds old; meanwhile a delivery waits so long and no longer."""
    assert _waits_ms(_path(lost=100), _theirs(score=100)) == MOST_BEHIND_MS == 80


def test_a_fallback_helps_at_once_when_no_own_path_is_open() -> None:
    tiers = {MINE: 2000, THEIRS: 0}
    assert _waits_ms(_path(), _theirs(), tiers) == 2000
    assert _waits_ms(_path(), _theirs(state="suspended"), tiers) == 0
    assert _waits_ms(_path(), _theirs(state=GONE), tiers) == 0


def test_what_one_engine_tells_another_reads() -> None:
    path, node = _path(), Health(loop_gap_ms=200)
    path.look("open", 80)
    path.wanted_at_s = 0.0
    for _ in range(10):
        path.mood.heard(Reason.RATE_IP, 0.0)
    assert not stand([path], Rivals(), node, 0.0, 0.0), "one path alone cannot tell whose mood it is"
    told = shared([path], node, 0.0)
    read = rivals_of([{"id": 5, "ips": [MINE, THEIRS], "gone": False, "scores": told["scores"], "health": told["health"]}])
    found, unlisted = read.of(MINE, PROVIDER), read.of(THEIRS, PROVIDER)
    assert found and found.score == round(path.score()) < 80 and found.heard and found.heard.reason == Reason.RATE_IP
    assert unlisted and unlisted.score == 100 - node.points(), "its node's health counts for the paths that are not listed too"


def test_what_cannot_be_read_is_left_out() -> None:
    scores: list[Any] = [None, [], [1], "x", [MINE, PROVIDER, "x", "open", 0], [MINE, PROVIDER, 50, "open", 0, 0.5], [THEIRS, PROVIDER, 70, "full", 5]]
    read = rivals_of([{"id": 5, "ips": [MINE, THEIRS], "gone": False, "scores": scores, "health": 0.0}])
    assert read.of(MINE, PROVIDER) == Rival() and read.of(THEIRS, PROVIDER) == Rival(70, "full", 5)


def test_a_refusal_that_every_ip_hears_makes_none_of_them_worse() -> None:
    paths = [_path(ip=ip) for ip in (1, 2, 3)]
    for path in paths:
        for _ in range(10):
            path.mood.heard(Reason.RATE_IP, 0.0)
    moods = stand(paths, Rivals(), Health(), 0.0, 0.0)
    assert moods[PROVIDER].reason == Reason.RATE_IP
    assert [path.score() for path in paths] == [100, 100, 100]


def test_other_engines_paths_say_whether_it_is_the_provider() -> None:
    path = _path()
    for _ in range(10):
        path.mood.heard(Reason.RATE_IP, 0.0)
    takes = Rivals({THEIRS: Rival()}, {(THEIRS, PROVIDER): Rival(heard=Heard(0.0, 20, ""))})
    refuses = Rivals({THEIRS: Rival()}, {(THEIRS, PROVIDER): Rival(heard=Heard(0.9, 20, Reason.RATE_IP))})
    assert not stand([path], takes, Health(), 0.0, 0.0) and path.points.mood > 20
    assert stand([path], refuses, Health(), 0.0, 0.0) and path.points.mood == 0
