"""Live scores: what the engine that owns a path says it is worth now, and how its provider has answered lately.

Engines write their paths' scores into their own row once a second, for each other (delivery.engine.standing); this reads one of them. The table is delivery's,
above this app: read as a row, by name. Promises: what cannot be read was not said.
"""

from dataclasses import dataclass

from django.db import connection

from pools.models import Path

# One row by its lease; its list has a few hundred entries at most.
_ENTRY = """
    SELECT (one.entry->>2)::float8, coalesce((one.entry->>5)::float8, 0), coalesce((one.entry->>6)::float8, 0), coalesce(one.entry->>7, ''),
           coalesce((e.state->>'health')::float8, 0)
      FROM delivery_iplease l JOIN delivery_engine e ON e.id = l.engine_id
     CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(e.state->'scores') WHEN 'array' THEN e.state->'scores' ELSE '[]' END) AS one(entry)
     WHERE l.ip_id = %(ip)s AND one.entry->>0 = %(ip)s::text AND one.entry->>1 = %(provider)s::text
"""


@dataclass(frozen=True, slots=True)
class LiveScore:
    """0 to 100; `refused` is a share of the last answers, `seen` how many those are, `health` what its node costs it."""

    score: float
    refused: float
    seen: float
    reason: str
    health: float


def live_score(path: Path) -> LiveScore | None:
    """None: nobody owns it, or it had no traffic lately and nothing is held against it."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTRY, {"ip": path.ip_id, "provider": path.provider_id})
        row = cursor.fetchone()
    return LiveScore(*row) if row else None
