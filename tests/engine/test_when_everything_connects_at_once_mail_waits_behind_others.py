"""While any connection takes this engine long, a delivery is sent along one that is being opened already."""

import contextlib

import pytest

from delivery.engine.choose import takes_s
from delivery.engine.path import Path
from delivery.engine.usual import FEW, FRESH_S, LATELY_S, Usual
from pools.providers.profile import Profile


def _path(usual: Usual, connecting: int = 0) -> Path:
    path = Path.new(7, 3, Profile(connections=10))
    path.usual, path.moved_at_s = usual, 10.0
    for _ in range(connecting):
        path.slots.take(0.0)
    return path


@pytest.mark.parametrize(("took_s", "keeps"), [(0.05, False), (1.2, True)])
def test_the_next_one_goes_where_one_is_being_opened_only_while_that_takes_long(took_s: float, keeps: bool) -> None:
    usual = Usual()
    for _ in range(5):
        usual.opened(took_s, 10.0)
    opening, cold = _path(usual, connecting=1), _path(usual)
    assert (takes_s(opening, 10.1, ahead=2) < takes_s(cold, 10.1, ahead=0)) is keeps


def test_one_slow_provider_says_nothing_of_the_others_and_what_is_old_nothing_at_all() -> None:
    usual = Usual()
    for took_s in (0.02, 5.0, 0.03):
        usual.opened(took_s, 10.0)
    assert usual.connect_s(10.5) == 0.03
    assert usual.connect_s(10.0 + FRESH_S + 0.1) == 0.0
    usual.opened(0.5, 20.0)
    assert usual.connect_s(20.0) == 0.5, "those of ten seconds ago no longer count"


def test_a_newcomer_takes_nothing_for_cold_paths_while_it_opens_enough_and_does_not_know_that_it_is_quick() -> None:
    usual = Usual()
    cold, warm = _path(usual), _path(usual)
    warm.sessions = 1
    with contextlib.ExitStack() as opening:
        for _ in range(FEW):
            assert cold.takes(10.0)
            opening.enter_context(usual.opening(10.0))
        assert not cold.takes(10.0) and warm.takes(10.0)
        assert cold.takes(10.0 + LATELY_S + 0.1), "hosts that do not answer keep nobody from the others"
        usual.opened(0.02, 10.1)
        assert cold.takes(10.1), "this machine is quick"
        for _ in range(3):
            usual.opened(2.0, 10.2)
        assert not cold.takes(10.2)
    assert cold.takes(10.2)
