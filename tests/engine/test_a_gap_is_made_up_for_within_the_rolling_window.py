"""A gap costs a path nothing once it is over: what it left is made up for, at a bounded speed, within the cap of every rolling hour, whoever owns the path."""

from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.engine.allowance import Rest
from delivery.engine.pace import Trial
from delivery.engine.path import Path
from pools.allowances import Credit
from pools.providers.profile import Profile
from pools.windows import DAY_S, HOUR_S, bucket_s, length_s

NOW = datetime(2026, 1, 1)
CAP = 360
EVEN_S = HOUR_S / CAP
STEP_S = 2.0
HOURS = 6
# When a gap begins, how long it is, and whether its engine died of it: then another owner comes, who remembers nothing.
GAPS = st.lists(st.tuples(st.floats(1.2 * HOUR_S, 3 * HOUR_S), st.floats(5, 0.5 * HOUR_S), st.booleans()), max_size=3)


@dataclass
class Book:
    """What is reserved, as the database counts it (pools.allowances): by buckets, a partly covered one whole."""

    cap: int
    buckets: dict[int, int] = field(default_factory=dict)

    def reserve(self, want: int, now_s: float) -> Credit:
        size_s = bucket_s(HOUR_S)
        self.buckets = {n: amount for n, amount in self.buckets.items() if n * size_s > now_s - HOUR_S - size_s}
        number, used = int((now_s + size_s / 2) // size_s), sum(self.buckets.values())
        credit = max(0, min(want, self.cap - used))
        self.buckets[number] = self.buckets.get(number, 0) + credit
        return Credit(credit, NOW + timedelta(seconds=number * size_s), (number + 1) * size_s - now_s, used + credit)


    def take_back(self, rests: list[Rest]) -> None:
        for _, start, amount in rests:
            self.buckets[round((start - NOW).total_seconds() / bucket_s(HOUR_S))] -= amount


def _owner(since_s: float, cap: int) -> Path:
    path = Path.new(1, 1, Profile(), owned_since_s=since_s)
    path.look("open", 100, Trial(warm_per_hour=cap), now_s=since_s)
    return path


def _run(gaps: list[tuple[float, float, bool]], cap: int = CAP, hours: float = HOURS) -> list[float]:
    """When messages went, with mail always waiting."""
    book, path, sent = Book(cap), _owner(0.0, cap), list[float]()
    left, now_s = deque(sorted(gaps)), 0.0
    while now_s < hours * HOUR_S:
        if left and now_s >= left[0][0]:
            _, lasts_s, dies = left.popleft()
            now_s += lasts_s
            path = _owner(now_s, cap) if dies else path
        assert path.allowance and path.pace
        book.take_back(path.allowance.expire(now_s))
        for window_s, want in path.allowance.wants(path.sent_per_s, now_s).items():
            path.credited(window_s, book.reserve(want, now_s), now_s)
        book.take_back(path.rests)
        path.rests = []
        while path.pace.due(now_s) and (spent := path.spend(now_s)):
            path.answered(spent, now_s)
            sent.append(now_s)
        now_s += STEP_S
    return sent


@settings(max_examples=30, deadline=None)
@given(gaps=GAPS)
def test_no_rolling_hour_holds_more_than_the_cap_and_none_goes_faster_than_twice_its_rhythm(gaps: list[tuple[float, float, bool]]) -> None:
    sent = _run(gaps)
    for first, at_s in enumerate(sent):
        assert bisect_left(sent, at_s + length_s(HOUR_S)) - first <= CAP
        for lasts_s in (60.0, 600.0):
            most = 2 * lasts_s / EVEN_S + CAP / 40 * (1 + len(gaps)) + 2  # a new owner begins its rhythm anew
            assert bisect_right(sent, at_s + lasts_s) - first <= most


@settings(max_examples=30, deadline=None)
@given(begins_s=st.floats(1.2 * HOUR_S, 2 * HOUR_S), lasts_s=st.floats(5, 0.5 * HOUR_S), dies=st.booleans(), hours=st.integers(1, 3))
def test_a_gap_of_half_an_hour_at_most_costs_nothing(begins_s: float, lasts_s: float, dies: bool, hours: int) -> None:
    """In whole hours from its beginning: later ones too, though it leaves the window again, and what made up for it after it."""
    ends_s = begins_s + hours * HOUR_S
    sent = _run([(begins_s, lasts_s, dies)], hours=ends_s / HOUR_S)
    assert len(sent) - bisect_left(sent, begins_s) >= 0.97 * hours * CAP


def test_what_made_up_for_a_gap_leaves_the_window_quickly_and_a_new_owner_follows_it() -> None:
    """The engine dies as what made up for a gap is about to leave: its successor finds a full window, and soon one that an even rhythm would not fill."""
    begins_s, gap_s = 1.5 * HOUR_S, 1500.0
    sent = _run([(begins_s, gap_s, False), (begins_s + HOUR_S + gap_s - 10, 5.0, True)], hours=3.5)
    assert len(sent) - bisect_left(sent, 2.5 * HOUR_S) >= 0.97 * CAP


def test_a_path_that_never_filled_its_window_keeps_its_even_rhythm() -> None:
    path, book = _owner(0.0, CAP), Book(CAP)
    assert path.pace
    path.credited(HOUR_S, book.reserve(1, 0.0), 0.0)
    for minute in range(1, 30):
        now_s = 60.0 * minute
        path.allowance.expire(now_s)  # type: ignore[union-attr]
        path.credited(HOUR_S, book.reserve(6, now_s), now_s)
        path.pace.hour.at_s = now_s + EVEN_S  # it has sent what was due
        path.credited(HOUR_S, book.reserve(1, now_s), now_s)
        assert not path.pace.due(now_s), "an hour that is not full yet is no gap"


def test_the_days_window_is_followed_as_the_hours_is() -> None:
    path = Path.new(1, 1, Profile(), owned_since_s=100_000.0)
    path.look("open", 100, Trial(warm_per_hour=500, warm_per_day=2400), now_s=100_000.0)
    for used in (2400, 2300):
        path.credited(DAY_S, Credit(0, NOW, 1e9, used=used), 100_000.0)
    assert path.pace and path.pace.day and 100 <= path.pace.day.due(100_000.0) <= 101
