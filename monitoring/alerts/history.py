"""History: the last ticks, as far as rules look back: sums over windows, and what was usual.

A window's sum is kept by buckets that begin at multiples of their length since 1970, so that who begins anew adds up the same. Pure.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median

from monitoring.alerts.judge import Comparison, Rule, Seen
from monitoring.metrics.catalog import TICK_S, Kind
from monitoring.metrics.tick import Key, Tick, beginning, shares

USUAL, WEEK, HOUR = timedelta(days=7), timedelta(days=7), timedelta(hours=1)
LOOKS_BACK = USUAL + 2 * HOUR
Sums = dict[str, float]
_BUCKETS = ((1_800, TICK_S), (10_800, 60))  # windows of up to so many seconds: their buckets' length
_LONG_BUCKET_S = 600


def bucket_s(window_s: int) -> int:
    return next((length for most, length in _BUCKETS if window_s <= most), _LONG_BUCKET_S)


@dataclass(slots=True)
class Window:
    """One count's running sum, by subject."""

    window_s: int
    _buckets: deque[tuple[datetime, Sums]] = field(default_factory=deque)
    _sums: Sums = field(default_factory=dict)

    def add(self, at: datetime, values: Mapping[str, float], step_s: int) -> None:
        begin = beginning(at, max(bucket_s(self.window_s), step_s))
        while self._buckets and self._buckets[-1][0] > begin:  # the clock went back
            self._take(self._buckets.pop()[1])
        if not self._buckets or self._buckets[-1][0] != begin:
            self._buckets.append((begin, {}))
        last = self._buckets[-1][1]
        for key, value in values.items():
            if value:
                last[key] = last.get(key, 0.0) + value
                self._sums[key] = self._sums.get(key, 0.0) + value
        first = at + timedelta(seconds=step_s - max(self.window_s, step_s))
        while len(self._buckets) > 1 and self._buckets[0][0] < beginning(first, bucket_s(self.window_s)):
            self._take(self._buckets.popleft()[1])

    def sum(self, key: str) -> float:
        return self._sums.get(key, 0.0)

    def keys(self) -> Collection[str]:
        return self._sums.keys()

    def _take(self, of: Sums) -> None:
        for key, value in of.items():
            left = self._sums[key] - value
            if left > 1e-9:
                self._sums[key] = left
            else:
                del self._sums[key]


@dataclass(slots=True)
class History:
    """What rules need of the past; `wants` says of which rules."""

    _windows: dict[tuple[str, str, int], Window] = field(default_factory=dict)
    _last: Tick | None = None

    def wants(self, rules: Iterable[Rule]) -> dict[tuple[str, str, int], Window]:
        """Windows that are new, and empty; those that nobody needs are dropped."""
        needed = {(name, rule.dimension, rule.window_s) for rule in rules if rule.metric.kind is not Kind.LEVEL for name in rule.metric.stored}
        new = {key: Window(key[2]) for key in needed if key not in self._windows}
        self._windows = {key: window for key, window in self._windows.items() if key in needed} | new
        return new

    def add(self, tick: Tick) -> None:
        if self._last is not None and self._last.at == tick.at:
            return
        for (name, dimension, _), window in self._windows.items():
            window.add(tick.at, tick.values.get((name, dimension), {}), tick.step_s)
        self._last = tick

    def seen(self, rule: Rule) -> Seen:
        """Of the last tick."""
        tick = self._last
        assert tick is not None, "no tick was added yet"
        collected = all((name, rule.dimension) in tick.values for name in rule.metric.stored)
        return Seen(tick.at, tick.step_s, collected, self._values(rule, tick) if collected else {})

    def _values(self, rule: Rule, tick: Tick) -> Mapping[str, float | None]:
        if rule.metric.kind is Kind.LEVEL:
            return tick.values[rule.metric.key, rule.dimension]
        windows = [self._windows[name, rule.dimension, rule.window_s] for name in rule.metric.stored]
        there = {*tick.values[rule.metric.stored[-1], rule.dimension], *windows[-1].keys(), *rule.subjects}
        if rule.metric.kind is Kind.COUNT:
            scale = min(1.0, rule.window_s / tick.step_s)  # of hours: as much as falls to a window
            return {key: windows[0].sum(key) * scale for key in there}
        least = max(1, rule.metric.floor)
        return {key: windows[0].sum(key) / of if (of := windows[1].sum(key)) >= least else None for key in there}


def as_kept(tick: Tick, wanted: Iterable[Key]) -> Tick:
    """What rules look at of it, to six digits, as metrics are stored: a preview must see what was seen live."""
    values = {key: {subject: float(f"{value:.6g}") for subject, value in tick.values[key].items()} for key in wanted if key in tick.values}
    return replace(tick, values=values)


class Usual:
    """A metric's hours, by subject: what a rule compares with its past."""

    def __init__(self, rule: Rule, hours: Iterable[Tick]) -> None:
        self.rule = rule
        self._hours = {tick.at: self._of(tick) for tick in hours}
        self._known = {key for of in self._hours.values() for key in of}
        self._memory: dict[tuple[str, datetime], float | None] = {}

    def of(self, key: str, at: datetime) -> float | None:
        """The last whole hour but one is the newest that counts: the last may not be written yet."""
        hour = beginning(at, 3600)
        if (key, hour) not in self._memory:
            self._memory[key, hour] = self._ago(key, hour) if self.rule.comparison is Comparison.TIMES_WEEK else self._median(key, hour)
        return self._memory[key, hour]

    def _ago(self, key: str, hour: datetime) -> float | None:
        return self._at(hour - WEEK, key)

    def _median(self, key: str, hour: datetime) -> float | None:
        wanted = (hour - HOUR * n for n in range(2, int((USUAL + HOUR) / HOUR) + 1))
        values = [value for at in wanted if (value := self._at(at, key)) is not None]
        return median(values) if values else None

    def _at(self, hour: datetime, key: str) -> float | None:
        """Of an hour in which anything was counted, who is known and not in it had none."""
        none = 0.0 if self.rule.metric.kind is Kind.COUNT and key in self._known else None
        return self._hours[hour].get(key, none) if hour in self._hours else None

    def _of(self, tick: Tick) -> Mapping[str, float]:
        counted = [tick.values.get((name, self.rule.dimension), {}) for name in self.rule.metric.stored]
        if self.rule.metric.kind is Kind.LEVEL:
            return dict(counted[0])
        if self.rule.metric.kind is Kind.COUNT:
            return {key: value * min(1.0, self.rule.window_s / 3600) for key, value in counted[0].items()}
        return shares(counted[0], counted[1], self.rule.metric.floor)


def looks_back_s(rules: Iterable[Rule]) -> int:
    """How far windows reach."""
    return max((rule.window_s for rule in rules if rule.metric.kind is not Kind.LEVEL), default=0)


def wanted_of(rules: Iterable[Rule]) -> list[Key]:
    """What is read of a tick."""
    return sorted({(name, rule.dimension) for rule in rules for name in rule.metric.stored})
