"""Figure: a metric's value in words, with its unit. Pure."""

from collections.abc import Iterable

from mailplatform.shell.formats import NOT_KNOWN, duration, milliseconds, number, percent, plural, size
from monitoring.metrics.catalog import Metric, Unit


def figure(metric: Metric, value: float | None) -> str:
    """12.5 %, 3 min, 1,204, 18 GB, 71."""
    if value is None:
        return NOT_KNOWN
    if metric.unit is Unit.SHARE:
        small = 0 < abs(value) < 0.00995
        return percent(value, digits=2 if small else 0 if round(value * 100, 1) == round(value * 100) else 1)
    if metric.unit is Unit.SECONDS:
        return duration(value)
    if metric.unit is Unit.MILLISECONDS:
        return milliseconds(value)
    if metric.unit is Unit.BYTES:
        return size(round(value))
    if metric.unit is Unit.DAYS:
        return plural(int(value), "day")
    return number(value, 0 if value == int(value) or abs(value) >= 100 else 1)


def axis(metric: Metric, values: Iterable[float | None]) -> tuple[float, str]:
    """What values are divided by on a chart, and the unit of its axis."""
    most = max((value for value in values if value is not None), default=0.0)
    if metric.unit is Unit.SECONDS:
        return (3600.0, "h") if most >= 7200 else (60.0, "min") if most >= 300 else (1.0, "s")
    if metric.unit is Unit.BYTES:
        return (1e9, "GB") if most >= 1e9 else (1e6, "MB")
    return 1.0, {Unit.MILLISECONDS: "ms", Unit.DAYS: "days"}.get(metric.unit, "")
