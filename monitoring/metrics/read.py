"""Read: metrics for charts, rules and previews. Subjects go by their keys.

Promises: ticks while they are kept, before that minutes, before that hours, of which charts of many months are made by the day; at most so many points as were
asked for; what was not measured is None, and so is a share of too few. A count that somebody has no value of, in a row that is there, is 0. Never: writes.
Large dimensions are read for those subjects only that are asked for; asked for none in particular, for the MOST_SUBJECTS that had most.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Literal

from mailplatform.shell.clock import now
from mailplatform.shell.database.rows import select
from monitoring.metrics import grain as grains
from monitoring.metrics.catalog import CALENDAR, METRICS, Kind, Metric
from monitoring.metrics.grain import GRAINS, HOUR, TICK, Grain
from monitoring.metrics.models import MetricSubject
from monitoring.metrics.tick import Tick, beginning, shares, sums

MOST_SUBJECTS = 20
Point = tuple[datetime, float | None]


# Each subject's place in a row's arrays is looked up: a row of two hundred is not unfolded for one of them.
_POINTS = """
SELECT extract(epoch FROM date_bin(make_interval(secs => %(step)s), t.at, 'epoch'))::float8, k.subject,
       {fold}(t.values[array_position(t.subjects, k.subject)])::float8
  FROM {table} t CROSS JOIN unnest(%(subjects)s::int4[]) AS k(subject)
 WHERE t.metric = %(metric)s AND t.dimension = %(dimension)s AND t.at >= %(since)s AND t.at < %(until)s GROUP BY 1, 2
"""
_MOST = """
SELECT u.subject FROM (SELECT subjects, values FROM {table} t WHERE metric = %(metric)s AND dimension = %(dimension)s AND at >= %(since)s AND at < %(until)s
                        ORDER BY at DESC LIMIT 30) t CROSS JOIN LATERAL unnest(t.subjects, t.values) AS u(subject, value)
 GROUP BY 1 ORDER BY sum(u.value) {order}, 1 LIMIT %(most)s
"""
_ROWS = """
SELECT t.at, t.metric, t.dimension, t.subjects, t.values FROM {table} t
  JOIN unnest(%(metrics)s::text[], %(dimensions)s::text[]) AS k(metric, dimension) ON t.metric = k.metric AND t.dimension = k.dimension
 WHERE t.at >= %(since)s AND t.at < %(until)s ORDER BY t.at
