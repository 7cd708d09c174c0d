"""Ways: which sending IPs may take a pool's mail to a provider, and how each of them stands now.

Owns: the reading behind "what does it wait for", for lanes, deliveries and path pages. Promises: three statements however many lanes, each by primary or
unique key (pools, addresses with their owner, paths); no table of mail is touched. Who owns an IP and which engines live stands in delivery's
tables, above this app: read as rows, by name. Never: changes anything.
"""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from mailplatform.shell.clock import now
from pools.holds import ORDER, Place, Said, Standing, standing
from pools.learned import from_json
from pools.models import Path, Provider, SendingIP
from pools.returning import returns

SILENT_AFTER_MS = 1500  # a lease is renewed every 150 ms; pages are not judges and forgive more than those
_MEMBERS = """
    SELECT p.id, m.ip_id, CASE WHEN m.own THEN 'own' ELSE 'borrowed' END FROM pools_pool p JOIN pools_poolmember m ON m.pool_id = p.id
     WHERE p.id = ANY (%(pools)s)
    UNION ALL
    SELECT p.id, m.ip_id, 'fallback' FROM pools_pool p JOIN pools_poolmember m ON m.pool_id = p.fallback_id
     WHERE p.id = ANY (%(pools)s) AND NOT EXISTS (SELECT 1 FROM pools_poolmember own WHERE own.pool_id = p.id AND own.ip_id = m.ip_id)
"""
_PLACES = """
    SELECT ip.id, host(ip.address), ip.state, n.name, n.state, z.name, z.state, coalesce(o.name || '/' || chr(97 + e.slot), ''),
           coalesce(e.draining, false), coalesce(e.suspected_at IS NOT NULL OR e.renewed_at < platform_now() - %(silent)s * interval '1 ms', false),
           EXISTS (SELECT 1 FROM delivery_engine a WHERE a.node_id = n.id AND NOT a.draining)
      FROM pools_sendingip ip JOIN pools_node n ON n.id = ip.node_id JOIN pools_zone z ON z.id = n.zone_id
      LEFT JOIN delivery_iplease l ON l.ip_id = ip.id LEFT JOIN delivery_engine e ON e.id = l.engine_id LEFT JOIN pools_node o ON o.id = e.node_id
     WHERE ip.id = ANY (%(ips)s)
"""
_ROLES = ("own", "borrowed", "fallback")
Lane = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Way:
    """One sending IP for one lane. `path_id` is None where nothing was sent yet."""

    ip_id: int
    address: str
    role: str  # own, borrowed, fallback
    place: Place
    standing: Standing
    path_id: int | None = None
    path_state: str = "open"
    score: float | None = None
    learned: bool = False

    @property
    def may_lift(self) -> bool:
        """Whether there is something that was learned, and a button would forget it."""
        return self.path_id is not None and (self.learned or self.standing.hold in ("suspended", "circuit"))

    @property
    def resumes(self) -> str:
        """Which of the two a person paused, and may let go: `ip`, `path` or neither."""
        if self.place.ip_state == SendingIP.State.PAUSED:
            return "ip"
        return "path" if self.path_state == Path.State.PAUSED and self.place.ip_state == SendingIP.State.ACTIVE else ""


def ways_of(lanes: Collection[Lane]) -> dict[Lane, tuple[Way, ...]]:
    """Every way of these lanes, the first to be free on top."""
    if not lanes:
        return {}
    members = _members({pool for pool, _ in lanes})
    places = places_of({ip for rows in members.values() for ip, _ in rows})
    provider_ids = {provider for _, provider in lanes}
    paths = {(path.ip_id, path.provider_id): path for path in Path.objects.filter(ip_id__in=places, provider_id__in=provider_ids)}
    names = dict(Provider.objects.filter(pk__in=provider_ids).values_list("id", "name"))
    at = now()
    return {
        (pool, provider): tuple(sorted(
            (_way(ip, role, *places[ip], paths.get((ip, provider)), names.get(provider, "the provider"), at) for ip, role in members.get(pool, ())),
            key=_as_free,
        ))
        for pool, provider in lanes
    }  # fmt: skip


def way_of(path: Path) -> Way:
    """One path's way, whatever pools it serves."""
    address, place = places_of([path.ip_id])[path.ip_id]
    return _way(path.ip_id, "own", address, place, path, str(path.provider), now())


def places_of(ip_ids: Iterable[int]) -> dict[int, tuple[str, Place]]:
    """Addresses, and where they are."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACES, {"ips": list(ip_ids), "silent": SILENT_AFTER_MS})
        return {row[0]: (row[1], Place(*row[2:])) for row in cursor.fetchall()}


def said_of(path: Path) -> Said:
    """What is kept of a path, as `standing` wants it."""
    return Said(path.state, path.binds, path.binds_until, path.limits_now, path.why, path.suspended_until, path.circuit_failures, path.state_why)


def _members(pools: Collection[int]) -> dict[int, list[tuple[int, str]]]:
    found: dict[int, list[tuple[int, str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, {"pools": list(pools)})
        for pool, ip, role in cursor.fetchall():
            found.setdefault(pool, []).append((ip, role))
    return found


def _way(ip: int, role: str, address: str, place: Place, path: Path | None, provider: str, at: datetime) -> Way:
    if path is None:
        return Way(ip, address, role, place, standing(place, Said(), provider, at))
    stands = standing(place, said_of(path), provider, at)
    return Way(ip, address, role, place, stands, path.pk, path.state, path.score, bool(returns(from_json(path.learned), at.timestamp())))


def _as_free(way: Way) -> tuple[int, float, int, str]:
    until = way.standing.until
    return ORDER.index(way.standing.hold), until.timestamp() if until else math.inf, _ROLES.index(way.role), way.address
