"""Prometheus text: the platform's figures, read from the database when asked.

Every process of the platform would tell the same, so nothing is kept in memory between two scrapes. What is measured every ten seconds stands in
`metrics.exposition`; here is what it has not: whether parts work, what is told of engines and of what mail waits for and came back as, and counters.
Figures of mail are of the five full minutes before (gauges): minutes are dropped with the history, so they are no counters. What never falls while its
process lives is a counter.
"""

from collections.abc import Iterator

from django.db import Error, connection
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from delivery.webhooks.figures import in_trouble
from monitoring.metrics import exposition as measured
from monitoring.queue_depth import waiting_by_why
from monitoring.readiness import readiness

_FAULTS = ("recipient", "message", "infrastructure", "destination")
# Long-tail providers come and go by the thousand: they are one series, or the scrape would grow with the world's mail hosts.
_BY_PROVIDER = f"""
SELECT CASE WHEN p.is_tail THEN 'others' ELSE p.key END, {", ".join(f"sum(m.bounced_{name})::bigint" for name in _FAULTS)}
  FROM pools_pathminute m JOIN pools_provider p ON p.id = m.provider_id
 WHERE m.minute >= date_trunc('minute', platform_now()) - interval '5 min' AND m.minute < date_trunc('minute', platform_now())
 GROUP BY 1 ORDER BY 1
"""
_RETURNS = """
SELECT what, sum(count)::bigint FROM delivery_returnminute
 WHERE minute >= date_trunc('minute', platform_now()) - interval '5 min' AND minute < date_trunc('minute', platform_now()) GROUP BY 1 ORDER BY 1
"""
_COUNTERS = (
    ("mailplatform_engine_settled", "Attempts that an engine settled since it began.", "engine", """
        SELECT n.name || '/' || chr(97 + e.slot), coalesce((e.state->>'settled')::bigint, 0)
          FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id ORDER BY 1"""),
    ("mailplatform_watcher_looks", "Looks of a watcher since it began.", "zone", """
        SELECT z.name, b.looks FROM monitoring_watcherbeat b JOIN pools_zone z ON z.id = b.zone_id ORDER BY 1"""),
    ("mailplatform_cluster_restarts", "Processes of a cluster that were started again since it began.", "cluster", """
        SELECT name, reborn FROM shell_clusterbeat ORDER BY 1"""),
)  # fmt: skip


class _Platform:
    """What a scrape collects."""

    def collect(self) -> Iterator[Metric]:
        now = readiness()
        up = GaugeMetricFamily("mailplatform_ready", "Whether a part works.", labels=["part"])
        for name, part in (("database", now.database), ("engines", now.engines), ("watcher", now.watcher)):
            up.add_metric([name], float(part.ready))
        yield up
        yield _ages("mailplatform_engine_renewed_ago_seconds", "Since an engine's last renewal.", "engine", now.engines.seen)
        if now.database.ready:
            try:
                yield from (_waiting(), _bounces(), _webhooks(), _returns(), *_counters(), *measured.families())
            except Error:  # it went away while we asked; what was asked before stands
                return


def _ages(name: str, says: str, label: str, seen: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=[label])
    for who, age_s in seen.items():
        family.add_metric([who], age_s)
    return family


def _waiting() -> Metric:
    family = GaugeMetricFamily("mailplatform_waiting_rows", "Waiting deliveries by what they wait for, among the first 10,000.", labels=["for"])
    for why, count in sorted(waiting_by_why().items()):
        family.add_metric([why], count)
    return family


def _bounces() -> Metric:
    family = GaugeMetricFamily("mailplatform_bounces_5m", "Bounces of the last five full minutes by whose fault they are.", labels=["provider", "fault"])
    with connection.cursor() as cursor:
        cursor.execute(_BY_PROVIDER)
        for provider, *counts in cursor.fetchall():
            for fault, count in zip(_FAULTS, counts, strict=True):
                family.add_metric([provider, fault], count)
    return family


def _webhooks() -> Metric:
    return GaugeMetricFamily("mailplatform_webhook_endpoints_in_trouble", "Endpoints that fail again and again, or were disabled.", value=in_trouble())


def _returns() -> Metric:
    family = GaugeMetricFamily("mailplatform_returns_5m", "What came back in the last five full minutes, by what was made of it.", labels=["what"])
    with connection.cursor() as cursor:
        cursor.execute(_RETURNS)
        for what, count in cursor.fetchall():
            family.add_metric([what], count)
    return family


def _counters() -> Iterator[Metric]:
    """Each is its process's own count: a restart begins it anew, as Prometheus expects of a counter."""
    for name, says, label, sql in _COUNTERS:
        family = CounterMetricFamily(name, says, labels=[label])
        with connection.cursor() as cursor:
            cursor.execute(sql)
            for who, count in cursor.fetchall():
                family.add_metric([who], count)
        yield family


def exposition() -> tuple[bytes, str]:
    """The text and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Platform())  # type: ignore[arg-type]
    return generate_latest(registry), CONTENT_TYPE_LATEST
