"""Vitals: which figures the health page shows, of whom. Data."""

from dataclasses import dataclass

from monitoring.metrics.catalog import METRICS, Dimension, Kind, Metric

_D = Dimension
ALL = "all"


@dataclass(frozen=True, slots=True)
class Vital:
    """`subject` empty: each zone's, node's or cluster's own."""

    title: str
    key: str
    dimension: str
    subject: str = ""

    @property
    def metric(self) -> Metric:
        return METRICS[self.key]

    @property
    def is_rate(self) -> bool:
        return self.metric.kind is Kind.COUNT


@dataclass(frozen=True, slots=True)
class Part:
    """Of the platform as a whole."""

    title: str
    url_name: str  # where more of it stands; empty: nowhere
    vitals: tuple[Vital, ...]


def _each(dimension: str, *named: tuple[str, str]) -> tuple[Vital, ...]:
    return tuple(Vital(title, key, dimension) for title, key in named)


def _all(*named: tuple[str, str]) -> tuple[Vital, ...]:
    return tuple(Vital(title, key, _D.ALL, ALL) for title, key in named)


def _purposes(key: str) -> tuple[Vital, ...]:
    return tuple(Vital(f"Oldest {purpose}", key, _D.PURPOSE, purpose) for purpose in ("transactional", "notification", "marketing"))


NODE = _each(
    _D.NODE, ("CPU", "cpu_share"), ("Memory", "memory_share"), ("Disk", "disk_share"), ("Open files", "files_share"), ("Load by core", "load_per_core"),
    ("Engines missing", "engines_missing"), ("Agent silent", "agent_silent_s"), ("Connections", "connections"), ("In its hands", "queue_claimed"),
    ("Attempts", "attempted"), ("Deferred", "deferred_share"), ("TLS errors", "tls_error_share"),
)  # fmt: skip
ZONE = _each(
    _D.ZONE, ("Watcher silent", "watcher_silent_s"), ("Longest gap", "watcher_gap_ms"), ("Attempts", "attempted"), ("Deferred", "deferred_share"),
    ("TLS errors", "tls_error_share"),
)  # fmt: skip
CLUSTER = Vital("silent", "cluster_silent_s", _D.CLUSTER)
PARTS = (
    Part("Queue", "queues", (*_all(("Ready to go", "queue_ready")), *_purposes("queue_oldest_s"), *_all(("Waiting", "queue_waiting"), ("Held", "queue_held")))),
    Part(
        "Mail", "providers",
        _all(
            ("Accepted", "accepted"), ("Delivered", "delivered"), ("Deferred", "deferred_share"), ("Bounced", "bounced_share"),
            ("TLS errors", "tls_error_share"), ("Connections", "connections_share"),
        ),
    ),
    Part("Database", "", _all(("Connections", "database_connections_share"), ("Standby's lag", "database_lag_s"), ("Size", "database_bytes"))),
    Part("Jobs", "", _all(("Waiting", "jobs_queue"), ("Oldest", "jobs_oldest_s"), ("Failed", "jobs_failed"))),
    Part("Webhooks", "webhooks", _all(("Waiting", "webhook_backlog"), ("Oldest due", "webhook_oldest_s"))),
    Part(
        "DNS and certificates", "endpoints",
        _all(("Dead doors", "endpoints_dead"), ("Certificates end in", "certificate_days"), ("Domains wrong", "domains_broken")),
    ),
    Part("Reputation", "matrix", _all(("IPs out", "ips_out"), ("Paths out", "paths_out"), ("Listings", "listings"), ("Warm-ups held", "warmups_held"))),
    Part("Monitoring", "channels", _all(("Time to measure", "collect_ms"),)),
)  # fmt: skip
EVERYTHING = (*NODE, *ZONE, CLUSTER, *(vital for part in PARTS for vital in part.vitals))
