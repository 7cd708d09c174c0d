"""The catalogue: every metric's name, unit, and what it is told of. Data; who collects it is `collect`, who reads it `read`.

Three kinds. A LEVEL is how much there is at a moment (kept as average, least and most when it is rolled up). A COUNT is how often something happened
since the last tick (kept as sums). A SHARE is made when it is read, of two counts over a window, so that it is exact over any time: it is not stored,
and below `floor` in its denominator it has no value rather than a wild one.

Units are those of the value: seconds, bytes, a share between 0 and 1, a number, a number a tick.
"""

from dataclasses import dataclass
from enum import StrEnum

TICK_S = 10


class Kind(StrEnum):
    LEVEL = "level"
    COUNT = "count"
    SHARE = "share"


class Unit(StrEnum):
    NUMBER = "number"
    SHARE = "share"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    BYTES = "bytes"
    DAYS = "days"
    SCORE = "score"


class Dimension(StrEnum):
    """Of what a value is told. A subject's key is the primary key as text where there is a row, else the name."""

    ALL = "all"
    ZONE = "zone"
    NODE = "node"
    POOL = "pool"
    IP = "ip"
    PROVIDER = "provider"
    PATH = "path"  # "ip key/provider key"; only paths in trouble
    PURPOSE = "purpose"
    TENANT = "tenant"
    STREAM = "stream"
    TLS_KIND = "tls_kind"
    CLUSTER = "cluster"
    ENDPOINT = "endpoint"  # doors of the platform, their certificates


@dataclass(frozen=True, slots=True)
class Metric:
    key: str
    words: str  # as a heading, without its unit
    kind: Kind
    unit: Unit
    dimensions: tuple[Dimension, ...]
    of: tuple[str, str] | None = None  # a SHARE's counts: what, of what
    floor: int = 0  # a SHARE's least denominator
    window_s: int = 300  # over how long a SHARE or a COUNT is summed when a rule does not say
    low_is_bad: bool = False

    @property
    def stored(self) -> tuple[str, ...]:
        """The keys of what is kept of it: of a SHARE its two counts, else itself."""
        return self.of or (self.key,)


_D = Dimension
_MAIL = (_D.ALL, _D.ZONE, _D.NODE, _D.POOL, _D.IP, _D.PROVIDER, _D.TENANT, _D.STREAM)
_QUEUE = (_D.ALL, _D.PURPOSE, _D.POOL, _D.PROVIDER)
_MACHINE = (_D.ALL, _D.ZONE, _D.NODE)  # of a zone and of all: the worst node's


def _level(key: str, words: str, dimensions: tuple[Dimension, ...], unit: Unit = Unit.NUMBER, low_is_bad: bool = False) -> Metric:
    return Metric(key, words, Kind.LEVEL, unit, dimensions, low_is_bad=low_is_bad)


def _count(key: str, words: str, dimensions: tuple[Dimension, ...]) -> Metric:
    return Metric(key, words, Kind.COUNT, Unit.NUMBER, dimensions)


def _share(key: str, words: str, what: str, of_what: str, floor: int, dimensions: tuple[Dimension, ...] = _MAIL, window_s: int = 300) -> Metric:
    return Metric(key, words, Kind.SHARE, Unit.SHARE, dimensions, (what, of_what), floor, window_s)