"""
_MEASURED = "SELECT max(at) FROM monitoring_metrictick WHERE metric = %s AND dimension = 'all'"
_LATEST = "SELECT subjects, values FROM {table} WHERE metric = %s AND dimension = %s AND at > %s AND at <= %s ORDER BY at DESC LIMIT 1"


def points(
    metric: str, dimension: str, subjects: Sequence[str] | None, since: datetime, until: datetime, most: int = 400
) -> dict[str, list[Point]]:
    """By subject, the same moments for all. None: those that had most (or least, where low is bad)."""
    what = METRICS[metric]
    window = timedelta(seconds=what.window_s if what.kind is Kind.SHARE else 0)
    grain = grains.of_time(since - window, until, most)
    step_s = grains.step_of(grain, since, until, most)
    since = beginning(since, step_s)
    counted = what.stored
    ids = _ids(dimension, subjects) if subjects is not None else _most(what, counted[0], dimension, since, until, grain)
    times = [since + timedelta(seconds=step_s * n) for n in range(max(0, -int(-(until - since).total_seconds() // step_s)))]
    if not ids or not times:
        return {key: [(at, None) for at in times] for key in subjects or ()}
    before = max(0, -(-(what.window_s - step_s) // step_s)) if what.kind is Kind.SHARE else 0
    read = [_read(name, dimension, ids, since - timedelta(seconds=before * step_s), until, step_s, grain, what.kind) for name in counted]
    if what.kind is Kind.SHARE:
        found = {key: _shares(read[0], read[1], id_, times, step_s, before, what.floor) for key, id_ in ids.items()}
    else:
        found = {key: [(at, _value(read[0], at, id_, what.kind)) for at in times] for key, id_ in ids.items()}
    return found | {key: [(at, None) for at in times] for key in subjects or () if key not in found}


def ticks(
    since: datetime, until: datetime, wanted: Collection[tuple[str, str]], step: Literal["tick", "minute", "hour", "best"] = "best"
) -> Iterator[Tick]:
    """In order. Shares are asked for by their counts, which are what is kept."""
    pairs = sorted({(count, dimension) for metric, dimension in wanted for count in METRICS[metric].stored})
    keys = dict(MetricSubject.objects.filter(dimension__in={dimension for _, dimension in pairs}).values_list("pk", "key"))
    for grain, begin, end in grains.covered(since, until) if step == "best" else [(GRAINS[step], since, until)]:
        yield from _ticks(grain, begin, end, pairs, keys)


def measured_at() -> datetime | None:
    """The beginning of the last tick; None: there is none."""
    at: datetime | None = select(_MEASURED, [CALENDAR])[0][0]
    return at


def latest(metric: str, dimension: str, within: timedelta = timedelta(minutes=1)) -> dict[str, float]:
    """As measured last, if that is not longer ago; of a share: over its window."""
    what, at = METRICS[metric], now()
    if what.kind is Kind.SHARE:
        since = at - timedelta(seconds=what.window_s)
        grain = grains.of_time(since, at, 400)
        pairs = [(name, dimension) for name in what.stored]
        ticks = list(_ticks(grain, since, at, pairs, _keys(dimension)))
        numerator, denominator = (sums(ticks, *pair) for pair in pairs)
        return shares(numerator, denominator, what.floor)
    rows = select(_LATEST.format(table=TICK.table), [metric, dimension, at - within, at])
    if not rows:
        return {}
    keys = _keys(dimension)
    return {keys[id_]: value for id_, value in zip(*rows[0], strict=True) if id_ in keys}


def labels(dimension: str) -> dict[str, str]:
    return dict(MetricSubject.objects.filter(dimension=dimension).values_list("key", "label"))


def subjects_of(metric: str, dimension: str) -> list[MetricSubject]:
    """Those that have had a value in the last day."""
    name, at = METRICS[metric].stored[0], now()
    sql = "SELECT DISTINCT unnest(subjects) FROM {} WHERE metric = %s AND dimension = %s AND at >= %s AND at <= %s"
    found = {row[0] for row in select(sql.format(HOUR.table), [name, dimension, at - timedelta(days=1), at])}
    found |= {row[0] for row in select(sql.format(TICK.table), [name, dimension, at - timedelta(minutes=10), at])}
    return list(MetricSubject.objects.filter(pk__in=found).order_by("label"))


# -- rows ------------------------------------------------------------------------------------------------------------------
Read = Mapping[datetime, Mapping[int, float | None]]


def _read(name: str, dimension: str, ids: Mapping[str, int], since: datetime, until: datetime, step_s: int, grain: Grain, kind: Kind) -> Read:
    fold = "avg" if kind is Kind.LEVEL else "sum"
    asked = {"step": step_s, "subjects": list(ids.values()), "metric": name, "dimension": dimension, "since": since, "until": until}
    found: dict[datetime, dict[int, float | None]] = {}
    table, more = grains.source(grain, since)
    for epoch, subject, value in select(_POINTS.format(table=table, fold=fold), asked | more):
        found.setdefault(datetime.fromtimestamp(epoch, since.tzinfo), {})[subject] = value
    return found


def _value(read: Read, at: datetime, id_: int, kind: Kind) -> float | None:
    row = read.get(at)
    value = row.get(id_) if row is not None else None
    return 0.0 if value is None and row is not None and kind is Kind.COUNT else value


def _shares(what: Read, of_what: Read, id_: int, times: Sequence[datetime], step_s: int, before: int, floor: int) -> list[Point]:
    """Of the sums over the window that ends with each step: differences of running sums. Without a row in that step there is nothing to tell."""
    everyone = [*(times[0] - timedelta(seconds=step_s * n) for n in range(before, 0, -1)), *times] if times else []
    sums = [list(accumulate((_value(read, at, id_, Kind.COUNT) or 0.0 for at in everyone), initial=0.0)) for read in (what, of_what)]
    made: list[Point] = []
    for place, at in enumerate(times):
        numerator, denominator = (of[place + before + 1] - of[place] for of in sums)
        told = at in of_what and denominator >= max(1, floor)
        made.append((at, numerator / denominator if told else None))
    return made


def _ticks(grain: Grain, since: datetime, until: datetime, pairs: Sequence[tuple[str, str]], keys: Mapping[int, str]) -> Iterator[Tick]:
    """An hour of ticks, a day of minutes or a month of hours at a time."""
    piece = timedelta(seconds=grain.step_s * 720)
    asked = {"metrics": [metric for metric, _ in pairs], "dimensions": [dimension for _, dimension in pairs]}
    while since < until:
        found: dict[datetime, dict[tuple[str, str], dict[str, float]]] = {}
        for at, metric, dimension, subjects, values in select(_ROWS.format(table=grain.table), asked | {"since": since, "until": min(until, since + piece)}):
            found.setdefault(at, {})[metric, dimension] = {keys[id_]: value for id_, value in zip(subjects, values, strict=True) if id_ in keys}
        yield from (Tick(at, found[at], step_s=grain.step_s) for at in sorted(found))
        since += piece


def _most(what: Metric, name: str, dimension: str, since: datetime, until: datetime, grain: Grain) -> dict[str, int]:
    order = "ASC" if what.low_is_bad else "DESC"
    asked = {"metric": name, "dimension": dimension, "since": since, "until": until, "most": MOST_SUBJECTS}
    table, more = grains.source(grain, since)
    found = [row[0] for row in select(_MOST.format(table=table, order=order), asked | more)]
    keys = dict(MetricSubject.objects.filter(pk__in=found).values_list("pk", "key"))
    return {keys[id_]: id_ for id_ in found if id_ in keys}


def _ids(dimension: str, keys: Sequence[str]) -> dict[str, int]:
    return dict(MetricSubject.objects.filter(dimension=dimension, key__in=keys).values_list("key", "pk"))


def _keys(dimension: str) -> dict[int, str]:
    return dict(MetricSubject.objects.filter(dimension=dimension).values_list("pk", "key"))
