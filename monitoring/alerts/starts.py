"""Starts: what may worry somebody, and the rule that it leads to; and what a metric's rule usually says. Of the shipped ones. Pure."""

from dataclasses import replace

from monitoring.alerts.models import AlertRule
from monitoring.alerts.shipped import SHIPPED, row_of
from monitoring.metrics.catalog import METRICS, Dimension, Unit

_BY_KEY = {one.key: one for one in SHIPPED}
WORRIES = (  # in the order in which they are shown
    ("tls", "TLS errors at a provider"), ("stuck-transactional", "A queue that stands still"), ("queue-deep", "A queue that grows"),
    ("deferrals", "A provider that defers us"), ("bounces", "A tenant whose mail bounces"), ("complaints", "A tenant whom people complain about"),
    ("connections", "Connections that are used up"), ("blocked", "A provider that blocks us"), ("cpu", "A busy processor"), ("memory", "Memory that runs out"),
    ("disk", "A disk that fills up"), ("node-silent", "A node that falls silent"), ("certificate", "A certificate that ends"), ("listed", "A block list"),
)  # fmt: skip
_PLAIN = {Unit.SHARE: 0.5, Unit.SECONDS: 300.0, Unit.MILLISECONDS: 1000.0, Unit.DAYS: 14.0, Unit.SCORE: 50.0, Unit.BYTES: 50e9}


def of_worry(key: str) -> AlertRule | None:
    """As the shipped rule, without its name: it is to become somebody's own."""
    found = _BY_KEY.get(key)
    return row_of(replace(found, name="")) if found else None


def of_metric(key: str) -> AlertRule:
    """As a shipped rule of that metric is; else what is plain."""
    shipped = next((one for one in SHIPPED if one.metric == key), None)
    if shipped is not None:
        return row_of(replace(shipped, name=""))
    metric = METRICS[key]
    comparison = AlertRule.Comparison.BELOW if metric.low_is_bad else AlertRule.Comparison.ABOVE
    dimension = Dimension.ALL if Dimension.ALL in metric.dimensions else metric.dimensions[0]
    return AlertRule(metric=key, dimension=dimension, comparison=comparison, threshold=_PLAIN.get(metric.unit, 0.0))
