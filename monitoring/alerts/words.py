"""Words: a rule in a sentence, and the numbers of its form as people write them: 5 %, 3 min, 20k. Pure."""

import math
import re
from collections.abc import Sequence

from mailplatform.shell.formats import number
from monitoring.alerts.judge import Comparison, Rule
from monitoring.alerts.sentences import limit, span, subjects
from monitoring.metrics.catalog import Dimension, Kind, Metric, Unit

EACH = {
    Dimension.ALL: "of all", Dimension.ZONE: "each zone", Dimension.NODE: "each node", Dimension.POOL: "each pool", Dimension.IP: "each sending IP",
    Dimension.PROVIDER: "each provider", Dimension.PATH: "each path", Dimension.PURPOSE: "each purpose", Dimension.TENANT: "each tenant",
    Dimension.STREAM: "each stream", Dimension.TLS_KIND: "each kind of TLS error", Dimension.CLUSTER: "each cluster of jobs",
    Dimension.ENDPOINT: "each door of the platform",
}  # fmt: skip
_TIMES = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "day": 86_400, "days": 86_400}
_BYTES = {"bytes": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}
_COUNTS = {"": 1, "k": 1e3, "m": 1e6}
_AMOUNT = re.compile(r"\s*([-+]?[\d,]*\.?\d+)\s*([a-z%]*)\s*", re.IGNORECASE)


class NotANumber(ValueError):
    """What to write instead."""


def of_rule(rule: Rule, labels: Sequence[str] = ()) -> str:
    """TLS errors, share of connections, of each provider: above 5 % for 3 min."""
    whom = "" if rule.dimension == Dimension.ALL else f", {subjects(labels)}" if labels else f", {EACH[Dimension(rule.dimension)]}"
    over = f", summed over {span(rule.window_s)}" if rule.metric.kind is not Kind.LEVEL else ""
    least = f" and at least {amount(rule.metric, rule.at_least)}" if rule.at_least is not None and rule.compares_past else ""
    what = "without data" if rule.comparison is Comparison.NO_DATA else limit(rule) + least
    return f"{rule.metric.words}{whom}: {what}{f' for {span(rule.for_s)}' if rule.for_s else ', at once'}{over}"


def name_of(rule: Rule, labels: Sequence[str]) -> str:
    """What it is called when nobody says."""
    whom = subjects(labels) if labels else "" if rule.dimension == Dimension.ALL else EACH[Dimension(rule.dimension)]
    what = "without data" if rule.comparison is Comparison.NO_DATA else limit(rule)
    return f"{rule.metric.words}{f', {whom}' if whom else ''}: {what}".replace("\u00a0", " ")[:120]


def unit_of(metric: Metric) -> str:
    """How its numbers are written."""
    return {
        Unit.SHARE: "in %, like 5 %", Unit.SECONDS: "like 90 s, 5 min, 2 h", Unit.MILLISECONDS: "in ms", Unit.BYTES: "like 20 GB", Unit.DAYS: "in days",
        Unit.SCORE: "a score from 0 to 100",
    }.get(metric.unit, "like 500 or 20k")  # fmt: skip


def amount(metric: Metric, value: float | None) -> str:
    """As it is shown in a field, and understood again by `read_amount`."""
    if value is None:
        return ""
    if metric.unit is Unit.SHARE:
        return f"{round(100 * value, 6):g} %"
    if metric.unit is Unit.SECONDS:
        return span(value)
    if metric.unit is Unit.BYTES:
        return next((f"{value / size:g} {unit.upper()}" for unit, size in reversed(_BYTES.items()) if unit != "b" and value >= size > 1), f"{value:g} bytes")
    return f"{value:g}" if value != int(value) else number(value)


def read_amount(metric: Metric, said: str) -> float | None:
    """In the metric's own unit. Raises NotANumber."""
    if not said.strip():
        return None
    value, unit = _parts(said, unit_of(metric))
    if metric.unit is Unit.SHARE and unit in ("%", ""):
        return value / 100
    if metric.unit is Unit.SECONDS and unit in _TIMES:
        return value * _TIMES[unit]
    if metric.unit is Unit.BYTES and unit in _BYTES:
        return value * _BYTES[unit]
    if metric.unit is Unit.MILLISECONDS and unit in ("", "ms", "s"):
        return value * (1000 if unit == "s" else 1)
    if metric.unit is Unit.DAYS and unit in ("", "d", "day", "days"):
        return value
    if metric.unit in (Unit.NUMBER, Unit.SCORE) and unit in _COUNTS:
        return value * _COUNTS[unit]
    raise NotANumber(f"Write it {unit_of(metric)}.")


def read_span(said: str) -> int | None:
    """Seconds. Raises NotANumber."""
    if not said.strip():
        return None
    value, unit = _parts(said, "like 90 s, 3 min or 2 h")
    if unit not in _TIMES or value < 0:
        raise NotANumber("Write it with its unit, like 90 s, 3 min or 2 h.")
    return round(value * _TIMES[unit])


def read_times(said: str) -> float | None:
    """So many times its past."""
    if not said.strip():
        return None
    value, unit = _parts(said, "like 3 or 2.5")
    if unit not in ("", "x", "times"):
        raise NotANumber("Write how many times, like 3 or 2.5.")
    return value


def _parts(said: str, how: str) -> tuple[float, str]:
    found = _AMOUNT.fullmatch(said)
    if found is None:
        raise NotANumber(f"Write it {how}.")
    value = float(found[1].replace(",", ""))
    if not math.isfinite(value):
        raise NotANumber(f"Write it {how}.")
    return value, found[2].lower()
