"""Standing: what a tenant's own figures deserve: nothing, a warning, slowing, or holding the streams at fault. Pure.

Promises: acts only on what is surely so: the lower end of the rate's interval (Wilson's, one-sided 95 %) must reach the threshold, over at least the
floor of samples; tightens at once, eases one level at a time, after a minimum stay, by what was heard since, well below the threshold. A hold never ends
by itself. A stream on a dedicated pool is warned and no more: it hurts nobody else. Never: reads, writes, knows a clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from math import sqrt

from pools.neighbours.models import Level

Z = 1.645  # one-sided 95 %
EASES_BELOW = 0.8  # of the threshold: leaving a level asks for more than not entering it
LEAST_AT_FAULT = 20  # ended deliveries of one stream among several that are at fault together
ORDER = (Level.GOOD, Level.WARNED, Level.SLOWED, Level.HELD)


class Measure(StrEnum):
    BOUNCES = "bounces"
    COMPLAINTS = "complaints"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Shares, not percent; `floor` samples at least. None: that level is never reached by it."""

    warn: float
    slow: float | None
    hold: float | None
    floor: float

    def of(self, level: Level) -> float | None:
        return {Level.WARNED: self.warn, Level.SLOWED: self.slow, Level.HELD: self.hold}.get(level)


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy, as far as standing is decided by it."""

    bounces: Thresholds
    complaints: Thresholds
    suppressed: Thresholds
    stay: timedelta
    expires: timedelta

    def thresholds(self, measure: Measure) -> Thresholds:
        return {Measure.BOUNCES: self.bounces, Measure.COMPLAINTS: self.complaints, Measure.SUPPRESSED: self.suppressed}[measure]


@dataclass(frozen=True, slots=True)
class Sums:
    """What became of a stream's mail: decayed sums, and whole ones since the level last changed. `heard`: delivered where complaints are reported."""

    fast_ended: float = 0.0
    fast_bounced: float = 0.0
    long_ended: float = 0.0
    long_bounced: float = 0.0
    heard: float = 0.0
    complaints: float = 0.0
    submitted: float = 0.0
    suppressed: float = 0.0
    per_minute: float = 0.0
    since_ended: float = 0.0
    since_bounced: float = 0.0
    since_heard: float = 0.0
    since_complaints: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Sums)))


@dataclass(frozen=True, slots=True)
class StreamSums:
    """A stream with its sums; `shared`: its pool's IPs are others' too."""

    stream_id: int
    name: str
    shared: bool
    transactional: bool
    sums: Sums


@dataclass(frozen=True, slots=True)
class Rate:
    """A measured share, in which window, and how low it may really be."""

    measure: Measure
    window: str
    samples: float
    rate: float
    surely: float

    @property
    def percent(self) -> float:
        return 100 * self.rate


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rate deserves; stream 0: all of the tenant's together."""

    stream_id: int
    stream: str
    rate: Rate
    level: Level
    threshold: float


@dataclass(frozen=True, slots=True)
class Held:
    """A tenant's level as it is in force."""

    level: Level = Level.GOOD
    since: datetime | None = None
    streams: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """What changes: the level, the streams that are held in it, and why."""

    level: Level
    streams: frozenset[int]
    sentence: str
    findings: tuple[Finding, ...]


def surely(part: float, whole: float) -> float:
    """The lower end of Wilson's interval of part / whole."""
    if whole <= 0:
        return 0.0
    share, z2 = min(1.0, part / whole), Z * Z
    centre = share + z2 / (2 * whole)
    return max(0.0, (centre - Z * sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole))) / (1 + z2 / whole))


def rates(sums: Sums) -> tuple[Rate, ...]:
    """Every rate that is measured, with or without enough samples."""
    measured = (
        (Measure.BOUNCES, "hour", sums.fast_bounced, sums.fast_ended),
        (Measure.BOUNCES, "day", sums.long_bounced, sums.long_ended),
        (Measure.COMPLAINTS, "three days", sums.complaints, sums.heard),
        (Measure.SUPPRESSED, "day", sums.suppressed, sums.submitted),
    )
    return tuple(Rate(measure, window, whole, min(1.0, part / whole) if whole > 0 else 0.0, surely(part, whole)) for measure, window, part, whole in measured)


def find(streams: Sequence[StreamSums], rules: Rules) -> tuple[Finding, ...]:
    """What is surely too high, the worst first: by stream, and of all together, since a bad list may be spread over many streams."""
    found = [each for stream in streams for each in _of_one(stream.stream_id, stream.name, stream.sums, stream.shared, rules)]
    if len(streams) > 1 and (shared := [stream for stream in streams if stream.shared]):
        together = sum((stream.sums for stream in shared[1:]), shared[0].sums)
        worst = max((ORDER.index(each.level) for each in found), default=0)
        found += [each for each in _of_one(0, "", together, True, rules) if ORDER.index(each.level) > worst]
    return tuple(sorted(found, key=lambda each: (-ORDER.index(each.level), -each.rate.surely / each.threshold)))


