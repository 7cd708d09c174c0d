"""The chart of an incident: its metric around it, where its rule fires and is well again, when it began, was acknowledged and ended.

Counts and shares are summed over the rule's window, as the rule sees them. None: it has no metric, or nothing of it was kept.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailplatform.shell.charts import Chart, Series
from mailplatform.shell.formats import duration
from mailplatform.shell.models import Severity
from monitoring.alerts.around import Around
from monitoring.alerts.judge import OF_PAST, Comparison
from monitoring.alerts.judging import usual_of
from monitoring.alerts.models import Incident
from monitoring.alerts.rules import rule_of
from monitoring.metrics import read
from monitoring.metrics.catalog import METRICS, Dimension, Kind, Metric, Unit
from monitoring.metrics.figure import axis, figure

SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=12)  # before it began, and after it ended
MOST_POINTS = 360
Values = Sequence[float | None]


def chart_of(incident: Incident, changes: Sequence[Around], at: datetime) -> Chart | None:
    what = METRICS.get(incident.metric)
    if what is None or incident.dimension not in what.dimensions:
        return None
    end = incident.resolved_at or at
    margin = min(LONGEST, max(SHORTEST, (end - incident.since) / 2))
    since, until = incident.since - margin, min(at, end + margin)
    window_s = (incident.rule.window_s if incident.rule else None) or what.window_s
    times, values = _values(what, incident.dimension, incident.subject, since, until, window_s)
    times, values = _from_the_first(times, values, min((one.at for one in changes), default=until))
    size, unit = axis(what, [*values, *_known(incident.threshold, incident)])
    limits = _limits(incident, what, size, len(times))
    look = "broken" if incident.severity >= Severity.CRITICAL else "limited"
    named = what.words if incident.dimension == Dimension.ALL else f"{what.words}, {incident.label or incident.subject}"
    note = f"over {duration(window_s)}, UTC" if what.kind is not Kind.LEVEL else "UTC"
    series = [Series(what.words.lower(), [None if value is None else value / size for value in values], look), *limits]
    return Chart(
        named, _label(incident, what, named, values, limits), times, series, unit=unit, note=note, percent=what.unit is Unit.SHARE, height=224,
        events=[(one.at, chr(ord("A") + n)) for n, one in enumerate(changes)], marks=_marks(incident), bands=[(incident.since, end, look)],
    )  # fmt: skip


def _values(what: Metric, dimension: str, subject: str, since: datetime, until: datetime, window_s: int) -> tuple[list[datetime], list[float | None]]:
    if what.kind is Kind.LEVEL or (what.kind is Kind.SHARE and window_s == what.window_s):
        points = read.points(what.key, dimension, [subject], since, until, MOST_POINTS)[subject]
        return [at for at, _ in points], [value for _, value in points]
    counted = [read.points(name, dimension, [subject], since - timedelta(seconds=window_s), until, MOST_POINTS)[subject] for name in what.stored]
    times = [at for at, _ in counted[0]]
    step_s = (times[1] - times[0]).total_seconds() if len(times) > 1 else float(window_s)
    sums = [_sums([value for _, value in of], max(1, round(window_s / step_s))) for of in counted]
    scale = min(1.0, window_s / step_s)
    values = [_value(what, parts, scale) for parts in zip(*sums, strict=True)]
    first = next((place for place, at in enumerate(times) if at >= since), len(times))
    return times[first:], values[first:]


def _from_the_first(times: list[datetime], values: list[float | None], change: datetime) -> tuple[list[datetime], list[float | None]]:
    """A young platform has no past: it is not drawn."""
    known = next((place for place, value in enumerate(values) if value is not None), 0)
    first = next((place for place, at in enumerate(times) if place >= known or at >= change), 0)
    return times[max(0, first - 1) :], values[max(0, first - 1) :]


def _sums(values: Values, steps: int) -> list[float | None]:
    """Of the last `steps`; what was not measured just then is not known."""
    return [None if value is None else sum(one or 0.0 for one in values[max(0, place + 1 - steps) : place + 1]) for place, value in enumerate(values)]


def _value(what: Metric, parts: Sequence[float | None], scale: float) -> float | None:
    if what.kind is Kind.COUNT:
        return None if parts[0] is None else parts[0] * scale
    numerator, denominator = parts
    return (numerator or 0.0) / denominator if denominator is not None and denominator >= max(1, what.floor) else None


def _limits(incident: Incident, what: Metric, size: float, points: int) -> list[Series]:
    rule, threshold = incident.rule, incident.threshold
    if threshold is None:
        return []
    comparison = Comparison(rule.comparison) if rule else Comparison.BELOW if what.low_is_bad else Comparison.ABOVE
    if comparison is Comparison.NO_DATA:
        return []
    times: float | None = 1.0
    if comparison in OF_PAST:
        judged = rule_of(rule) if rule else None
        times = usual_of(judged, incident.since, incident.since).of(incident.subject, incident.since) if judged else None
    if times is None:
        return []
    side = "below" if comparison is Comparison.BELOW else "above"
    found = [Series(f"fires {side} {figure(what, threshold * times)}", [threshold * times / size] * points, "broken", "dots")]
    if rule is not None and rule.clear is not None and rule.clear != threshold:
        other = "above" if side == "below" else "below"
        found.append(Series(f"well {other} {figure(what, rule.clear * times)}", [rule.clear * times / size] * points, "good", "dots"))
    return found


def _known(threshold: float | None, incident: Incident) -> list[float]:
    past = incident.rule is not None and incident.rule.comparison in OF_PAST
    return [] if threshold is None or past else [threshold]


def _marks(incident: Incident) -> list[tuple[datetime, str]]:
    found = [(incident.since, "began")]
    if (incident.opened_at - incident.since) > timedelta(seconds=30):
        found.append((incident.opened_at, "opened"))
    if incident.acknowledged_at:
        found.append((incident.acknowledged_at, "acknowledged"))
    if incident.resolved_at:
        found.append((incident.resolved_at, "over"))
    return found


def _label(incident: Incident, what: Metric, named: str, values: Values, limits: Sequence[Series]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return f"{named} around the incident."
    worst = min(known) if what.low_is_bad else max(known)
    over = f", over since {incident.resolved_at:%H:%M}" if incident.resolved_at else ""
    firing = f"; it {limits[0].name}" if limits else ""
    return f"{named} around the incident: {figure(what, worst)} at its worst, {figure(what, known[-1])} last{firing}. It began at {incident.since:%H:%M}{over}."
