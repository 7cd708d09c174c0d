"""Store: ticks are kept, rolled up to minutes, hours and days, and forgotten in time.

Owns: the tables of metrics. Promises: a tick that is there already changes nothing (two collectors at a takeover, a clock that went back); a minute, an hour
and a day are made of what is kept of them, once they are over, and may be made again; whoever takes over makes those that are missing, a few at a time; so is
forgotten. Never: holds a value in memory alone. How it fails: as the database does; the next tick makes up for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from monitoring.metrics.catalog import CALENDAR, METRICS, Kind
from monitoring.metrics.policy import policy
from monitoring.metrics.tick import Tick, beginning

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MINUTES_AT_ONCE, HOURS_AT_ONCE, DAYS_AT_ONCE = 15, 2, 2
FORGOTTEN_AT_ONCE = 200  # rows of one metric, each minute
_COUNTS = [key for key, metric in METRICS.items() if metric.kind is Kind.COUNT]
_PAIRS = [(metric.key, str(dimension)) for metric in METRICS.values() if metric.kind is not Kind.SHARE for dimension in metric.dimensions]

_SUBJECTS = """
INSERT INTO monitoring_metricsubject AS s (dimension, key, label) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])
ON CONFLICT (dimension, key) DO UPDATE SET label = excluded.label RETURNING dimension, key, id
"""
_TICK = """
INSERT INTO monitoring_metrictick (metric, dimension, at, subjects, values)
SELECT metric, dimension, %s, subjects::int4[], values::float4[]
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS u(metric, dimension, subjects, values)
ON CONFLICT (metric, dimension, at) DO NOTHING
"""
# Of minutes, hours and days a level's average is that of the averages: every tick of it was there, or it was not measured. Where nothing varied, least and most
# are left out: most levels stand still most of the time.
_ROLL_UP = """
INSERT INTO {into} (metric, dimension, at, subjects, values, lows, highs)
SELECT metric, dimension, %(at)s, array_agg(subject ORDER BY subject), array_agg(value ORDER BY subject),
       CASE WHEN bool_or(low < high) AND metric <> ALL (%(counts)s) THEN array_agg(low ORDER BY subject) END,
       CASE WHEN bool_or(low < high) AND metric <> ALL (%(counts)s) THEN array_agg(high ORDER BY subject) END
  FROM (SELECT t.metric, t.dimension, u.subject,
               CASE WHEN t.metric = ANY (%(counts)s) THEN sum(u.value) ELSE avg(u.value) END::float4 AS value, min({low}) AS low, max({high}) AS high
          FROM unnest(%(metrics)s::text[], %(dimensions)s::text[]) AS k(metric, dimension)
          JOIN {of} t ON t.metric = k.metric AND t.dimension = k.dimension AND t.at >= %(at)s AND t.at < %(until)s
         CROSS JOIN LATERAL unnest(t.subjects, t.values {more}) AS u(subject, value {names}) GROUP BY 1, 2, 3) sums
 GROUP BY 1, 2
ON CONFLICT (metric, dimension, at) DO UPDATE SET subjects = excluded.subjects, values = excluded.values, lows = excluded.lows, highs = excluded.highs
"""
_TO_MINUTE = _ROLL_UP.format(into="monitoring_metricminute", of="monitoring_metrictick", low="u.value", high="u.value", more="", names="")
_AGAIN = {"low": "coalesce(u.low, u.value)", "high": "coalesce(u.high, u.value)", "more": ", t.lows, t.highs", "names": ", low, high"}
_TO_HOUR = _ROLL_UP.format(into="monitoring_metrichour", of="monitoring_metricminute", **_AGAIN)
_TO_DAY = _ROLL_UP.format(into="monitoring_metricday", of="monitoring_metrichour", **_AGAIN)
_FIRST = "SELECT min(at) FROM {table} WHERE metric = %s AND dimension = 'all' AND at >= %s"
_LAST = "SELECT max(at) FROM {table} WHERE metric = %s AND dimension = 'all' AND at <= %s"
_FORGET = """
DELETE FROM {table} WHERE ctid = ANY (ARRAY(
    SELECT old.ctid FROM unnest(%s::text[], %s::text[]) AS k(metric, dimension)
     CROSS JOIN LATERAL (SELECT ctid FROM {table} t WHERE t.metric = k.metric AND t.dimension = k.dimension AND t.at < %s ORDER BY t.at LIMIT %s) old))
