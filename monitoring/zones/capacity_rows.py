"""What `capacity` judges by: the present load, pools' sending IPs, paths' limits, what nodes and their machines have shown. All SQL of it stands here.

Ten statements whatever the size; minutes are read by ranges of their time: a quarter of an hour by path, an hour by node and stream.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from mailplatform.shell.clock import now
from mailplatform.shell.database.rows import select
from mailplatform.shell.formats import number
from monitoring.zones.carry import Facts, Load, NodeFacts, Source
from monitoring.zones.room import Caps, Room, room_of
from pools.binds import CIRCUIT_OPENS_AT
from pools.failover.returns import returning
from pools.learned import from_json, recover
from pools.models import Path, Provider, SendingIP
from pools.providers.profile import Profile, profile_of

ENGINE_PER_S = 300.0  # what one engine is believed to do unseen: with TLS and RSA a fifth of what two cores did (docs/benchmarks.md)
MESSAGE_CPU_S = 0.0011  # of the whole platform, with TLS and RSA (docs/benchmarks.md)
CPU_FULL_PERCENT = 80.0  # beyond this, engines wait for processors and are taken for frozen now and then
WORTH_SCALING_PER_S = 50.0  # below this a machine's load says nothing of what a message costs
FRESH_S = 10.0

_LOADS = """
    WITH fullest AS (SELECT minute FROM pools_streamminute WHERE minute >= date_trunc('minute', platform_now()) - interval '15 min'
                        AND minute < date_trunc('minute', platform_now()) GROUP BY 1 ORDER BY sum(attempted) DESC LIMIT 1)
    SELECT pool_id, provider_id, purpose, sum(attempted) FILTER (WHERE minute = (SELECT minute FROM fullest))::float8 / 60, sum(attempted)::float8 / 3600
      FROM pools_streamminute WHERE minute >= date_trunc('minute', platform_now()) - interval '60 min' AND minute < date_trunc('minute', platform_now())
       AND provider_id <> 0 GROUP BY 1, 2, 3
"""
_MEMBERS = """
    SELECT p.id, p.name, m.ip_id, EXISTS (SELECT 1 FROM pools_stream s WHERE s.pool_id = p.id)
      FROM pools_pool p LEFT JOIN pools_poolmember m ON m.pool_id = p.id AND (m.own OR p.borrowing_closed_at IS NULL)
    UNION ALL
    SELECT p.id, p.name, m.ip_id, false FROM pools_pool p JOIN pools_poolmember m ON m.pool_id = p.fallback_id WHERE p.borrowing_closed_at IS NULL
"""
_NODES = """
    SELECT n.id, n.name, z.name, coalesce((SELECT min(m.name) FROM monitoring_machine m JOIN monitoring_machine_nodes l ON l.machine_id = m.id
                                            WHERE l.node_id = n.id), 'node ' || n.name),
           (SELECT count(*) FROM delivery_engine e WHERE e.node_id = n.id AND NOT e.draining AND e.renewed_at > platform_now() - interval '2 s'),
           CASE WHEN r.at > platform_now() - %(fresh)s * interval '1 s' THEN r.cpu_percent END,
           extract(epoch FROM platform_now() - v.back_at)::float8, v.takes_s
      FROM pools_node n JOIN pools_zone z ON z.id = n.zone_id LEFT JOIN monitoring_nodereport r ON r.node_id = n.id
      LEFT JOIN pools_nodereturn v ON v.node_id = n.id AND v.back_at > platform_now() - make_interval(secs => v.takes_s)
     WHERE n.state = 'active' AND z.state = 'active'
"""
_NODE_MINUTES = """
    SELECT i.node_id, m.minute, sum(m.attempted)::float8 / 60 FROM pools_pathminute m JOIN pools_sendingip i ON i.id = m.ip_id
     WHERE m.minute >= date_trunc('minute', platform_now()) - interval '60 min' AND m.minute < date_trunc('minute', platform_now()) GROUP BY 1, 2
"""
_ANSWERS = """
    SELECT provider_id, sum(latency_ms_sum)::float8 / nullif(sum(attempted), 0) / 1000 FROM pools_pathminute
     WHERE minute >= date_trunc('minute', platform_now()) - interval '15 min' AND latency_ms_sum > 0 GROUP BY 1
