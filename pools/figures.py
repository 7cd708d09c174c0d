"""Figures of pools, sending IPs and providers for the console. Small tables by whole, path minutes by the last hour and by index."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count

from mailplatform.shell.clock import now
from pools.models import Node, Path, Pool, PoolMember, Provider, SendingIP, Zone
from pools.mood import mood_words
from pools.providers.profile import Profile, profile_of

HOUR_MIN = 60
PATHS_SHOWN = 200
_HOUR = """
    SELECT {by}, sum(attempted), sum(delivered), sum(deferred), sum(rerouted),
           sum(bounced_recipient + bounced_message + bounced_infrastructure + bounced_destination), sum(connect_failures)
      FROM pools_pathminute
     WHERE minute >= platform_now() - interval '1 hour' AND {column} = ANY (%s)
     GROUP BY {by}
"""
_SPARK = """
    SELECT ip_id, minute, sum(attempted) FROM pools_pathminute
     WHERE minute >= platform_now() - interval '1 hour' AND ip_id = ANY (%s) GROUP BY ip_id, minute
"""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What happened in the last hour."""

    attempted: int = 0
    delivered: int = 0
    deferred: int = 0
    rerouted: int = 0
    bounced: int = 0
    connect_failures: int = 0


@dataclass(frozen=True, slots=True)
class IpRow:
    """A sending IP in a pool, or alone."""

    ip: SendingIP
    state: str
    engine: str
    traffic: Traffic
    spark: tuple[float, ...]
    borrowed: bool = False


@dataclass(frozen=True, slots=True)
class PoolRow:
    pool: Pool
    ips: tuple[IpRow, ...]
    streams: int

    @property
    def sending(self) -> int:
        return sum(row.state == "active" for row in self.ips)


@dataclass(frozen=True, slots=True)
class PathRow:
    """A path with what limits it."""

    path: Path
    state: str
    traffic: Traffic
    learned: str


def state_of(ip: SendingIP, owned: bool) -> str:
    """One word for whether an IP sends: its node's and zone's state come first."""
    if ip.node.zone.state != Zone.State.ACTIVE or ip.node.state != Node.State.ACTIVE:
        return "drained"
    if ip.state != SendingIP.State.ACTIVE:
        return str(ip.state)
    return "active" if owned else "waiting"


def pools() -> list[PoolRow]:
    """Every pool with its members."""
    members = PoolMember.objects.select_related("ip__node__zone").order_by("-own", "ip__address")
    by_pool: dict[int, list[PoolMember]] = defaultdict(list)
    for member in members:
        by_pool[member.pool_id].append(member)
    ips = {member.ip.pk: member.ip for member in members}
    rows = {row.ip.pk: row for row in ip_rows(ips.values())}
    found = Pool.objects.select_related("tenant", "fallback").annotate(stream_count=Count("streams"))
    return [
        PoolRow(pool, tuple(_in_pool(rows[member.ip_id], member) for member in by_pool[pool.pk]), pool.stream_count)  # type: ignore[attr-defined]
        for pool in found
    ]


def ip_rows(ips: Iterable[SendingIP]) -> list[IpRow]:
    """IPs with who owns them and what they sent."""
    ips = list(ips)
    ids = [ip.pk for ip in ips]
    owners = _owners(ids)
    hour = _traffic("ip_id", "ip_id", ids)
    sparks = _sparks(ids)
    return [IpRow(ip, state_of(ip, ip.pk in owners), owners.get(ip.pk, ""), hour.get((ip.pk,), Traffic()), sparks.get(ip.pk, ())) for ip in ips]


def path_rows(ip: SendingIP | None = None, provider: Provider | None = None) -> list[PathRow]:
    """The paths of an IP or to a provider, those that are limited first."""
    wanted = {"ip_id": ip.pk} if ip else {"provider_id": provider.pk} if provider else {}
    found = list(Path.objects.select_related("ip", "provider").filter(**wanted).order_by("score", "-updated_at")[:PATHS_SHOWN])
    hour = _traffic("ip_id, provider_id", next(iter(wanted), "ip_id"), list(wanted.values()))
    rows = [PathRow(path, path_state(path, now()), hour.get((path.ip_id, path.provider_id), Traffic()), learned_words(path.learned)) for path in found]
    return sorted(rows, key=lambda row: (row.state == "open", -row.traffic.attempted))


def path_state(path: Path, at: datetime) -> str:
    """Its state, or that it backs off for a while."""
    if path.state != Path.State.OPEN:
        return str(path.state)
    return "backing off" if path.suspended_until and path.suspended_until > at else "open"


def learned_words(learned: dict[str, object]) -> str:
    """What was learned below the profile's limits, and the provider's mood."""
    words = [f"{name.replace('_', ' ')} {value:g}" for name, value in learned.items() if isinstance(value, int | float) and not isinstance(value, bool)]
    return ", ".join([*words, *filter(None, [mood_words(learned.get("mood"))])])


@dataclass(frozen=True, slots=True)
class ProviderRow:
    provider: Provider
    profile: Profile
    traffic: Traffic


def provider_rows(providers: Sequence[Provider]) -> list[ProviderRow]:
    """Providers with the limits that hold for one IP there and the last hour."""
    default = default_provider()
    hour = _traffic("provider_id", "provider_id", [provider.pk for provider in providers])
    return [ProviderRow(provider, profile_of(provider, default), hour.get((provider.pk,), Traffic())) for provider in providers]


def default_provider() -> Provider:
    """The profile of the long tail."""
    return Provider.objects.filter(key="default").first() or Provider(key="default", name="Default")


def _in_pool(row: IpRow, member: PoolMember) -> IpRow:
    return IpRow(row.ip, row.state, row.engine, row.traffic, row.spark, borrowed=not member.own)


def _owners(ids: list[int]) -> dict[int, str]:
    """Which engine owns which IP. The tables are delivery's, above this app: read as rows, by name."""
    sql = """
        SELECT l.ip_id, n.name || '/' || chr(97 + e.slot) FROM delivery_iplease l
          JOIN delivery_engine e ON e.id = l.engine_id JOIN pools_node n ON n.id = e.node_id WHERE l.ip_id = ANY (%s)"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [ids])
        return dict(cursor.fetchall())


def _traffic(by: str, column: str, ids: list[int]) -> dict[tuple[int, ...], Traffic]:
    keys = by.count(",") + 1
    with connection.cursor() as cursor:
        cursor.execute(_HOUR.format(by=by, column=column), [ids])
        return {tuple(row[:keys]): Traffic(*map(int, row[keys:])) for row in cursor.fetchall()}


def _sparks(ids: list[int]) -> dict[int, tuple[float, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_SPARK, [ids])
        seen = {(ip, minute): float(count) for ip, minute, count in cursor.fetchall()}
    last = now().replace(second=0, microsecond=0)
    minutes = [last - timedelta(minutes=n) for n in range(HOUR_MIN, -1, -1)]
    return {ip: tuple(seen.get((ip, minute), 0.0) for minute in minutes) for ip in {ip for ip, _ in seen}}
