"""The chart of a preview: the last days of a rule's metric, where it would fire, and the spans in which it would have fired."""

from datetime import datetime

from mailplatform.shell.charts import Chart, Series
from mailplatform.shell.formats import plural
from mailplatform.shell.models import Severity
from monitoring.alerts.judge import Comparison, Rule
from monitoring.alerts.preview import Preview
from monitoring.alerts.sentences import limit
from monitoring.metrics import read
from monitoring.metrics.catalog import Dimension, Kind, Unit
from monitoring.metrics.figure import axis, figure

MOST_LINES, MOST_POINTS, MOST_BANDS = 4, 336, 40
_LOOKS, _DASHES = ("main", "quiet", "notification", "marketing"), ("solid", "dash", "dots", "dash")


def chart_of(rule: Rule, found: Preview, since: datetime, until: datetime, severity: int) -> Chart | None:
    """Of the subjects that fired most, then of those that had most; a metric's own window, for a share, and sums a step, for a count."""
    keys = _subjects(rule, found)
    points = read.points(rule.metric.key, rule.dimension, keys, since, until, MOST_POINTS)
    names = read.labels(rule.dimension) if rule.dimension != Dimension.ALL else {}
    chosen = list(points.items())[:MOST_LINES]
    if not chosen or all(value is None for _, of in chosen for _, value in of):
        return None
    times = [at for at, _ in chosen[0][1]]
    limits = [rule.threshold] if rule.comparison in (Comparison.ABOVE, Comparison.BELOW) else []
    size, unit = axis(rule.metric, [*(value for _, of in chosen for _, value in of), *limits])
    step_s = (times[1] - times[0]).total_seconds() if len(times) > 1 else float(rule.window_s)
    scale = rule.window_s / step_s / size if rule.metric.kind is Kind.COUNT else 1 / size  # a count of a step, as much as falls to the window
    series = [
        Series(names.get(key, "of all"), [None if value is None else value * scale for _, value in of], look, dash)
        for (key, of), look, dash in zip(chosen, _LOOKS, _DASHES, strict=False)
    ]
    series += [Series(f"fires {limit(rule)}", [threshold / size] * len(times), "broken", "dots") for threshold in limits]
    look = "broken" if severity >= Severity.CRITICAL else "limited"
    bands = [(one.since, one.cleared_at or until, look) for one in found.firings[:MOST_BANDS]]
    worst = max((one.worst for one in found.firings if one.worst is not None), default=None)
    fired = f"{plural(found.count, 'span')} in which it would have fired" + (f", {figure(rule.metric, worst)} at the worst" if worst is not None else "")
    return Chart(
        rule.metric.words, f"{rule.metric.words} over the last days; {fired if found.count else 'it would not have fired'}.", times, series, unit=unit,
        note="UTC", percent=rule.metric.unit is Unit.SHARE, height=200, bands=bands,
    )  # fmt: skip


def _subjects(rule: Rule, found: Preview) -> list[str] | None:
    """None: those that had most."""
    if rule.dimension == Dimension.ALL:
        return ["all"]
    fired = list(dict.fromkeys(one.subject for one in found.firings))[:MOST_LINES]
    return fired or (sorted(rule.subjects)[:MOST_LINES] if rule.subjects else None)