def _of_one(stream_id: int, name: str, sums: Sums, shared: bool, rules: Rules) -> list[Finding]:
    found = []
    for rate in rates(sums):
        thresholds = rules.thresholds(rate.measure)
        if rate.samples < thresholds.floor:
            continue
        for level in reversed(ORDER[1:] if shared else ORDER[1:2]):
            limit = thresholds.of(level)
            if limit is not None and rate.surely >= limit:
                found.append(Finding(stream_id, name, rate, level, limit))
                break
    return found


def at_fault(streams: Sequence[StreamSums], findings: Sequence[Finding], rules: Rules) -> frozenset[int]:
    """The streams to hold: found by themselves, or those that make what was found of all together."""
    held = {each.stream_id for each in findings if each.level is Level.HELD}
    if 0 not in held:
        return frozenset(held)
    held.discard(0)
    for each in (each for each in findings if each.level is Level.HELD and each.stream_id == 0):
        for stream in streams:
            mine = [rate for rate in rates(stream.sums) if (rate.measure, rate.window) == (each.rate.measure, each.rate.window)]
            if stream.shared and any(rate.samples >= LEAST_AT_FAULT and rate.rate >= each.threshold for rate in mine):
                held.add(stream.stream_id)
    return frozenset(held)


def decide(now_is: Held, streams: Sequence[StreamSums], rules: Rules, at: datetime) -> Decision | None:
    """What changes, or None."""
    findings = find(streams, rules)
    wanted = findings[0].level if findings else Level.GOOD
    held = now_is.streams | at_fault(streams, findings, rules)
    if wanted is Level.HELD and not held:
        wanted = Level.SLOWED  # bad in all, and no stream of its own
    if ORDER.index(wanted) > ORDER.index(now_is.level) or (now_is.level is Level.HELD and held != now_is.streams):
        level = max(wanted, now_is.level, key=ORDER.index)
        return Decision(level, held if level is Level.HELD else frozenset(), sentence_of(findings[0]), findings)
    if now_is.level in (Level.GOOD, Level.HELD) or wanted is now_is.level:
        return None
    since = now_is.since or at
    if at - since >= rules.expires:
        return Decision(wanted, frozenset(), "Nothing more was heard against it.", findings)
    if at - since >= rules.stay and eased(streams, now_is.level, rules):
        below = ORDER[ORDER.index(now_is.level) - 1]
        return Decision(max(wanted, below, key=ORDER.index), frozenset(), _better(streams), findings)
    return None


def eased(streams: Sequence[StreamSums], level: Level, rules: Rules) -> bool:
    """Whether what was heard since shows that it is well below the level's thresholds."""
    total = _total(streams)
    bounces, complaints = rules.bounces.of(level), rules.complaints.of(level)
    if bounces is None or complaints is None or total.since_ended < rules.bounces.floor:
        return False
    few = total.since_complaints <= EASES_BELOW * complaints * max(total.since_heard, rules.complaints.floor)
    return few and total.since_bounced < EASES_BELOW * bounces * total.since_ended


def _total(streams: Sequence[StreamSums]) -> Sums:
    return sum((stream.sums for stream in streams), Sums())


def _better(streams: Sequence[StreamSums]) -> str:
    total = _total(streams)
    told = f"Since then {total.since_bounced:,.0f} of {total.since_ended:,.0f} ended deliveries bounced"
    return f"{told}, and {total.since_complaints:,.0f} complained."


WORDS = {
    Measure.BOUNCES: "bounce by its recipients' or its own fault",
    Measure.COMPLAINTS: "are complained about, where complaints are reported",
    Measure.SUPPRESSED: "are addressed to people who are on its own suppression list",
}


def sentence_of(finding: Finding) -> str:
    """Why, with the numbers."""
    rate, of = finding.rate, f" of the stream {finding.stream}" if finding.stream else ""
    shown = f"{rate.percent:.2f}".rstrip("0").rstrip(".")
    limit = f"{100 * finding.threshold:.2f}".rstrip("0").rstrip(".")
    return f"{shown} % of {rate.samples:,.0f} deliveries{of} {WORDS[rate.measure]} (in the last {rate.window}): more than {limit} %, surely."


def slowed_rate(streams: Sequence[StreamSums], share_percent: int, least_per_minute: int) -> int:
    """Deliveries a minute that a slowed tenant keeps for its marketing and notifications."""
    usual = sum(stream.sums.per_minute for stream in streams if not stream.transactional)
    return max(least_per_minute, int(usual * share_percent / 100))
