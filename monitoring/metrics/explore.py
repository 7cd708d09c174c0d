"""Explore: what somebody asks of the metrics, and what is drawn and said of the answer. Pure.

A question is its address: metric, dimension, subjects or how many of those that have most, a span, whether to compare with the week before. What cannot be
asked falls back to what can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from mailplatform.shell.charts import Chart, Series
from mailplatform.shell.formats import listed
from monitoring.metrics.catalog import METRICS, Dimension, Kind, Metric, Unit
from monitoring.metrics.figure import axis, figure

WEEK, MINUTE_S = timedelta(days=7), 60.0
SPANS: dict[str, tuple[str, timedelta]] = {
    "1h": ("the last hour", timedelta(hours=1)), "24h": ("the last 24 hours", timedelta(hours=24)), "7d": ("the last 7 days", timedelta(days=7)),
    "30d": ("the last 30 days", timedelta(days=30)), "1y": ("the last year", timedelta(days=365)),
}  # fmt: skip
OWN, LONGEST, SHORTEST = "own", timedelta(days=1100), timedelta(minutes=1)
TOPS = (3, 5, 8)
MOST_LINES, MOST_COMPARED = 8, 4
BY = {
    Dimension.ALL: "all together", Dimension.TLS_KIND: "kind of TLS error", Dimension.IP: "sending IP", Dimension.PATH: "path in trouble",
    Dimension.ENDPOINT: "endpoint", Dimension.CLUSTER: "cluster of jobs",
}  # fmt: skip
Line = tuple[tuple[datetime, float | None], ...]


@dataclass(frozen=True, slots=True)
class Question:
    metric: Metric
    dimension: str
    subjects: tuple[str, ...]  # empty: those that have most
    top: int
    span: str
    since: datetime
    until: datetime
    compare: bool = False

    @property
    def query(self) -> str:
        """The address that asks it again."""
        said: list[tuple[str, str]] = [("metric", self.metric.key), ("dimension", self.dimension), *(("subject", one) for one in self.subjects)]
        said += [("top", str(self.top))] if not self.subjects and self.dimension != Dimension.ALL else []
        said += [("span", self.span)]
        said += [("from", f"{self.since:%Y-%m-%dT%H:%M}"), ("until", f"{self.until:%Y-%m-%dT%H:%M}")] if self.span == OWN else []
        return urlencode([*said, ("compare", "yes")] if self.compare else said)

    @property
    def rule_query(self) -> str:
        """Of the form of a new alert rule."""
        subjects = self.subjects if self.dimension != Dimension.ALL else ()
        return urlencode([("metric", self.metric.key), ("dimension", self.dimension), *(("subject", one) for one in subjects)])

    @property
    def span_words(self) -> str:
        return SPANS[self.span][0] if self.span in SPANS else f"{self.since:%-d %b %Y, %H:%M} to {self.until:%-d %b %Y, %H:%M}"

    @property
    def is_rate(self) -> bool:
        return self.metric.kind is Kind.COUNT


@dataclass(frozen=True, slots=True)
class Told:
    """A line in figures, those of counts by the minute."""

    label: str
    look: str
    last: float | None
    least: float | None
    average: float | None
    most: float | None
    most_at: datetime | None
    total: float | None  # of counts
    before: float | None  # the average of the week before


def question(said: Mapping[str, str], subjects: Sequence[str], at: datetime) -> Question:
    """Of an address; what is missing or wrong is the usual."""
    metric = METRICS.get(said.get("metric", ""), METRICS["queue_ready"])
    dimension = said.get("dimension", "")
    if dimension not in metric.dimensions:
        dimension = str(metric.dimensions[0])
    span = said.get("span", "24h")
    since, until = _own(said, at) if span == OWN else (None, None)
    if since is None or until is None:
        span = span if span in SPANS else "24h"
        since, until = at - SPANS[span][1], at
    top = int(said["top"]) if said.get("top", "") in map(str, TOPS) else 5
    chosen = ("all",) if dimension == Dimension.ALL else tuple(dict.fromkeys(one[:120] for one in subjects if one and "\x00" not in one))[:MOST_LINES]
    return Question(metric, dimension, chosen, top, span, since, until, said.get("compare") == "yes")


def _own(said: Mapping[str, str], at: datetime) -> tuple[datetime | None, datetime | None]:
    try:
        since, until = (datetime.fromisoformat(said.get(name, "")).replace(tzinfo=UTC) for name in ("from", "until"))
    except ValueError:
        return None, None
    until = min(until, at)
    return (since, until) if SHORTEST <= until - since <= LONGEST else (None, None)


def by_words(dimension: str) -> str:
    return BY.get(Dimension(dimension), str(dimension).replace("_", " "))


def by_the_minute(line: Line, until: datetime) -> Line:
    """Counts of steps of any length, comparable; the last step may not be over."""
    if len(line) < 2:
        return line
    step_s = (line[1][0] - line[0][0]).total_seconds()
    return tuple((at, None if value is None else value * MINUTE_S / min(step_s, max(10.0, (until - at).total_seconds()))) for at, value in line)


def laid_over(line: Line, times: Sequence[datetime], by: timedelta) -> Line:
    """A line of before at the times of now: whatever its steps are."""
    if not line:
        return tuple((at, None) for at in times)
    step = line[1][0] - line[0][0] if len(line) > 1 else by
    made, place = [], 0
    for at in times:
        while place + 1 < len(line) and line[place + 1][0] <= at - by:
            place += 1
        begin, value = line[place]
        made.append((at, value if begin <= at - by < begin + step else None))
    return tuple(made)


def told(label: str, look: str, line: Line, extremes: tuple[float | None, float | None] | None, total: float | None, before: Line | None) -> Told:
    """`extremes`: the least and most of what the line's averages are of, where they are known."""
    known = [(at, value) for at, value in line if value is not None]
    if not known:
        return Told(label, look, None, None, None, None, None, total, _average(before))
    highest_at, highest = max(known, key=lambda one: one[1])
    least, most = extremes or (None, None)
    lowest = min(value for _, value in known)
    return Told(
        label, look, known[-1][1], lowest if least is None else min(least, lowest), _average(line), highest if most is None else max(most, highest), highest_at,
        total, _average(before),
    )  # fmt: skip


