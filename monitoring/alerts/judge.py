"""Judge: what a rule says of its subjects at a tick. Pure: no database, no clock.

Owns: when a subject fires and when it is well again. Promises: the same ticks give the same changes, live and in a preview; a tick that is seen twice changes
nothing; time is counted by the ticks that were seen, so a gap or a clock that jumps fires nothing by itself. Never: tells anybody.

A subject that breaches gathers the lengths of its ticks; with `for_s` of them without a break it fires. It is well again after `clear_for_s` on the other side
of `clear`; between the two numbers it stays what it was. Who has no value in a metric that was collected is gone, and counts as well. Of a metric that was not
collected, or a share of too few, nothing is known: a breach that has not fired waits, for a few ticks; one that fires goes on, until nothing was known for
UNKNOWN_S.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from monitoring.metrics.catalog import Kind, Metric

GAP = 3  # ticks: after a longer pause a breach begins anew
UNKNOWN_S = 1_800.0  # nothing known for so long: it is not said any longer
FORGOTTEN, REMEMBERED = timedelta(days=1), timedelta(hours=1)  # a subject without data for so long is not missed any more; how exactly that is known
ALL = "all"
WORSE = 1.5  # times as bad as last said is said again


class Comparison(StrEnum):
    """As AlertRule's."""

    ABOVE = "above"
    BELOW = "below"
    TIMES_MEDIAN = "times_median"
    TIMES_WEEK = "times_week"
    NO_DATA = "no_data"


OF_PAST = frozenset({Comparison.TIMES_MEDIAN, Comparison.TIMES_WEEK})  # their numbers are so many times


@dataclass(frozen=True, slots=True)
class Rule:
    """What is judged. Times in seconds; `subjects` empty: each."""

    id: int
    metric: Metric
    dimension: str
    comparison: Comparison
    threshold: float = 0.0
    subjects: frozenset[str] = frozenset()
    clear: float | None = None
    at_least: float | None = None
    window_s: int = 300
    for_s: float = 180.0
    clear_for_s: float = 60.0

    @property
    def compares_past(self) -> bool:
        return self.comparison in OF_PAST

    @property
    def key(self) -> str:
        """What it is a rule about: with another, what it counted so far means nothing."""
        return f"{self.metric.key} {self.dimension} {self.comparison}"


@dataclass(frozen=True, slots=True)
class Subject:
    """How one stands: breaching, or firing since `fired_at`."""

    since: datetime  # of the first tick that breached
    held_s: float = 0.0  # for so long without a break
    fired_at: datetime | None = None
    well_s: float = 0.0  # firing, and for so long well
    unknown_s: float = 0.0
    worst: float | None = None
    told: float | None = None  # as bad as was said


@dataclass(frozen=True, slots=True)
class Standing:
    key: str = ""
    at: datetime | None = None  # the last tick
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    known: Mapping[str, datetime] = field(default_factory=dict)  # no data: who had some, and when last

    @property
    def firing(self) -> frozenset[str]:
        return frozenset(key for key, one in self.subjects.items() if one.fired_at)


class What(StrEnum):
    FIRED = "fired"
    WORSE = "worse"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Change:
    what: What
    subject: str
    at: datetime
    since: datetime
    value: float | None  # None: nothing is known of it
    worst: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A rule's metric at a tick: levels, or sums and shares over the window (None: of too few). `collected`: it was; who has no value then has none."""

    at: datetime
    step_s: float
    collected: bool
    values: Mapping[str, float | None]


Past = Callable[[str], float | None]


class _Is(StrEnum):
    BREACHED = "breached"
    BETWEEN = "between"
    WELL = "well"
    UNKNOWN = "unknown"


def judge(rule: Rule, standing: Standing, seen: Seen, past: Past = lambda _: None, hurry: float = 1.0) -> tuple[Standing, list[Change]]:
    """`past`: a subject's usual, or a week ago. `hurry` shortens the rule's times; for tests."""
    if standing.at == seen.at:
        return standing, []
    if standing.key != rule.key:
        standing = Standing(rule.key)
    broken = standing.at is None or not timedelta() < seen.at - standing.at <= timedelta(seconds=GAP * seen.step_s)
    known = _known(rule, standing, seen)
    subjects: dict[str, Subject] = {}
    changes: list[Change] = []
    for key in sorted(_asked(rule, standing, seen, known)):
        value = seen.values.get(key)
        verdict = _verdict(rule, key, seen, known, past)
        after, change = _next(rule, key, standing.subjects.get(key), verdict, value, seen, broken, hurry)
        if after is not None:
            subjects[key] = after
        if change is not None:
            changes.append(change)
    return Standing(rule.key, seen.at, subjects, known), changes


def _asked(rule: Rule, standing: Standing, seen: Seen, known: Mapping[str, datetime]) -> Collection[str]:
    everybody = {*seen.values, *known, *({ALL} if rule.dimension == ALL else ())}
    return {*(rule.subjects or everybody), *standing.subjects}


def _known(rule: Rule, standing: Standing, seen: Seen) -> dict[str, datetime]:
    """When last, to the hour: it is kept, and would be written anew each tick."""
    if rule.comparison is not Comparison.NO_DATA:
        return {}
    recently = {key: at for key, at in standing.known.items() if abs(seen.at - at) <= FORGOTTEN}
    return recently | {key: seen.at for key in seen.values if key not in recently or abs(seen.at - recently[key]) > REMEMBERED}


