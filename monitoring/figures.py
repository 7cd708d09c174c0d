"""Figures of the console's Now and Resilience pages: every query of them stands here.

Minutes are read by ranges of their time, the queue by bounded counts, latency from a bounded sample of the newest deliveries. The fragments of one
page share a reading for a second, and the day's charts for twenty.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.core.cache import cache

from mailplatform.shell.clock import now
from mailplatform.shell.database.rows import select
from mailplatform.shell.ids import lowest_id_at
from mailplatform.shell.models import Notice, Severity
from mailplatform.shell.notices import open_notices
from monitoring.alerts.incidents import open_incidents
from monitoring.alerts.models import Incident
from monitoring.alerts.noticed import COVERED_BY
from monitoring.alerts.sources import NOTICE
from monitoring.queue_depth import Queue, queue
from monitoring.situation import ProviderNow, Situation

T = TypeVar("T")
SHARED_FOR_S = 1
DAY_SHARED_FOR_S = 20
BIN = timedelta(minutes=15)
MOST_ASKING = 100

_FLOW = """
SELECT purpose, pool_id, provider_id, sum(attempted)::bigint, min(minute)
  FROM pools_streamminute WHERE minute >= date_trunc('minute', platform_now()) - interval '1 min' GROUP BY 1, 2, 3
"""
_PROVIDERS = """
SELECT p.id, p.name, p.is_tail, sum(m.attempted)::bigint, sum(m.delivered)::bigint, sum(m.deferred)::bigint, sum(m.bounced_other)::bigint
  FROM pools_streamminute m JOIN pools_provider p ON p.id = m.provider_id
 WHERE m.minute >= date_trunc('minute', platform_now()) - interval '5 min' GROUP BY 1, 2, 3 ORDER BY 4 DESC
"""
_FIRST_TRY = """
SELECT sum(delivered_first_try)::float8 / nullif(sum(delivered + bounced + bounced_other), 0), sum(attempted)::bigint
  FROM pools_streamminute WHERE minute >= %s AND minute < %s
"""
# A UUID of version 7 begins with its milliseconds: the id alone says when a message was accepted.
_LATENCY = """
SELECT percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY took_s), count(*) FROM (
  SELECT extract(epoch FROM done_at)::float8 - ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0 AS took_s
    FROM delivery_delivery WHERE id >= %s AND final = 'delivered' ORDER BY id DESC LIMIT 2000) newest
"""
# Paths have rows of their own only once something limits or teaches them: what sends is what the last hour's minutes name.
_PATHS = """
SELECT (SELECT count(*) FROM (SELECT DISTINCT ip_id, provider_id FROM pools_pathminute
                               WHERE minute >= date_trunc('minute', platform_now()) - interval '60 min' AND delivered > 0) sending),
       (SELECT count(*) FROM pools_path WHERE state IN ('paused', 'quarantined')),
       (SELECT count(*) FROM pools_path WHERE suspended_until > platform_now() OR state = 'probation')
"""
_VERDICTS = "SELECT coalesce(sum(given_back), 0), coalesce(sum(unknowable), 0) FROM monitoring_verdict WHERE at > platform_now() - interval '24 h'"
_PLACES = """
SELECT (SELECT coalesce(sum(n.engine_slots), 0) FROM pools_node n JOIN pools_zone z ON z.id = n.zone_id WHERE n.state = 'active' AND z.state = 'active'),
       (SELECT count(*) FROM delivery_engine WHERE renewed_at > platform_now() - interval '2 s'),
       (SELECT count(DISTINCT z.id) FROM pools_zone z JOIN pools_node n ON n.zone_id = z.id WHERE z.state = 'active'),
       (SELECT count(*) FROM monitoring_watcherbeat WHERE at > platform_now() - interval '5 s')
"""
_DAY = """
SELECT date_bin('15 min', minute, 'epoch'), purpose, sum(attempted)::bigint, sum(delivered)::bigint, sum(deferred)::bigint,
       sum(bounced + bounced_other)::bigint
  FROM pools_streamminute WHERE minute >= date_bin('15 min', %s, 'epoch') GROUP BY 1, 2 ORDER BY 1
