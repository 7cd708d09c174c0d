"""Rates never burst; slots never overrun."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pools.limits import LINGER_S, Gcra, RateLimit, Slots

RATES = st.builds(RateLimit, per=st.integers(1, 1000), period_s=st.sampled_from([1.0, 60.0]))


@given(rate=RATES, gaps=st.lists(st.floats(0, 5), max_size=200))
def test_two_sends_are_never_closer_than_the_spacing(rate: RateLimit, gaps: list[float]) -> None:
    gcra, now, sent = Gcra(rate), 0.0, []
    for gap in gaps:
        now += gap
        if gcra.allows(now):
            gcra.answered(gcra.spend(now), now)
            sent.append(now)
    assert all(later - sooner >= rate.spacing_s - 1e-9 for sooner, later in pairwise(sent))


@given(rate=RATES, now=st.floats(0, 1e9))
def test_waiting_until_the_earliest_is_enough_and_needed(rate: RateLimit, now: float) -> None:
    gcra = Gcra(rate)
    gcra.answered(gcra.spend(now), now)
    earliest = gcra.earliest(now)
    assert gcra.allows(earliest)
    assert not gcra.allows(earliest - rate.spacing_s / 2)


def test_a_pause_buys_no_burst() -> None:
    gcra = Gcra(RateLimit(60, 60))
    gcra.spend(0)
    assert gcra.allows(1000)
    gcra.spend(1000)
    assert not gcra.allows(1000.5)


def test_a_slower_rate_holds_from_the_next_one_on() -> None:
    gcra = Gcra(RateLimit(10, 1))
    gcra.answered(gcra.spend(0), 0)
    gcra.change(RateLimit(1, 60))
    assert gcra.earliest(0) == 60


DELAYS = st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, 0.3), st.floats(0, 0.5)), min_size=1, max_size=300)


@given(per=st.integers(1, 40), delays=DELAYS)
def test_no_window_of_the_provider_ever_holds_more_whatever_is_slow_on_the_way(per: int, delays: list[tuple[float, float, float]]) -> None:
    """It counts each message at some moment between our write and its answer; late turns are made up for."""
    gcra, now, counted, pending = Gcra(RateLimit(per, 1)), 0.0, [], []
    for there, back, held_up in delays:
        while (at := gcra.earliest(now)) > now:
            now = min([at, *(when for when, _ in pending if when > now)])
            pending = _answer(gcra, pending, now)
        now += held_up
        pending = _answer(gcra, pending, now)
        if not gcra.allows(now):
            continue
        number = gcra.spend(now, waited=True)
        counted.append(now + there)
        pending.append((now + there + back, number))
    counted.sort()
    assert all(later - sooner >= 1 - 1e-9 for sooner, later in zip(counted, counted[per:], strict=False))


def _answer(gcra: Gcra, pending: list[tuple[float, int]], now: float) -> list[tuple[float, int]]:
    for when, number in pending:
        if when <= now:
            gcra.answered(number, when)
    return [one for one in pending if one[0] > now]


def test_delays_of_those_in_line_cost_no_rate_but_a_pause_buys_nothing() -> None:
    gcra, sent = Gcra(RateLimit(100, 1)), 0
    now = 0.0
    while now < 10:
        now = gcra.earliest(now) + 0.004  # the loop is a little late, every time
        gcra.answered(gcra.spend(now, waited=True), now)
        sent += 1
    assert sent > 0.95 * 1000
    now += 60
    gcra.spend(now)
    assert gcra.earliest(now) == now + 0.01


def test_a_changed_rate_forgets_nothing_that_went() -> None:
    gcra = Gcra(RateLimit(2, 60))
    for now in (0.0, 30.0):
        gcra.answered(gcra.spend(now), now)
    gcra.change(RateLimit(3, 60))
    assert gcra.earliest(30) == 50
    gcra.answered(gcra.spend(50), 50)
    assert gcra.earliest(50) == 70, "three in the last minute, and evenly spaced from now on"


def test_a_high_rate_is_remembered_in_parts() -> None:
    gcra, now = Gcra(RateLimit(60_000, 60)), 0.0
    for _ in range(20_000):
        now = gcra.earliest(now)
        gcra.answered(gcra.spend(now), now)
    assert 19.9 < now < 20.1


STEPS = st.lists(st.tuples(st.sampled_from(["take", "closed", "dropped"]), st.floats(0, 2)), max_size=100)


@given(limit=st.integers(1, 5), steps=STEPS)
def test_connections_that_the_peer_may_still_count_never_exceed_the_limit(limit: int, steps: list[tuple[str, float]]) -> None:
    slots, now, lingering = Slots(limit), 0.0, []
    for what, gap in steps:
        now += gap
        if what == "take":
            slots.take(now)
        elif slots.open:
            slots.give_back(now, peer_closed=what == "closed")
            lingering += [now + LINGER_S] if what == "dropped" else []
        assert slots.open + sum(until > now for until in lingering) <= limit


def test_connections_of_a_former_owner_count_for_a_while() -> None:
    slots = Slots(5)
    slots.keep_free(3, until_s=60)
    assert slots.free(0) == 2 and slots.free(60) == 5


@given(most=st.integers(1, 5), limit=st.integers(1, 5), steps=STEPS)
def test_a_lower_limit_of_our_own_and_the_providers_hold_both(most: int, limit: int, steps: list[tuple[str, float]]) -> None:
    slots, now, lingering = Slots(min(limit, most), most), 0.0, []
    for what, gap in steps:
        now += gap
        if what == "take":
            slots.take(now)
        elif slots.open:
            slots.give_back(now, peer_closed=what == "closed")
            lingering += [now + LINGER_S] if what == "dropped" else []
        assert slots.open <= min(limit, most)
        assert slots.open + sum(until > now for until in lingering) <= most


def test_what_a_former_owner_left_takes_nothing_of_a_lower_limit_of_our_own() -> None:
    slots = Slots(1, most=5)
    slots.keep_free(3, until_s=60)
    assert slots.take(0) and not slots.take(0)


def test_a_dropped_connection_counts_for_a_second_more() -> None:
    slots = Slots(1)
    assert slots.take(0)
    slots.give_back(0, peer_closed=False)
    assert not slots.take(0.9)
    assert slots.take(1.0)