def _average(line: Line | None) -> float | None:
    known = [value for _, value in line or () if value is not None]
    return sum(known) / len(known) if known else None


def chart(asked: Question, lines: Mapping[str, Line], before: Mapping[str, Line], labels: Mapping[str, str]) -> Chart:
    """One line for each subject, the week before in dots."""
    size, unit = axis(asked.metric, [value for line in (*lines.values(), *before.values()) for _, value in line])
    series = []
    for place, (key, line) in enumerate(lines.items()):
        dash = "solid" if before else ("solid", "dash", "dots")[place % 3]
        series.append(Series(labels[key], _scaled(line, size), look_of(place), dash))
        if key in before:
            series.append(Series(f"{labels[key]}, a week before", _scaled(before[key], size), look_of(place), "dots"))
    times = [at for at, _ in next(iter(lines.values()), ())]
    title = asked.metric.words if asked.dimension == Dimension.ALL else f"{asked.metric.words} by {by_words(asked.dimension)}"
    unit = "/min" if asked.is_rate else unit
    note, percent = f"{asked.span_words}, UTC", asked.metric.unit is Unit.SHARE
    return Chart(title, label(asked, lines, labels), times, series, unit=unit, note=note, percent=percent, height=320)


def label(asked: Question, lines: Mapping[str, Line], labels: Mapping[str, str]) -> str:
    """What one sees in it."""
    said = []
    for key, line in lines.items():
        known = [value for _, value in line if value is not None]
        if known:
            said.append(f"{labels[key]} between {words(asked, min(known))} and {words(asked, max(known))}, {words(asked, known[-1])} last")
    return f"{asked.metric.words} over {asked.span_words}: {listed(said)}."


def words(asked: Question, value: float | None) -> str:
    if asked.is_rate and value is not None:
        return f"{figure(asked.metric, round(value, 1))} a minute"
    return figure(asked.metric, value)


def sentence(asked: Question, rows: Sequence[Told]) -> str:
    """The page's first line."""
    known = [row for row in rows if row.most is not None]
    if not known:
        return f"{asked.metric.words}: nothing of that was measured in {asked.span_words}."
    low = asked.metric.low_is_bad
    worst = min(known, key=lambda row: row.least or 0.0) if low else max(known, key=lambda row: row.most or 0.0)
    whose = "" if asked.dimension == Dimension.ALL else f" of {worst.label}"
    return f"{asked.metric.words}{whose}: {words(asked, worst.last)} last, {words(asked, worst.least if low else worst.most)} at {'least' if low else 'most'}."


def look_of(place: int) -> str:
    """The look of a chart's line."""
    return f"line-{place % MOST_LINES + 1}"


def _scaled(line: Line, size: float) -> list[float | None]:
    return [None if value is None else float(f"{value / size:.6g}") for _, value in line]


def narrowed(asked: Question, keys: Sequence[str]) -> Question:
    """The same question of those that were found."""
    return replace(asked, subjects=tuple(keys))
