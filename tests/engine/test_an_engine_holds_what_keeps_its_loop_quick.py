"""Appetite: less in hand while the loop is late, more while it is quick and what there is is in use."""

from delivery.engine.appetite import FEWEST, FIRST, MOST, Appetite


def _after(late_s: float, seconds: float, in_use: float = 1.0) -> float:
    appetite = Appetite()
    for step in range(int(seconds * 100)):
        appetite.heard(late_s, int(in_use * appetite.limit), step / 100)
    return appetite.limit


def test_a_late_loop_holds_less_and_never_nothing() -> None:
    assert _after(0.1, 0.5) < FIRST
    assert _after(0.1, 60) == FEWEST


def test_a_quick_loop_whose_providers_are_slow_holds_thousands() -> None:
    assert _after(0.001, 10) == MOST


def test_what_is_not_used_does_not_grow() -> None:
    assert _after(0.001, 10, in_use=0.3) == FIRST


def test_in_between_it_stays() -> None:
    assert _after(0.010, 10) == FIRST