_ALL = (
    # -- the queue
    _level("queue_ready", "Deliveries ready to go", _QUEUE),
    _level("queue_waiting", "Deliveries that wait", _QUEUE),
    _level("queue_held", "Deliveries held for a person", (_D.ALL, _D.TENANT)),
    _level("queue_claimed", "Deliveries in engines' hands", (_D.ALL, _D.NODE)),
    _level("queue_oldest_s", "Age of the oldest delivery that is ready", _QUEUE, Unit.SECONDS),
    # -- what becomes of mail
    _count("accepted", "Deliveries accepted", (_D.ALL, _D.TENANT, _D.STREAM)),
    _count("attempted", "Attempts", _MAIL),
    _count("delivered", "Delivered", _MAIL),
    _count("deferred", "Deferred", _MAIL),
    _count("bounced", "Bounced", _MAIL),
    _count("blocked", "Refused for our address's sake", (_D.ALL, _D.ZONE, _D.NODE, _D.POOL, _D.IP, _D.PROVIDER)),
    _count("complaints", "Complaints", _MAIL),
    _count("rerouted", "Rerouted", (_D.ALL, _D.ZONE, _D.NODE, _D.POOL, _D.IP, _D.PROVIDER)),
    _share("deferred_share", "Deferred, share of attempts", "deferred", "attempted", 20),
    _share("bounced_share", "Bounced, share of attempts", "bounced", "attempted", 50, window_s=900),
    _share("blocked_share", "Refused for our address's sake, share of attempts", "blocked", "attempted", 20, (_D.ALL, _D.POOL, _D.IP, _D.PROVIDER)),
    _share("complaint_share", "Complaints, share of delivered", "complaints", "delivered", 500, window_s=86_400),
    # -- connections and TLS
    _level("connections", "Connections in use", (_D.ALL, _D.NODE, _D.IP, _D.PROVIDER)),
    _level("connections_share", "Connections in use, share of the limit", (_D.ALL, _D.IP, _D.PROVIDER, _D.PATH), Unit.SHARE),
    _count("connects", "Connections opened or tried", (_D.ALL, _D.ZONE, _D.NODE, _D.IP, _D.PROVIDER)),
    _count("tls_errors", "Connections whose TLS failed", (_D.ALL, _D.ZONE, _D.NODE, _D.IP, _D.PROVIDER, _D.TLS_KIND)),
    _share("tls_error_share", "TLS errors, share of connections", "tls_errors", "connects", 10, (_D.ALL, _D.ZONE, _D.NODE, _D.IP, _D.PROVIDER)),
    # -- machines
    _level("cpu_share", "CPU in use", _MACHINE, Unit.SHARE),
    _level("memory_share", "Memory in use", _MACHINE, Unit.SHARE),
    _level("disk_share", "Disk in use", _MACHINE, Unit.SHARE),
    _level("files_share", "Open files, share of the limit", _MACHINE, Unit.SHARE),
    _level("load_per_core", "Load by core", _MACHINE),
    # -- the database
    _level("database_connections_share", "Database connections, share of the limit", (_D.ALL,), Unit.SHARE),
    _level("database_lag_s", "Lag of the furthest standby", (_D.ALL,), Unit.SECONDS),
    _level("database_bytes", "Database size", (_D.ALL,), Unit.BYTES),
    # -- the platform's own processes
    _level("engines_missing", "Engines that should live and do not", _MACHINE),
    _level("agent_silent_s", "Since a node agent's last sign of life", (_D.ALL, _D.ZONE, _D.NODE), Unit.SECONDS),
    _level("watcher_silent_s", "Since a watcher's last beat", (_D.ALL, _D.ZONE), Unit.SECONDS),
    _level("watcher_gap_ms", "Longest gap between two looks of a watcher", (_D.ALL, _D.ZONE), Unit.MILLISECONDS),
    _level("cluster_silent_s", "Since a cluster's last sign of life", (_D.ALL, _D.CLUSTER), Unit.SECONDS),
    _level("jobs_queue", "Jobs that wait for the jobs cluster", (_D.ALL,)),
    _level("jobs_oldest_s", "Age of the oldest job that waits", (_D.ALL,), Unit.SECONDS),
    _count("jobs_failed", "Jobs that failed", (_D.ALL,)),
    _level("webhook_backlog", "Webhook events that wait", (_D.ALL, _D.TENANT)),
    _level("webhook_oldest_s", "Age of the oldest webhook event that is due", (_D.ALL,), Unit.SECONDS),
    _level("endpoints_dead", "Endpoints that are dead", (_D.ALL, _D.ENDPOINT)),
    _level("certificate_days", "Days until a certificate ends", (_D.ALL, _D.ENDPOINT), Unit.DAYS, low_is_bad=True),
    _level("domains_broken", "Sending domains whose DNS is wrong", (_D.ALL, _D.TENANT)),
    # -- reputation, warming, rehearsals
    _level("reputation_score", "Reputation", (_D.POOL, _D.IP, _D.TENANT), Unit.SCORE, low_is_bad=True),
    _level("ips_out", "Sending IPs out of rotation", (_D.ALL, _D.POOL)),
    _level("paths_out", "Paths out of rotation", (_D.ALL, _D.POOL, _D.IP, _D.PROVIDER)),
    _level("listings", "Block lists that list us", (_D.ALL, _D.IP)),
    _level("warmups_held", "Warm-ups that hold", (_D.ALL, _D.POOL, _D.PROVIDER)),
    _level("drills_overdue", "Drills that are overdue", (_D.ALL,)),
    # -- monitoring itself
    _level("collect_ms", "Time to collect all this", (_D.ALL,), Unit.MILLISECONDS),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.key: metric for metric in _ALL}
CALENDAR = "collect_ms"  # every tick has it, of all: its rows say when anything was measured
_HEADINGS = {
    "queue_ready": "Queue", "accepted": "Mail", "connections": "Connections and TLS", "cpu_share": "Machines", "database_connections_share": "Database",
    "engines_missing": "The platform's processes", "reputation_score": "Reputation, warming, rehearsals", "collect_ms": "Monitoring itself",
}  # fmt: skip  # by the first metric under each


def groups() -> list[tuple[str, list[Metric]]]:
    """All metrics in the catalogue's order, under headings."""
    found: list[tuple[str, list[Metric]]] = []
    for key, metric in METRICS.items():
        if key in _HEADINGS:
            found.append((_HEADINGS[key], []))
        found[-1][1].append(metric)
    return found