def _verdict(rule: Rule, key: str, seen: Seen, known: Mapping[str, datetime], past: Past) -> _Is:
    if rule.subjects and key not in rule.subjects:
        return _Is.WELL
    value = seen.values.get(key)
    if rule.comparison is Comparison.NO_DATA:
        counted = seen.collected and rule.metric.kind is not Kind.LEVEL  # nothing happened: that is data
        missed = rule.subjects or rule.dimension == ALL or key in known
        return _Is.BREACHED if missed and key not in seen.values and not counted else _Is.WELL
    if value is None:
        return _Is.WELL if seen.collected and key not in seen.values else _Is.UNKNOWN
    return _compared(rule, key, value, past)


def _compared(rule: Rule, key: str, value: float, past: Past) -> _Is:
    if rule.comparison is Comparison.BELOW:
        clear = rule.threshold if rule.clear is None else rule.clear
        return _Is.BREACHED if value < rule.threshold else _Is.WELL if value >= clear else _Is.BETWEEN
    threshold, clear = rule.threshold, rule.threshold if rule.clear is None else rule.clear
    if rule.compares_past:
        before = past(key)
        if before is None:
            return _Is.UNKNOWN
        threshold, clear = threshold * before, clear * before
    if rule.at_least is not None and value < rule.at_least:
        return _Is.WELL
    return _Is.BREACHED if value > threshold else _Is.WELL if value <= clear else _Is.BETWEEN


def _next(
    rule: Rule, key: str, before: Subject | None, verdict: _Is, value: float | None, seen: Seen, broken: bool, hurry: float
) -> tuple[Subject | None, Change | None]:
    if before is not None and before.fired_at is not None:
        return _firing(rule, key, before, verdict, value, seen, broken, hurry)
    if verdict is _Is.UNKNOWN and before is not None and not broken:
        unknown_s = before.unknown_s + seen.step_s
        return (replace(before, unknown_s=unknown_s) if unknown_s <= GAP * seen.step_s else None), None
    if verdict is not _Is.BREACHED:
        return None, None
    if before is None or broken:
        before = Subject(seen.at)
    worst = _worse(rule, before.worst, value)
    held_s = before.held_s + seen.step_s
    if held_s < rule.for_s * hurry:
        return replace(before, held_s=held_s, worst=worst, unknown_s=0.0), None
    fired = replace(before, held_s=held_s, fired_at=seen.at, worst=worst, told=value, unknown_s=0.0)
    return fired, Change(What.FIRED, key, seen.at, before.since, value, worst)


def _firing(
    rule: Rule, key: str, before: Subject, verdict: _Is, value: float | None, seen: Seen, broken: bool, hurry: float
) -> tuple[Subject | None, Change | None]:
    worst = _worse(rule, before.worst, value)
    unknown_s = before.unknown_s + seen.step_s if verdict is _Is.UNKNOWN else 0.0
    well_s = (0.0 if broken else before.well_s) + seen.step_s if verdict is _Is.WELL else before.well_s if verdict is _Is.UNKNOWN else 0.0
    if (verdict is _Is.WELL and well_s >= rule.clear_for_s * hurry) or unknown_s >= UNKNOWN_S:
        return None, Change(What.CLEARED, key, seen.at, before.since, value, worst)
    after = replace(before, worst=worst, well_s=well_s, unknown_s=unknown_s)
    if verdict is _Is.BREACHED and value is not None and _is_much_worse(rule, before.told, value):
        return replace(after, told=value), Change(What.WORSE, key, seen.at, before.since, value, worst)
    return after, None


def _worse(rule: Rule, before: float | None, value: float | None) -> float | None:
    if before is None or value is None:
        return value if before is None else before
    return min(before, value) if rule.comparison is Comparison.BELOW else max(before, value)


def _is_much_worse(rule: Rule, told: float | None, value: float) -> bool:
    if told is None:
        return False
    return value < told / WORSE if rule.comparison is Comparison.BELOW else value > max(told, 0.0) * WORSE


# -- as it is kept ---------------------------------------------------------------------------------------------------------
def to_json(standing: Standing) -> dict[str, Any]:
    subjects = {
        key: {"since": one.since.isoformat(), "held_s": one.held_s, "fired_at": one.fired_at.isoformat() if one.fired_at else None, "well_s": one.well_s,
              "unknown_s": one.unknown_s, "worst": one.worst, "told": one.told}
        for key, one in standing.subjects.items()
    }  # fmt: skip
    return {"key": standing.key, "subjects": subjects, "known": {key: at.isoformat() for key, at in standing.known.items()}}


def from_json(state: Mapping[str, Any], at: datetime) -> Standing:
    subjects = {
        key: Subject(
            datetime.fromisoformat(one["since"]), one["held_s"], datetime.fromisoformat(one["fired_at"]) if one["fired_at"] else None, one["well_s"],
            one["unknown_s"], one["worst"], one["told"],
        )
        for key, one in state.get("subjects", {}).items()
    }  # fmt: skip
    return Standing(state.get("key", ""), at, subjects, {key: datetime.fromisoformat(of) for key, of in state.get("known", {}).items()})
