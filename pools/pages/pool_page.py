"""A pool's page: which of its members carried how much, how much went along others' IPs, and what is left at each provider if one of them leaves.

The first half is pure. Promises: a handful of statements however many members; shares are of the last 24 hours, by hours and the minutes of this one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from mailplatform.shell.charts import Chart
from mailplatform.shell.formats import number, percent, plural
from pools.models import Pool, SendingIP
from pools.pages import deeds, matrix_rows
from pools.pages.deeds import Deed
from pools.pages.matrix import OTHERS, OUT, Cell, Facts, Wanted, build
from pools.pages.why import Made, history, made_of, rules_now

# Whole hours from their sums, the rest of the day from its minutes: what is summed up may be a few minutes old.
_SHARES = """
    WITH edge AS (SELECT date_trunc('hour', platform_now()) AS hour)
    SELECT ip_id, sum(attempted)::bigint, sum(delivered)::bigint FROM (
        SELECT h.ip_id, h.attempted, h.delivered FROM pools_poolhour h, edge
         WHERE h.pool_id = %(pool)s AND h.hour >= edge.hour - interval '23 h' AND h.hour < edge.hour
        UNION ALL
        SELECT m.ip_id, m.attempted, m.delivered FROM pools_poolminute m, edge WHERE m.pool_id = %(pool)s AND m.minute >= edge.hour) both_of_them
     GROUP BY 1
"""
_TENANTS = """
    SELECT t.name, sum(h.delivered)::bigint FROM pools_streamhour h JOIN tenants_tenant t ON t.id = h.tenant_id
     WHERE h.pool_id = %s AND h.hour >= date_trunc('hour', platform_now()) - interval '23 h' GROUP BY 1 ORDER BY 2 DESC LIMIT 12
"""


@dataclass(frozen=True, slots=True)
class Member:
    """An IP that carried some of a pool's mail, or could have. `role`: own, borrowed, fallback or former."""

    ip_id: int
    address: str
    role: str
    attempted: int
    delivered: int
    share: float
    score: float | None
    leaves: str  # what happens if it does


@dataclass(frozen=True, slots=True)
class PoolPage:
    members: tuple[Member, ...]
    delivered: int
    tenants: tuple[tuple[str, int], ...]
    deeds: tuple[Deed, ...]
    history: Chart
    made: Made | None
    not_open: tuple[tuple[Cell, str, str], ...]  # cell, address, provider

    @property
    def carried(self) -> str:
        """How much went along IPs that are not the pool's own."""
        by = {role: sum(one.delivered for one in self.members if one.role == role) for role in ("borrowed", "fallback", "former")}
        said = [f"{number(count)} ({percent(count, self.delivered)}) {_ROLE_WORDS[role]}" for role, count in by.items() if count]
        if not self.delivered:
            return "Nothing went through it in the last 24 hours."
        return f"{plural(self.delivered, 'delivery', 'deliveries')} in the last 24 hours; {', '.join(said) if said else 'all along its own IPs'}."


_ROLE_WORDS = {"borrowed": "along borrowed IPs", "fallback": "along its fallback", "former": "along IPs that have left it"}


def leaves(ip_id: int, share: float, open_at: Mapping[int, Collection[int]], own: Collection[int], others: Collection[int], names: Mapping[int, str]) -> str:
    """If this member leaves. `open_at`: provider to the IPs whose path there is open; `others`: borrowed members and the fallback's."""
    rest = [one for one in own if one != ip_id]
    lonely = [provider for provider, ips in open_at.items() if ip_id in ips and not any(one in ips for one in rest)]
    bare = [provider for provider in lonely if not any(one in open_at[provider] for one in others)]
    if bare:
        return f"Nothing else is open at {_places(bare, names)}: it would stay there at a reduced rate."
    if lonely:
        return f"Its mail to {_places(lonely, names)} would go along borrowed IPs or the fallback."
    if not rest:
        return "Borrowed IPs or the fallback would carry everything." if others else "Nothing else would carry its mail."
    return f"{plural(len(rest), 'other IP')} would take its {percent(share, 1, 0)}."


def read(pool: Pool, at: datetime) -> PoolPage:
    facts = matrix_rows.read()
    roles = _roles(pool, facts)
    with connection.cursor() as cursor:
        cursor.execute(_SHARES, {"pool": pool.pk})
        carried = {ip: (attempted, delivered) for ip, attempted, delivered in cursor.fetchall()}
        cursor.execute(_TENANTS, [pool.pk])
        tenants = tuple(cursor.fetchall())
    addresses = {ip.id: ip.address for ip in facts.ips}
    delivered = sum(count for _, count in carried.values())
    open_at = _open_at(facts)
    own = [ip for ip, role in roles.items() if role == "own"]
    others = [ip for ip, role in roles.items() if role in ("borrowed", "fallback")]
    members = []
    for ip in sorted({*roles, *carried}, key=lambda one: (_ORDER.index(roles.get(one, "former")), -carried.get(one, (0, 0))[1])):
        role, (tried, done) = roles.get(ip, "former"), carried.get(ip, (0, 0))
        if role in ("fallback", "former") and not tried:
            continue
        scores = [(cell.attempts + 1, cell.score) for (one, _), cell in facts.cells.items() if one == ip and cell.score is not None]
        score = sum(weight * value for weight, value in scores) / sum(weight for weight, _ in scores) if scores else None
        share = done / delivered if delivered else 0.0
        told = leaves(ip, share, open_at, own, others, facts.names) if role == "own" else ""
        members.append(Member(ip, addresses.get(ip, "?"), role, tried, done, share, score, told))
    drawn = history(scope="pool", pool_id=pool.pk, at=at, rules=rules_now())
    made = made_of("pool", at, pool_id=pool.pk)
    return PoolPage(tuple(members), delivered, tenants, tuple(deeds.of_pool(pool.pk)), drawn, made, _not_open(pool, facts, addresses))


_ORDER = ("own", "borrowed", "fallback", "former")


def _roles(pool: Pool, facts: Facts) -> dict[int, str]:
    roles = {one.ip_id: "own" if one.own else "borrowed" for one in facts.members if one.pool == pool.name}
    if pool.fallback:
        for ip in SendingIP.objects.filter(pools=pool.fallback).values_list("pk", flat=True):
            roles.setdefault(ip, "fallback")
    return roles


def _open_at(facts: Facts) -> dict[int, set[int]]:
    """By large provider; a path on probation carries too little to cover another."""
    found: dict[int, set[int]] = {}
    for (ip, provider), cell in facts.cells.items():
        if provider != OTHERS and cell.state not in OUT and cell.share >= 50:
            found.setdefault(provider, set()).add(ip)
    return found


def _not_open(pool: Pool, facts: Facts, addresses: Mapping[int, str]) -> tuple[tuple[Cell, str, str], ...]:
    made = build(facts, Wanted(pool=pool.name))
    return tuple((cell, addresses[cell.ip_id], facts.names[cell.provider_id]) for cell in made.cells if cell.state != "open")[:12]


def _places(providers: Sequence[int], names: Mapping[int, str]) -> str:
    said = [names.get(one, "?") for one in providers[:3]]
    return ", ".join(said) + (f" and {len(providers) - 3} more" if len(providers) > 3 else "")
