"""Grain: which of the four tables is read for a time, and how coarse. Reads the policy and how far days are made; writes nothing.

Days are made when they are over, at most two a minute: `source` says where the last one ends, and hours are read from there on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mailplatform.shell.clock import now
from mailplatform.shell.database.rows import select
from monitoring.metrics.catalog import CALENDAR, TICK_S
from monitoring.metrics.policy import policy
from monitoring.metrics.tick import beginning


@dataclass(frozen=True, slots=True)
class Grain:
    """One of the tables."""

    name: Literal["tick", "minute", "hour", "day"]
    step_s: int

    @property
    def table(self) -> str:
        return f"monitoring_metric{self.name}"


TICK, MINUTE, HOUR, DAY = Grain("tick", TICK_S), Grain("minute", 60), Grain("hour", 3600), Grain("day", 86_400)
GRAINS = {grain.name: grain for grain in (TICK, MINUTE, HOUR, DAY)}
_DAYS_END = f"SELECT max(at) + interval '1 day' FROM {DAY.table} WHERE metric = %s AND dimension = 'all'"
_DAYS_THEN_HOURS = f"""
(SELECT metric, dimension, at, subjects, values, lows, highs FROM {DAY.table} WHERE at < %(days_end)s UNION ALL
 SELECT metric, dimension, at, subjects, values, lows, highs FROM {HOUR.table} WHERE at >= %(days_end)s)
"""


def of_time(since: datetime, until: datetime, most: int) -> Grain:
    """The finest that covers the time, and no finer than is shown."""
    kept, at, span_s = policy(), now(), (until - since).total_seconds()
    if since >= at - timedelta(hours=kept.ticks_hours) and span_s / TICK.step_s <= 2 * most:
        return TICK
    if since >= at - timedelta(days=kept.minutes_days) and span_s / MINUTE.step_s <= 4 * most:
        return MINUTE
    return HOUR if span_s / HOUR.step_s <= 6 * most else DAY


def step_of(grain: Grain, since: datetime, until: datetime, most: int) -> int:
    """A multiple of the grain's, so that `most` are enough."""
    span_s = max(1.0, (until - since).total_seconds())
    return grain.step_s * max(1, -int(-span_s // (grain.step_s * max(1, most - 1))))


def of_step(step_s: float) -> Grain:
    """What points of this step were made of, but the finest, or finer."""
    return next((grain for grain in (DAY, HOUR, MINUTE) if step_s >= grain.step_s), TICK)


def source(grain: Grain, since: datetime) -> tuple[str, dict[str, datetime]]:
    """What to read FROM, and its parameters."""
    if grain is not DAY:
        return grain.table, {}
    end: datetime | None = select(_DAYS_END, [CALENDAR])[0][0]
    return _DAYS_THEN_HOURS, {"days_end": end or since}


def covered(since: datetime, until: datetime) -> list[tuple[Grain, datetime, datetime]]:
    """Ticks while they are kept, before that minutes, before that hours."""
    kept, at = policy(), now()
    fine = beginning(at - timedelta(hours=kept.ticks_hours), 3600) + timedelta(hours=1)
    middle = min(fine, beginning(at - timedelta(days=kept.minutes_days), 3600) + timedelta(hours=1))  # ticks may be kept longer than minutes
    spans = ((HOUR, since, min(until, middle)), (MINUTE, max(since, middle), min(until, fine)), (TICK, max(since, fine), until))
    return [(grain, begin, end) for grain, begin, end in spans if begin < end]