"""


_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_STEPS = {
    MINUTE: ("monitoring_metricminute", "monitoring_metrictick", _TO_MINUTE, MINUTES_AT_ONCE),
    HOUR: ("monitoring_metrichour", "monitoring_metricminute", _TO_HOUR, HOURS_AT_ONCE),
    DAY: ("monitoring_metricday", "monitoring_metrichour", _TO_DAY, DAYS_AT_ONCE),
}


@dataclass(slots=True)
class Store:
    """Who keeps ticks, and what it knows of what is kept."""

    _ids: dict[tuple[str, str], int] = field(default_factory=dict)
    _labels: dict[tuple[str, str], str] = field(default_factory=dict)
    _minute: datetime | None = None  # up to here minutes are made
    _hour: datetime | None = None
    _day: datetime | None = None
    _forgotten: datetime | None = None

    def keep(self, tick: Tick) -> None:
        with transaction.atomic():
            self._know(tick)
            self._write(tick)
        if self._minute != beginning(tick.at, 60):
            self._roll_up(tick.at)
        if self._forgotten != beginning(tick.at, 60):
            self._forget(tick.at)
            self._forgotten = beginning(tick.at, 60)

    def _know(self, tick: Tick) -> None:
        """Every subject's number, and its name as it is now. Only those that have a value."""
        wanted = {(dimension, key) for (_, dimension), of in tick.values.items() for key in of}
        new = [one for one in wanted if one not in self._ids or tick.labels.get(one, self._labels[one]) != self._labels[one]]
        if not new:
            return
        new.sort()
        labels = [(tick.labels.get(one) or _words(one[1]))[:200] for one in new]
        with connection.cursor() as cursor:
            cursor.execute(_SUBJECTS, [[one[0] for one in new], [one[1][:120] for one in new], labels])
            found = {(dimension, key): id_ for dimension, key, id_ in cursor.fetchall()}
        for one, label in zip(new, labels, strict=True):
            self._ids[one], self._labels[one] = found[one[0], one[1][:120]], tick.labels.get(one, label)

    def _write(self, tick: Tick) -> None:
        metrics, dimensions, subjects, values = [], [], [], []
        for (metric, dimension), of in tick.values.items():
            metrics.append(metric)
            dimensions.append(str(dimension))
            pairs = sorted((self._ids[dimension, key], value) for key, value in of.items())
            subjects.append(_array(id_ for id_, _ in pairs))
            values.append(_array(f"{value:.6g}" for _, value in pairs))
        with connection.cursor() as cursor:
            cursor.execute(_TICK, [tick.at, metrics, dimensions, subjects, values])

    def _roll_up(self, at: datetime) -> None:
        """Minutes that are over, then hours whose minutes are made, then days whose hours are; a former collector's too."""
        self._minute = self._advance(MINUTE, self._minute, beginning(at, 60))
        self._hour = self._advance(HOUR, self._hour, beginning(self._minute, 3600))
        self._day = self._advance(DAY, self._day, beginning(self._hour, 86_400))

    def _advance(self, step: timedelta, known: datetime | None, over: datetime) -> datetime:
        """Make what is missing until `over`, a few at a time; up to where all is made. Who takes over, or finds itself after a clock that went back,
        makes the last one again: it may have had half of it."""
        into, of, _, most = _STEPS[step]
        position = known if known is not None and known <= over else self._ask(_LAST.format(table=into), over) or _EVER
        for _ in range(most):
            if position >= over:
                return over
            first = self._ask(_FIRST.format(table=of), position)
            if first is None or first >= over:
                return over
            position = beginning(first, int(step.total_seconds()))
            self.make(step, position)
            position += step
        return min(position, over)

    def _ask(self, sql: str, bound: datetime) -> datetime | None:
        with connection.cursor() as cursor:
            cursor.execute(sql, [CALENDAR, bound])
            found: datetime | None = cursor.fetchone()[0]
        return found

    def make(self, step: timedelta, at: datetime) -> None:
        """One minute, hour or day, of what is kept of it."""
        sql = _STEPS[step][2]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL jit = off")
            cursor.execute(sql, {"at": at, "until": at + step, "counts": _COUNTS, "metrics": [m for m, _ in _PAIRS], "dimensions": [d for _, d in _PAIRS]})

    def _forget(self, at: datetime) -> None:
        kept = policy()
        tables = (
            ("monitoring_metrictick", timedelta(hours=kept.ticks_hours)),
            ("monitoring_metricminute", timedelta(days=kept.minutes_days)),
            ("monitoring_metrichour", timedelta(days=kept.hours_days)),
            ("monitoring_metricday", timedelta(days=kept.hours_days)),
        )
        with connection.cursor() as cursor:
            for table, keep in tables:
                cursor.execute(_FORGET.format(table=table), [[m for m, _ in _PAIRS], [d for _, d in _PAIRS], at - keep, FORGOTTEN_AT_ONCE])


_store = Store()


def keep(tick: Tick) -> None:
    """In the collecting process."""
    _store.keep(tick)


def _array(of: Iterable[object]) -> str:
    return "{" + ",".join(map(str, of)) + "}"


def _words(key: str) -> str:
    return key.replace("_", " ")
