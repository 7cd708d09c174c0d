"""Exposition: what was measured last, as Prometheus families: one a metric and dimension, in base units, named for what they are.

`mailplatform_X` is the whole platform's, `mailplatform_provider_X{provider="…"}` each provider's. Levels are gauges; counts are gauges of so many a second over
the last minute, because what they are summed from is forgotten in time, and a counter must never fall. Shares are left to whoever reads: quotients
of two of these. Promises: no two samples of a family have the same labels; when nobody has measured for a minute there is nothing but how long ago it was.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from prometheus_client.core import GaugeMetricFamily

from mailplatform.shell.clock import now
from monitoring.metrics import read
from monitoring.metrics.catalog import METRICS, TICK_S, Dimension, Kind, Metric, Unit
from monitoring.metrics.tick import Tick

RECENT = timedelta(minutes=1)
_UNITS = {  # what ours is in Prometheus's base units (https://prometheus.io/docs/practices/naming/#base-units)
    Unit.NUMBER: ("", 1.0), Unit.SCORE: ("", 1.0), Unit.SHARE: ("_ratio", 1.0), Unit.SECONDS: ("_seconds", 1.0), Unit.MILLISECONDS: ("_seconds", 0.001),
    Unit.BYTES: ("_bytes", 1.0), Unit.DAYS: ("_seconds", 86_400.0),
}  # fmt: skip
_SUFFIXES = {Unit.SHARE: "_share", Unit.SECONDS: "_s", Unit.MILLISECONDS: "_ms", Unit.BYTES: "_bytes", Unit.DAYS: "_days"}
_UNTOLD = (Dimension.PATH,)  # paths in trouble come and go: they would be series without end


def families() -> Iterator[GaugeMetricFamily]:
    last, at = read.measured_at(), now()
    ago = GaugeMetricFamily("mailplatform_measured_ago_seconds", "Since everything was last measured; absent before the first time.")
    if last is not None:
        ago.add_metric([], max(0.0, (at - last).total_seconds()))
        yield ago
    if last is None or not -RECENT < at - last <= RECENT:
        return
    told = [(metric.key, str(dimension)) for metric in METRICS.values() if metric.kind is not Kind.SHARE for dimension in metric.dimensions]
    ticks = list(read.ticks(last - RECENT + timedelta(seconds=TICK_S), last + timedelta(seconds=TICK_S), told, "tick"))
    labels = {dimension: read.labels(dimension) for dimension in Dimension if dimension not in _UNTOLD}
    for metric in METRICS.values():
        for dimension in metric.dimensions if metric.kind is not Kind.SHARE else ():
            if dimension not in _UNTOLD and (values := _values(metric, dimension, ticks)):
                yield _family(metric, dimension, values, labels[dimension])


def name_of(metric: Metric, dimension: Dimension) -> str:
    """Its family's."""
    of = "" if dimension is Dimension.ALL else f"{dimension}_"
    if metric.kind is Kind.COUNT:
        return f"mailplatform_{of}{metric.key}_per_second"
    return f"mailplatform_{of}{metric.key.removesuffix(_SUFFIXES.get(metric.unit, ''))}{_UNITS[metric.unit][0]}"


def _values(metric: Metric, dimension: Dimension, ticks: list[Tick]) -> Mapping[str, float]:
    rows = [of for tick in ticks if (of := tick.values.get((metric.key, dimension))) is not None]
    if metric.kind is Kind.LEVEL:
        return {key: value * _UNITS[metric.unit][1] for key, value in rows[-1].items()} if rows else {}
    sums: dict[str, float] = {}
    for of in rows:
        for key, value in of.items():
            sums[key] = sums.get(key, 0.0) + value
    return {key: value / (TICK_S * len(rows)) for key, value in sums.items()}


def _family(metric: Metric, dimension: Dimension, values: Mapping[str, float], labels: Mapping[str, str]) -> GaugeMetricFamily:
    says = metric.words + (", a second over the last minute." if metric.kind is Kind.COUNT else ".")
    if dimension is Dimension.ALL:
        return GaugeMetricFamily(name_of(metric, dimension), says, value=values["all"])
    family = GaugeMetricFamily(name_of(metric, dimension), says, labels=[str(dimension)])
    used: set[str] = set()
    for key, value in values.items():
        words = labels.get(key, key)
        words = f"{words} ({key})" if words in used else words
        used.add(words)
        family.add_metric([words], value)
    return family