"""


def facts_now() -> Facts:
    at = now()
    loads = [Load(pool, provider, purpose, peak or 0.0, mean) for pool, provider, purpose, peak, mean in select(_LOADS)]
    providers = {load.provider for load in loads if load.per_s}
    pools, wanted = _pools()
    ips = {ip.pk: ip for ip in SendingIP.objects.all()}
    nodes, machines = _nodes()
    names, rooms = _rooms(providers, ips, at)
    sources = {key: Source(str(ip.address), ip.node_id) for key, ip in ips.items() if ip.state == SendingIP.State.ACTIVE and ip.node_id in nodes}
    return Facts([load for load in loads if load.per_s], pools, names, sources, nodes, machines, rooms, wanted)


def _pools() -> tuple[dict[int, tuple[str, list[int]]], set[int]]:
    found: dict[int, tuple[str, list[int]]] = {}
    wanted = set()
    for pool, name, ip, has_streams in select(_MEMBERS):
        members = found.setdefault(pool, (name, []))[1]
        if ip is not None and ip not in members:
            members.append(ip)
        if has_streams:
            wanted.add(pool)
    return found, wanted


def _rooms(wanted: set[int], ips: Mapping[int, SendingIP], at: datetime) -> tuple[dict[int, str], dict[tuple[int, int], Room]]:
    """Every sending IP at every provider that mail goes to now; one with nothing sent yet has the profile's limits and its own first caps."""
    answers: dict[int, float] = dict(select(_ANSWERS))
    providers = list(Provider.objects.filter(pk__in=wanted))
    default = Provider.objects.filter(key="default").first() or Provider(key="default")
    paths = {(path.ip_id, path.provider_id): path for path in Path.objects.filter(provider_id__in=wanted)}
    rooms = {}
    for provider in providers:
        profile = profile_of(provider, default)
        for key, ip in ips.items():
            rooms[key, provider.pk] = room_of(profile, caps_of(paths.get((key, provider.pk)), ip, profile, at), answers.get(provider.pk))
    return {provider.pk: provider.name.split(" / ")[0].split(" (")[0] for provider in providers}, rooms


def caps_of(path: Path | None, ip: SendingIP, profile: Profile, at: datetime) -> Caps:
    """What a path's row says of it, in the terms of `room`."""
    if path is None:
        return Caps(hour=_cap(ip.warm_default_per_hour), day=_cap(ip.warm_default_per_day))
    learned = recover(from_json(path.learned), at.timestamp())
    stopped = ""
    if path.state in (Path.State.PAUSED, Path.State.QUARANTINED):
        stopped = str(path.state)
    elif path.suspended_until and path.suspended_until > at:
        stopped = "suspended by its replies"
    elif path.circuit_failures >= CIRCUIT_OPENS_AT:
        stopped = "its connections fail"
    hour, day = path.warm_per_hour, path.warm_per_day
    if hour is None and day is None and not path.warmed:
        hour, day = ip.warm_default_per_hour, ip.warm_default_per_day
    per_hour = min((cap for cap in (_cap(hour), _cap(path.probation_per_hour, "probation")) if cap), default=None)
    used = path.limits_now.get("day_used") if isinstance(path.limits_now, dict) else None
    return Caps(
        stopped=stopped,
        share=path.share,
        connections=learned.connections.value if learned.connections else None,
        per_minute=learned.per_minute.value if learned.per_minute else None,
        hour=per_hour,
        day=_cap(day),
        day_used=used if isinstance(used, int) else 0,
    )


def _cap(value: int | None, by: str = "warming") -> tuple[int, str] | None:
    return None if value is None else (value, by)


def _nodes() -> tuple[dict[int, NodeFacts], dict[str, Room]]:
    minutes: dict[int, list[tuple[datetime, float]]] = defaultdict(list)
    for node, minute, per_s in select(_NODE_MINUTES):
        minutes[node].append((minute, per_s))
    nodes: dict[int, NodeFacts] = {}
    cpu: dict[str, float] = {}
    shown: dict[str, dict[datetime, float]] = defaultdict(lambda: defaultdict(float))  # a machine's minutes, all of its nodes together
    for key, name, zone, machine, engines, percent, back_s, takes_s in select(_NODES, {"fresh": FRESH_S}):
        share = 100 if back_s is None else returning(back_s, takes_s).share
        best = max((per_s for _, per_s in minutes[key]), default=0.0)
        believed = engines * ENGINE_PER_S
        per_s = max(best, believed) * share / 100 if engines else 0.0
        why = "no engine runs" if not engines else "its fullest minute in the last hour" if best > believed else f"{engines} × {ENGINE_PER_S:.0f} a second"
        nodes[key] = NodeFacts(name, zone, machine, per_s, why if share == 100 or not engines else f"{why}, of which it takes {share} % while it comes back")
        if percent is not None:
            cpu[machine] = max(cpu.get(machine, 0.0), percent)
        for minute, per_s in minutes[key]:
            shown[machine][minute] += per_s
    return nodes, {machine: machine_room(shown[machine], cpu.get(machine)) for machine in {node.machine for node in nodes.values()}}


def machine_room(shown: Mapping[datetime, float], cpu_percent: float | None) -> Room:
    """What a machine could carry with its processors at CPU_FULL_PERCENT; what it has shown in the last hour, for all of its nodes, in any case."""
    if cpu_percent is None:
        return Room(float("inf"), "its processors' load is not known")
    spare = max(0.0, CPU_FULL_PERCENT - cpu_percent)
    per_s = shown[max(shown)] if shown else 0.0
    more = spare / 100 / MESSAGE_CPU_S  # as if it had one processor: how many it has is not known here
    if per_s >= WORTH_SCALING_PER_S:
        more = max(more, per_s * spare / max(cpu_percent, 1.0))
    return Room(max(per_s + more, *shown.values(), 0.0), f"its processors are {number(cpu_percent)} % busy")
