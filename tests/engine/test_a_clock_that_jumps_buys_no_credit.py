"""Clocks: a jump of the database's clock stops new credit until boot time has caught up, and lengthens windows; a slow answer does neither."""

from delivery.engine.clocks import Clocks, Reading

DAY_S, HOUR_S = 86_400.0, 3600.0


def _after(*readings: tuple[float, float, float]) -> Clocks:
    clocks = Clocks()
    for reading in readings:
        clocks.read(Reading(*reading), DAY_S)
    return clocks


def test_clocks_that_go_alike_stop_nothing() -> None:
    clocks = _after(*((1e9 + n, n, n + 0.001) for n in range(100)))
    assert clocks.caught_up(0) and clocks.look_back_s(HOUR_S, 100) == 0


def test_a_jump_ahead_stops_credit_until_boot_time_has_caught_up() -> None:
    clocks = _after((1e9, 0, 0), (1e9 + 601, 1, 1))
    assert not clocks.caught_up(600.9)
    assert clocks.caught_up(601)


def test_for_a_whole_window_after_it_what_was_sent_before_counts_as_old_as_it_is() -> None:
    clocks = _after((1e9, 0, 0), (1e9 + 601, 1, 1))
    assert clocks.look_back_s(HOUR_S, 3600) == 600
    assert clocks.look_back_s(HOUR_S, 3602) == 0, "by then everything sent before the jump is older than the window"
    assert clocks.look_back_s(DAY_S, 3602) == 600


def test_a_drift_of_two_seconds_and_a_slow_answer_are_no_jump() -> None:
    assert _after((1e9, 0, 0), (1e9 + 2.9, 1, 1)).caught_up(1)
    assert _after((1e9, 0, 0), (1e9 + 9, 1, 9)).caught_up(1), "the answer took eight seconds: it may have been read at their end"


def test_a_jump_back_stops_nothing() -> None:
    assert _after((1e9, 0, 0), (1e9 - 600, 1, 1)).caught_up(1)


def test_no_jump_stops_credit_for_longer_than_the_longest_window() -> None:
    clocks = _after((1e9, 0, 0), (2e9, 1, 1))
    assert not clocks.caught_up(DAY_S) and clocks.caught_up(DAY_S + 1)
