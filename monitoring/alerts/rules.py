"""Rules: a row as what is judged, and what is wrong with one. Reads rows; writes nothing."""

import math
from collections.abc import Iterable, Mapping
from datetime import time

from monitoring.alerts.judge import OF_PAST, Comparison, Rule
from monitoring.alerts.models import DAY_S, AlertRule
from monitoring.metrics.catalog import METRICS, TICK_S, Kind, Metric, Unit

MOST_RULES = 300
MOST_SUBJECTS = 200


def rule_of(row: AlertRule) -> Rule | None:
    """None: its metric is no longer measured, or not of these."""
    metric = METRICS.get(row.metric)
    if metric is None or row.dimension not in metric.dimensions:
        return None
    return Rule(
        row.pk or 0, metric, row.dimension, Comparison(row.comparison), row.threshold or 0.0, frozenset(row.subjects), row.clear, row.at_least,
        row.window_s or metric.window_s, float(row.for_s), float(row.clear_for_s),
    )  # fmt: skip


def enabled() -> list[tuple[AlertRule, Rule]]:
    """Those that can be judged, in a fixed order."""
    found = ((row, rule_of(row)) for row in AlertRule.objects.filter(enabled=True).order_by("pk"))
    return [(row, rule) for row, rule in found if rule is not None]


def problems(row: AlertRule) -> dict[str, str]:
    """By field, what is wrong and what to do; empty: it can be judged."""
    metric = METRICS.get(row.metric)
    if metric is None:
        return {"metric": "There is no such metric. Choose one of the list."}
    found: dict[str, str] = {}
    if row.dimension not in metric.dimensions:
        offered = ", ".join(str(one) for one in metric.dimensions)
        found["dimension"] = f"{metric.words} is not measured by {row.dimension}. It is by: {offered}."
    if len(row.subjects) > MOST_SUBJECTS:
        found["subjects"] = f"At most {MOST_SUBJECTS} subjects can be chosen. Leave it empty for each of them."
    if row.comparison != Comparison.NO_DATA:
        found |= _numbers(row, metric)
    found |= _times(row, metric)
    return found


def _numbers(row: AlertRule, metric: Metric) -> dict[str, str]:
    found: dict[str, str] = {}
    numbers: Mapping[str, float | None] = {"threshold": row.threshold, "clear": row.clear, "at_least": row.at_least}
    for name, value in numbers.items():
        if value is not None and not math.isfinite(value):
            found[name] = "This must be a number."
    if found:
        return found
    if row.threshold is None:
        return {"threshold": "Say from which number on somebody is to be told."}
    of_past = row.comparison in OF_PAST
    if of_past and row.threshold <= 1:
        found["threshold"] = "So many times its past must be more than 1."
    elif of_past and row.at_least is None:
        found["at_least"] = "Say how much it must be at least: many times almost nothing is nothing still."
    elif metric.unit is Unit.SHARE and not of_past and not 0 <= row.threshold <= 1:
        found["threshold"] = "A share is between 0 and 100 %."
    elif row.threshold < 0:
        found["threshold"] = "This metric is never below 0."
    if row.clear is not None and "threshold" not in found:
        wrong = row.clear < row.threshold if row.comparison == Comparison.BELOW else row.clear > row.threshold
        if wrong:
            side = "at or above" if row.comparison == Comparison.BELOW else "at or below"
            found["clear"] = f"It must be well again {side} the threshold, or it would fire and be well at once."
    return found


def _times(row: AlertRule, metric: Metric) -> dict[str, str]:
    found: dict[str, str] = {}
    if row.window_s is not None and metric.kind is Kind.LEVEL:
        found["window_s"] = "A level has no window: it is compared as it is. Leave it empty."
    elif row.window_s is not None and not (TICK_S <= row.window_s <= DAY_S and row.window_s % TICK_S == 0):
        found["window_s"] = "A window lasts 10 seconds to 24 hours, in steps of 10 seconds."
    spans: Iterable[tuple[str, int]] = (("for_s", row.for_s), ("clear_for_s", row.clear_for_s))
    for name, value in spans:
        if not 0 <= value <= DAY_S:
            found[name] = "This lasts at most 24 hours."
    bounds: tuple[time | None, time | None] = (row.quiet_from, row.quiet_until)
    if (bounds[0] is None) != (bounds[1] is None):
        found["quiet_until" if bounds[1] is None else "quiet_from"] = "Quiet hours have a beginning and an end. Give both, or neither."
    return found
