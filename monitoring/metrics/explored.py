"""Explored: reads what a question of the explorer asks for. Two charts' statements, one for the least and most, names and choices. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailplatform.shell.database.rows import select
from monitoring.metrics import grain as grains
from monitoring.metrics import read
from monitoring.metrics.catalog import Dimension, Kind
from monitoring.metrics.explore import MOST_COMPARED, WEEK, Line, Question, Told, by_the_minute, laid_over, look_of, told
from monitoring.metrics.models import MetricSubject

MOST_POINTS, MOST_IN_FILE, MOST_CHOICES = 400, 4000, 300
_EXTREMES = """
SELECT s.key, min(coalesce(t.lows[p.place], t.values[p.place]))::float8, max(coalesce(t.highs[p.place], t.values[p.place]))::float8
  FROM {table} t CROSS JOIN (SELECT id, key FROM monitoring_metricsubject WHERE dimension = %(dimension)s AND key = ANY (%(keys)s)) s
 CROSS JOIN LATERAL (SELECT array_position(t.subjects, s.id) AS place) p
 WHERE t.metric = %(metric)s AND t.dimension = %(dimension)s AND t.at >= %(since)s AND t.at < %(until)s AND p.place IS NOT NULL GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Answer:
    lines: Mapping[str, Line]  # by subject; counts by the minute
    before: Mapping[str, Line]  # of the week before, at the same times
    labels: Mapping[str, str]
    rows: tuple[Told, ...]
    step_s: float


def answer(asked: Question) -> Answer:
    raw = lines_of(asked, asked.since, asked.until, MOST_POINTS)
    keys = list(raw)
    lines = {key: _shown(asked, line, asked.until) for key, line in raw.items()}
    before = _before(asked, keys, lines) if asked.compare else {}
    labels = labels_of(asked.dimension, keys)
    first = next(iter(lines.values()), ())
    step_s = (first[1][0] - first[0][0]).total_seconds() if len(first) > 1 else 0.0
    extremes = _extremes(asked, keys, step_s)
    rows = [
        told(labels[key], look_of(place), lines[key], extremes.get(key), _total(asked, raw[key]), before.get(key)) for place, key in enumerate(keys)
    ]
    return Answer(lines, before, labels, tuple(rows), step_s)


def lines_of(asked: Question, since: datetime, until: datetime, most: int) -> dict[str, Line]:
    """As they are kept: counts as sums of their steps."""
    found = read.points(asked.metric.key, asked.dimension, list(asked.subjects) or None, since, until, most)
    return {key: tuple(points) for key, points in list(found.items())[: asked.top if not asked.subjects else None]}


def labels_of(dimension: str, keys: Sequence[str]) -> dict[str, str]:
    if dimension == Dimension.ALL:
        return dict.fromkeys(keys, "all")
    known = dict(MetricSubject.objects.filter(dimension=dimension, key__in=keys).values_list("key", "label"))
    return {key: known.get(key, key) for key in keys}


def choices(asked: Question) -> list[MetricSubject]:
    """Who may be chosen: those that had a value lately; of what is asked for, always."""
    if asked.dimension == Dimension.ALL:
        return []
    found = read.subjects_of(asked.metric.key, asked.dimension)[:MOST_CHOICES]
    here = {one.key for one in found}
    missing = [key for key in asked.subjects if key not in here]
    return [*MetricSubject.objects.filter(dimension=asked.dimension, key__in=missing), *found] if missing else found


def _shown(asked: Question, line: Line, until: datetime) -> Line:
    return by_the_minute(line, until) if asked.is_rate else line


def _before(asked: Question, keys: Sequence[str], lines: Mapping[str, Line]) -> dict[str, Line]:
    since, until = asked.since - WEEK, asked.until - WEEK
    wanted = keys[:MOST_COMPARED]
    if not wanted:
        return {}
    found = read.points(asked.metric.key, asked.dimension, wanted, since, until, MOST_POINTS)
    times = [at for at, _ in next(iter(lines.values()))]
    return {key: laid_over(_shown(asked, tuple(found[key]), until), times, WEEK) for key in wanted}


def _extremes(asked: Question, keys: Sequence[str], step_s: float) -> dict[str, tuple[float | None, float | None]]:
    """Of levels whose points are averages of minutes or hours; of ticks the points are all there is."""
    if asked.metric.kind is not Kind.LEVEL or step_s < 60 or not keys:
        return {}
    table, more = grains.source(grains.of_step(step_s), asked.since)
    asked_for = {"metric": asked.metric.key, "dimension": asked.dimension, "keys": list(keys), "since": asked.since, "until": asked.until}
    return {key: (low, high) for key, low, high in select(_EXTREMES.format(table=table), asked_for | more)}


def _total(asked: Question, line: Line) -> float | None:
    if not asked.is_rate:
        return None
    known = [value for _, value in line if value is not None]
    return sum(known) if known else None


def table_of(asked: Question) -> list[tuple[datetime, str, str, float]]:
    """Everything that is known of it, for a file: (at, key, label, value), counts as sums of their steps."""
    lines = lines_of(asked, asked.since, asked.until, MOST_IN_FILE)
    labels = labels_of(asked.dimension, list(lines))
    return [(at, key, labels[key], value) for key, line in lines.items() for at, value in line if value is not None]