"""
_NODES = """
SELECT z.name, z.state, n.id, n.name, n.state, n.engine_slots, r.at, r.cpu_percent, r.memory_percent, r.load_1m, r.disk_free_bytes,
       coalesce(extract(epoch FROM platform_now() - r.at)::float8, NULL)
  FROM pools_node n JOIN pools_zone z ON z.id = n.zone_id LEFT JOIN monitoring_nodereport r ON r.node_id = n.id ORDER BY z.name, n.name
"""
_ENGINES = """
SELECT e.node_id, e.id, e.slot, e.pid, e.started_at, extract(epoch FROM platform_now() - e.renewed_at)::float8, e.suspected_at IS NOT NULL, e.draining, e.state,
       (SELECT count(*) FROM (SELECT 1 FROM delivery_claimed c WHERE c.engine_id = e.id LIMIT 5000) bounded)
  FROM delivery_engine e ORDER BY e.node_id, e.slot
"""
_NODE_MINUTES = """
SELECT i.node_id, date_bin('5 min', m.minute, 'epoch'), sum(m.attempted)::bigint
  FROM pools_pathminute m JOIN pools_sendingip i ON i.id = m.ip_id
 WHERE m.minute >= date_bin('5 min', platform_now(), 'epoch') - interval '60 min' GROUP BY 1, 2
"""
_IP_MINUTES = """
SELECT i.id, host(i.address), i.ehlo_name, i.state, i.node_id, coalesce(sum(m.attempted), 0)::bigint, coalesce(sum(m.delivered), 0)::bigint,
       coalesce(sum(m.deferred), 0)::bigint, coalesce(sum(m.bounced_infrastructure), 0)::bigint
  FROM pools_sendingip i LEFT JOIN pools_pathminute m ON m.ip_id = i.id AND m.minute >= date_trunc('minute', platform_now()) - interval '60 min'
 GROUP BY 1, 2, 3, 4, 5 ORDER BY i.address
"""
_NAMES = "SELECT id, name FROM pools_pool"


@dataclass(frozen=True, slots=True)
class FlowRow:
    """Messages a second of a purpose through a pool to a provider."""

    purpose: int
    pool: str
    provider: ProviderNow | None
    provider_id: int
    per_s: float


@dataclass(frozen=True, slots=True)
class EngineNow:
    id: int
    name: str
    pid: int
    started_at: datetime
    renewed_ago_s: float
    state: str  # running, suspected, draining
    in_hand: int
    connections: int | None


@dataclass(frozen=True, slots=True)
class IpNow:
    address: str
    ehlo_name: str
    state: str
    attempted: int
    delivered: int
    deferred: int
    refused: int


@dataclass(frozen=True, slots=True)
class NodeNow:
    """A node as the console shows it."""

    name: str
    state: str
    per_s: float
    last_hour: tuple[float, ...]
    cpu_percent: float | None
    memory_percent: float | None
    load_1m: float | None
    disk_free_bytes: int | None
    heard_s: float | None
    slots: int
    engines: tuple[EngineNow, ...]
    ips: tuple[IpNow, ...]


@dataclass(frozen=True, slots=True)
class ZoneNow:
    name: str
    state: str
    nodes: tuple[NodeNow, ...]

    @property
    def per_s(self) -> float:
        return sum(node.per_s for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview's head shows."""

    situation: Situation
    queue: Queue
    first_try_week_ago: float | None
    median_s: float | None
    p99_s: float | None
    paths_sending: int
    paths_stopped: int
    paths_limited: int


@dataclass(frozen=True, slots=True)
class Bin:
    """A quarter hour of a purpose."""

    at: datetime
    purpose: int
    attempted: int
    delivered: int
    deferred: int
    bounced: int


def overview() -> Overview:
    return _shared("overview", SHARED_FOR_S, _read_overview)


