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
            gcra.spend(now)
            sent.append(now)
    assert all(later - sooner >= rate.spacing_s - 1e-9 for sooner, later in pairwise(sent))


@given(rate=RATES, now=st.floats(0, 1e9))
def test_waiting_until_the_earliest_is_enough_and_needed(rate: RateLimit, now: float) -> None:
    gcra = Gcra(rate)
    gcra.spend(now)
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
    gcra.spend(0)
    gcra.change(RateLimit(1, 60))
    assert gcra.earliest(0) == 60


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


def test_a_dropped_connection_counts_for_a_second_more() -> None:
    slots = Slots(1)
    assert slots.take(0)
    slots.give_back(0, peer_closed=False)
    assert not slots.take(0.9)
    assert slots.take(1.0)
