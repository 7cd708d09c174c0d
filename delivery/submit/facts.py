"""Facts: what admission must know of a tenant, read from the database.

State, cap, domains and streams change seldom and are asked for by every request: they may be CACHE_S old. Suppressions are always
read fresh. Never decides anything.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Cursor

from delivery.domains.alignment import MISSING, lacks
from delivery.unsubscribe.offer import is_offered
from mailplatform.tenants.models import SendingDomain, Tenant
from pools.models import Pool, Stream
from pools.neighbours.policy import policy
from pools.purposes import Purpose

CACHE_S = 2.0
_CACHE_SIZE = 5_000


@dataclass(frozen=True, slots=True)
class StreamFacts:
    id: int
    name: str
    purpose: int
    pool_id: int
    unsubscribe_links: bool = False
    shared: bool = False  # its pool's IPs are others' too
    held_why: str = ""


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """A tenant as submission sees it; `domains` are the verified ones, by name; `unready` those of them from which no marketing goes over shared IPs:
    their number, and what is missing."""

    id: int
    name: str
    state: str
    daily_cap: int | None
    bulk_per_minute: int | None
    domains: dict[str, int]
    unready: dict[str, tuple[int, str]]
    unverified: frozenset[str]
    streams: dict[str, StreamFacts]
    default_stream: str | None


_cache: dict[int, tuple[float, TenantFacts]] = {}


def facts_of(tenant_id: int) -> TenantFacts:
    """The tenant's facts, at most CACHE_S old."""
    known = _cache.get(tenant_id)
    if known and time.monotonic() - known[0] < CACHE_S:
        return known[1]
    if len(_cache) >= _CACHE_SIZE:
        _cache.clear()
    facts = _load(tenant_id)
    _cache[tenant_id] = (time.monotonic(), facts)
    return facts


def forget_cached() -> None:
    """For tests, and for whoever just changed a tenant in this process."""
    _cache.clear()


def _load(tenant_id: int) -> TenantFacts:
    tenant = Tenant.objects.get(pk=tenant_id)
    domains = list(SendingDomain.objects.filter(tenant=tenant).values_list("name", "id", "verified_at"))
    streams = list(Stream.objects.filter(tenant=tenant).select_related("pool"))
    defaults = [stream.name for stream in streams if stream.is_default] or [stream.name for stream in streams if len(streams) == 1]
    asks = policy().asks_alignment and any(stream.purpose == Purpose.MARKETING for stream in streams)
    return TenantFacts(
        id=tenant.pk,
        name=tenant.name,
        state=tenant.state,
        daily_cap=tenant.daily_cap,
        bulk_per_minute=tenant.bulk_per_minute,
        domains={name: pk for name, pk, verified_at in domains if verified_at},
        unready=_unready(tenant) if asks else {},
        unverified=frozenset(name for name, _, verified_at in domains if not verified_at),
        streams={stream.name: _stream(stream) for stream in streams},
        default_stream=defaults[0] if defaults else None,
    )


def _unready(tenant: Tenant) -> dict[str, tuple[int, str]]:
    """The few whose last check found something missing: verdicts are long, and a tenant may have many domains."""
    found = SendingDomain.objects.filter(tenant=tenant, verified_at__isnull=False).extra(where=["verdict @? %s::jsonpath"], params=[MISSING])
    return {name: (pk, no) for name, pk, verdict in found.values_list("name", "id", "verdict") if (no := lacks(verdict))}


def _stream(stream: Stream) -> StreamFacts:
    offered = is_offered(stream.purpose, stream.one_click_unsubscribe)
    return StreamFacts(stream.pk, stream.name, stream.purpose, stream.pool_id, offered, stream.pool.kind != Pool.Kind.DEDICATED, stream.held_why)


SUPPRESSED = """
    SELECT s.tenant_id, s.address, s.stream_id, s.reason
      FROM unnest(%s::int8[], %s::text[]) AS w(tenant_id, address)
      JOIN delivery_suppression s USING (tenant_id, address)
"""


@dataclass(frozen=True, slots=True)
class Suppressions:
    """Which of the asked addresses must not be mailed: by (address in lower case, stream or None for all), why."""

    found: dict[tuple[str, int | None], str]

    def reason(self, addr: str, stream_id: int) -> str | None:
        """Why this stream may not mail the address; None when it may."""
        if not self.found:
            return None
        lower = addr.lower()
        return self.found.get((lower, None)) or self.found.get((lower, stream_id))


@dataclass(frozen=True, slots=True)
class SuppressionsByTenant:
    by_tenant: dict[int, Suppressions]

    def of(self, tenant_id: int) -> Suppressions:
        return self.by_tenant.get(tenant_id, NO_SUPPRESSIONS)


NO_SUPPRESSIONS = Suppressions({})


def suppressions(cursor: Cursor, asked: Sequence[tuple[int, str]]) -> SuppressionsByTenant:
    """Those among these (tenant, address). Serves from the index of the constraint suppression_once."""
    if not asked:
        return SuppressionsByTenant({})
    pairs = list({(tenant, addr.lower()) for tenant, addr in asked})
    found: dict[int, dict[tuple[str, int | None], str]] = {}
    for tenant, address, stream, reason in cursor.execute(SUPPRESSED, [[tenant for tenant, _ in pairs], [addr for _, addr in pairs]]):
        found.setdefault(tenant, {})[address, stream] = reason
    return SuppressionsByTenant({tenant: Suppressions(some) for tenant, some in found.items()})