def flow() -> list[FlowRow]:
    return _shared("flow", SHARED_FOR_S, _read_flow)


def zones() -> list[ZoneNow]:
    return _shared("zones", SHARED_FOR_S, _read_zones)


def day() -> list[Bin]:
    """The last 24 hours, by quarter hours."""
    return _shared("day", DAY_SHARED_FOR_S, lambda: [Bin(*row) for row in select(_DAY, [now() - timedelta(hours=24)])])


def worst_incidents() -> list[Incident]:
    """Open ones, the worst first; what is part of another is told there."""
    return list(open_incidents().filter(parent=None)[:6])


def needs_a_person() -> list[Notice]:
    """Open notices that ask for something and are told nowhere else."""
    return _notices_alone(8)


def _asking() -> list[int]:
    """The severity of each thing that asks for a person: incidents, and notices that are none."""
    wholes = list(Incident.objects.filter(resolved_at=None, parent=None, severity__gte=Severity.WARNING).values_list("severity", flat=True))
    return wholes + [notice.severity for notice in _notices_alone(MOST_ASKING)]


def _notices_alone(most: int) -> list[Notice]:
    """Notices that no open incident tells: alert rules may be off, or somebody ended it by hand."""
    here = Incident.objects.filter(resolved_at=None).values_list("source", "subject", "rule__shipped")
    known, rules = {(source, subject) for source, subject, _ in here}, {rule for *_, rule in here if rule}
    found = open_notices().filter(severity__gte=Severity.WARNING).exclude(kind__in=[kind for kind, rule in COVERED_BY.items() if rule in rules])
    return [one for one in found[: len(known) + most] if (NOTICE + one.kind, one.scope) not in known][:most]


def done_by_itself() -> list[Notice]:
    """Open notices that only tell."""
    return list(open_notices().filter(severity=Severity.INFO)[:8])


def simulated_until() -> datetime | None:
    """Until when the minutes are generated; None: never were."""
    mark = Notice.objects.filter(kind="history.simulated").values_list("evidence", flat=True).first()
    return datetime.fromisoformat(mark["until"]) if mark else None


def _read_overview() -> Overview:
    at = now()
    depth = queue()
    providers = _providers()
    first_try, _ = select(_FIRST_TRY, [at - timedelta(minutes=60), at])[0]
    week_ago, _ = select(_FIRST_TRY, [at - timedelta(days=7, minutes=60), at - timedelta(days=7)])[0]
    (percentiles, _), (sending, stopped, limited), (given_back, unknowable), (wanted, engines, all_zones, watched) = (
        select(_LATENCY, [lowest_id_at(int((at - timedelta(minutes=5)).timestamp() * 1000))])[0], select(_PATHS)[0], select(_VERDICTS)[0], select(_PLACES)[0],
    )  # fmt: skip
    asking = _asking()
    oldest = depth.oldest_transactional_at
    situation = Situation(
        per_s=sum(row.per_s for row in flow()),
        first_try=first_try,
        engines=engines,
        engines_wanted=wanted,
        zones=all_zones,
        zones_watched=min(watched, all_zones),
        queued=depth.total.rows,
        oldest_transactional_s=max(0.0, (at - oldest).total_seconds()) if oldest else None,
        providers=tuple(provider for _, provider in providers),
        went_twice=unknowable,
        given_back=given_back,
        notices=len(asking),
        critical=sum(severity >= Severity.CRITICAL for severity in asking),
    )
    median_s, p99_s = percentiles or (None, None)
    return Overview(situation, depth, week_ago, median_s, p99_s, sending, stopped, limited)


def _providers() -> list[tuple[int, ProviderNow]]:
    return [(id_, ProviderNow(_short_name(name), *counts)) for id_, name, _, *counts in select(_PROVIDERS)]


def _read_flow() -> list[FlowRow]:
    rows = select(_FLOW)
    window_s = 60.0 + now().second
    pools, providers = dict(select(_NAMES)), dict(_providers())
    return [FlowRow(purpose, pools.get(pool, "–"), providers.get(provider), provider, count / window_s) for purpose, pool, provider, count, _ in rows]


