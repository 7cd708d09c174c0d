"""Sentences: what an incident says, of its rule, subject and figure. Pure."""

from collections.abc import Sequence

from mailplatform.shell.formats import listed, number, plural
from monitoring.alerts.judge import Comparison, Rule
from monitoring.metrics.catalog import Dimension
from monitoring.metrics.figure import figure

NAMED = 3  # parts of a group that its sentence names


def of_rule(rule: Rule, label: str, value: float | None) -> str:
    """CPU in use, north-1: 97 %, above 90 % for 10 min."""
    whose = rule.metric.words if rule.dimension == Dimension.ALL else f"{rule.metric.words}, {label}"
    lasting = f" for {span(rule.for_s)}" if rule.for_s else ""
    if rule.comparison is Comparison.NO_DATA:
        return f"{whose}: not measured{lasting}"
    beyond = "" if rule.comparison is Comparison.ABOVE and rule.threshold == 0 else f", {limit(rule)}"
    return f"{whose}: {figure(rule.metric, value)}{beyond}{lasting}"


def limit(rule: Rule) -> str:
    """Above 90 %; below 14 days; above 3 times its usual."""
    if rule.comparison is Comparison.TIMES_MEDIAN:
        return f"above {_times(rule.threshold)} times its usual"
    if rule.comparison is Comparison.TIMES_WEEK:
        return f"above {_times(rule.threshold)} times the same hour a week ago"
    side = "below" if rule.comparison is Comparison.BELOW else "above"
    return f"{side} {figure(rule.metric, rule.threshold)}"


def worse(rule: Rule, value: float | None) -> str:
    return f"It is worse: {figure(rule.metric, value)}."


def over(rule: Rule, value: float | None) -> str:
    if rule.comparison is Comparison.NO_DATA:
        return "It is measured again." if value is not None else "It is not missed any more."
    if value is None:
        return "It is not measured any more: whoever it was of is gone, or nothing was known for half an hour."
    return f"It is well again: {figure(rule.metric, value)}."


def of_group(what: str, parts: Sequence[str]) -> str:
    """Zone south: 7 things are wrong at once. The first: …"""
    if len(parts) == 1:
        return f"{what}: {parts[0]}"
    more = len(parts) - NAMED
    rest = f"; and {plural(more, 'other')}" if more > 0 else ""
    return f"{what}: {plural(len(parts), 'thing')} are wrong at once: {'; '.join(parts[:NAMED])}{rest}"


def subjects(labels: Sequence[str]) -> str:
    return listed([*labels[:NAMED], *([plural(len(labels) - NAMED, "other")] if len(labels) > NAMED else [])])


def span(seconds: float | None) -> str:
    """90 s, 3 min, 2 h: the biggest unit that it is a multiple of."""
    if seconds is None:
        return ""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}\u00a0{unit}"
    return f"{seconds:g}\u00a0s"


def _times(value: float) -> str:
    return number(value, 0 if value == int(value) else 1)
