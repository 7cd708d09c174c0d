"""Cover: whether a pool can do without a path, so that no pool empties itself; and how much a tenant's own pool has borrowed today. The first half is pure.

A pool is its members that may send (own first, in a hybrid pool borrowed ones) and its fallback's. Of a path that should leave: others left: it goes.
Only borrowed or fallback IPs left: it goes, the pool overflows. Nothing left: it stays at a reduced share, and people are told. Paths are asked about one
after the other, the worst first, each with what the former left behind: so what stays of a pool in trouble is its best.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.db import connection

ENOUGH_SHARE = 50  # a path on probation covers others from this share on


class Left(StrEnum):
    """What a pool has at a provider without a path."""

    OWN = "own"
    OTHERS = "others"  # borrowed or its fallback's
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Place:
    """A pool's members, by sending IP: `own`, `borrowed` or `fallback`. Only those that could send: active, on an active node."""

    id: int
    name: str
    tenant_id: int | None
    fallback: str
    members: Mapping[int, str] = field(default_factory=dict)


def left(pool: Place, without: int, closed: Collection[int]) -> Left:
    """`closed`: the IPs whose path there takes nothing, or too little to cover others."""
    roles = {role for ip, role in pool.members.items() if ip != without and ip not in closed}
    if "own" in roles:
        return Left.OWN
    return Left.OTHERS if roles else Left.NOTHING


def serving(pools: Iterable[Place], ip_id: int) -> list[Place]:
    """The pools that would miss this IP: as their own, or as borrowed where nothing is their own."""
    return [pool for pool in pools if pool.members.get(ip_id) in ("own", "borrowed")]


_POOLS = """
    SELECT p.id, p.name, p.tenant_id, coalesce(f.name, ''), p.borrowing_closed_at IS NOT NULL
      FROM pools_pool p LEFT JOIN pools_pool f ON f.id = p.fallback_id WHERE EXISTS (SELECT 1 FROM pools_stream s WHERE s.pool_id = p.id)
"""
_MEMBERS = """
    WITH able AS (SELECT ip.id FROM pools_sendingip ip JOIN pools_node n ON n.id = ip.node_id JOIN pools_zone z ON z.id = n.zone_id
                   WHERE ip.state = 'active' AND n.state = 'active' AND z.state = 'active')
    SELECT p.id, m.ip_id, 'fallback' FROM pools_pool p JOIN pools_poolmember m ON m.pool_id = p.fallback_id JOIN able ON able.id = m.ip_id
    UNION ALL
    SELECT m.pool_id, m.ip_id, CASE WHEN m.own THEN 'own' ELSE 'borrowed' END FROM pools_poolmember m JOIN able ON able.id = m.ip_id
"""
# A day's borrowing (UTC): what went along IPs that are not the pool's own, by its minutes: they are kept for days.
_BORROWED = """
    SELECT p.id, coalesce(sum(c.attempted), 0)::bigint
      FROM pools_pool p JOIN pools_poolminute c ON c.pool_id = p.id AND c.minute >= %(day)s
      LEFT JOIN pools_poolmember m ON m.pool_id = p.id AND m.ip_id = c.ip_id AND m.own
     WHERE p.tenant_id IS NOT NULL AND (p.borrow_per_day IS NOT NULL OR p.borrowing_closed_at IS NOT NULL) AND m.id IS NULL GROUP BY p.id
"""


def pools_now() -> dict[int, Place]:
    """Every pool that streams use."""
    with connection.cursor() as cursor:
        cursor.execute(_POOLS)
        rows = cursor.fetchall()
        closed = {pool for pool, *_, is_closed in rows if is_closed}
        cursor.execute(_MEMBERS)
        members: dict[int, dict[int, str]] = {}
        for pool, ip, role in cursor.fetchall():
            if role == "own" or pool not in closed:
                of_pool = members.setdefault(pool, {})
                if role != "fallback" or ip not in of_pool:
                    of_pool[ip] = role
    return {id_: Place(id_, name, tenant, fallback, members.get(id_, {})) for id_, name, tenant, fallback, _ in rows}


def borrowed_today(at: datetime) -> dict[int, int]:
    """Of pools whose borrowing is limited, how much was tried along others' IPs since midnight (UTC)."""
    with connection.cursor() as cursor:
        cursor.execute(_BORROWED, {"day": at.replace(hour=0, minute=0, second=0, microsecond=0)})
        return dict(cursor.fetchall())