def _read_zones() -> list[ZoneNow]:
    engines, ips, minutes = _engines(), _ips(), _node_minutes()
    found: dict[tuple[str, str], list[NodeNow]] = {}
    for zone, zone_state, node_id, name, state, slots, _at, cpu, memory, load, disk, heard_s in select(_NODES):
        hour = minutes.get(node_id, (0.0,) * 12)
        mine = tuple(engines.get(node_id, ()))
        engines_of_node = tuple(_engine(name, *values) for values in mine)
        found.setdefault((zone, zone_state), []).append(
            NodeNow(name, _node_state(state, zone_state, heard_s, slots, engines_of_node), hour[-1], hour, cpu, memory, load, disk, heard_s, slots,
                    engines_of_node, tuple(ips.get(node_id, ())))
        )  # fmt: skip
    return [ZoneNow(zone, state, tuple(nodes)) for (zone, state), nodes in found.items()]


def _node_state(state: str, zone_state: str, heard_s: float | None, slots: int, engines: Sequence[EngineNow]) -> str:
    """One word for a node; the worst that is true."""
    if not {state, zone_state} <= {"active"}:
        return "draining" if engines else zone_state if zone_state != "active" else state
    if heard_s is None:
        return "waiting"
    if heard_s > 5 and not engines:
        return "dead"
    if heard_s > 5:
        return "limited, no agent"
    if not engines:
        return "limited, no engine"
    if any(engine.state == "suspected" for engine in engines):
        return "suspected"
    return "good" if len(engines) >= slots else "limited"


def _engine(
    node: str, id_: int, slot: int, pid: int, started_at: datetime, ago_s: float, suspected: bool, draining: bool, state: Any, in_hand: int
) -> EngineNow:
    word = "suspected" if suspected else "draining" if draining else "running"
    counters = state if isinstance(state, dict) else {}
    connections = counters.get("connections")
    return EngineNow(id_, f"{node}/{chr(ord('a') + slot)}", pid, started_at, ago_s, word, in_hand, connections if isinstance(connections, int) else None)


def _engines() -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for node_id, *values in select(_ENGINES):
        values[7] = json.loads(values[7]) if isinstance(values[7], str) else values[7]
        found.setdefault(node_id, []).append(tuple(values))
    return found


def _ips() -> dict[int, list[IpNow]]:
    found: dict[int, list[IpNow]] = {}
    for _id, address, name, state, node_id, *counts in select(_IP_MINUTES):
        found.setdefault(node_id, []).append(IpNow(address, name, state, *counts))
    return found


def _node_minutes() -> dict[int, tuple[float, ...]]:
    """Messages a second in the last twelve spans of five minutes; the last is the one that runs."""
    at = now()
    current = at.replace(minute=at.minute - at.minute % 5, second=0, microsecond=0)
    spans = [current - timedelta(minutes=5 * back) for back in range(11, -1, -1)]
    counts: dict[int, dict[datetime, int]] = {}
    for node_id, span, count in select(_NODE_MINUTES):
        counts.setdefault(node_id, {})[span] = count
    running_s = max(30.0, (at - current).total_seconds())
    seconds = [*(300.0 for _ in spans[1:]), running_s]
    return {node_id: tuple(by_span.get(span, 0) / lasted_s for span, lasted_s in zip(spans, seconds, strict=True)) for node_id, by_span in counts.items()}


def _short_name(name: str) -> str:
    """Outlook.com, of the catalogue's Outlook.com / Hotmail / Live / MSN."""
    return name.split(" / ")[0].split(" (")[0]


def _shared(key: str, seconds: int, read: Callable[[], T]) -> T:
    """What several fragments ask for within a moment is read once a process."""
    found: T | None = cache.get(f"monitoring.{key}")
    if found is None:
        found = read()
        cache.set(f"monitoring.{key}", found, seconds)
    return found
