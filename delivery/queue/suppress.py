"""Suppress: addresses that a tenant must not mail any more, in the caller's transaction. The first reason stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Cursor

SUPPRESS = """
    INSERT INTO delivery_suppression (tenant_id, stream_id, address, reason, detail, created_at)
    SELECT tenant_id, stream_id, lower(address), reason, detail, %(now)s
      FROM unnest(%(tenants)s::int8[], %(streams)s::int8[], %(addresses)s::text[], %(reasons)s::text[], %(details)s::text[])
        AS u(tenant_id, stream_id, address, reason, detail)
     ORDER BY tenant_id, lower(address)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Suppress:
    tenant_id: int
    address: str
    reason: str  # delivery.models.Suppression.Reason
    detail: str = ""
    stream_id: int | None = None  # none: all of the tenant's mail


def suppress(cursor: Cursor, wanted: Sequence[Suppress], now: datetime) -> int:
    """How many were new. In one order whoever asks, so that two batches never wait for each other in a circle."""
    return cursor.execute(SUPPRESS, {
        "now": now,
        "tenants": [one.tenant_id for one in wanted],
        "streams": [one.stream_id for one in wanted],
        "addresses": [one.address for one in wanted],
        "reasons": [one.reason for one in wanted],
        "details": [one.detail[:500] for one in wanted],
    }).rowcount if wanted else 0  # fmt: skip
