"""Appetite: less in hand while the loop is late, more while it is quick and what there is is in use."""

from delivery.engine.appetite import ALONE, BESIDE, BESIDE_S, FIRST, MOST, Appetite


def _after(late_s: float, seconds: float, in_use: float = 1.0) -> float:
    appetite = Appetite()
    for step in range(int(seconds * 100)):
        appetite.heard(late_s, int(in_use * appetite.limit), step / 100)
    return appetite.limit


def test_a_late_loop_holds_less_and_never_nothing() -> None:
    assert _after(0.1, 0.5) < FIRST
    assert _after(0.1, 60) == ALONE.fewest


def test_a_quick_loop_whose_providers_are_slow_holds_thousands() -> None:
    assert _after(0.001, 10) == MOST


def test_what_is_not_used_does_not_grow() -> None:
    assert _after(0.001, 10, in_use=0.3) == FIRST


def test_in_between_it_stays() -> None:
    assert _after(0.010, 10) == FIRST


def test_beside_transactional_mail_the_loop_is_kept_quicker_for_a_while() -> None:
    appetite = Appetite(limit=1000)
    appetite.met_transactional(0.0)
    assert appetite.limit == 500
    appetite.met_transactional(1.0)
    assert appetite.limit == 500, "only the first one finds it full"
    small = Appetite(limit=ALONE.fewest)
    small.met_transactional(0.0)
    assert small.limit == ALONE.fewest, "a late loop gets nothing more to do for it"
    for step in range(100, int(BESIDE_S * 100)):
        appetite.heard(0.012, 40, step / 100)
    assert appetite.limit == BESIDE.fewest < ALONE.fewest
    for step in range(int(BESIDE_S * 100) + 101, 6000):
        appetite.heard(0.012, 40, step / 100)
    assert appetite.limit == BESIDE.fewest, "late is late again, as it was: nothing grows"
