"""Facts: what the database knows of deliveries that returned messages name: three statements by key, however many."""

from collections.abc import Iterable
from uuid import UUID

from psycopg import Cursor

from delivery.returns.arrived import Facts
from mailplatform.shell.ids import id_time_ms, lowest_id_at, message_of

# `BETWEEN` keeps to the days that are concerned: history is partitioned by the day in the id.
DELIVERIES = """
    SELECT d.id, d.tenant_id, d.recipient, d.final, coalesce(p.key, ''), m.stream_id, m.purpose, m.recipients
      FROM unnest(%(ids)s::uuid[], %(messages)s::uuid[]) AS u(id, message)
      JOIN delivery_delivery d ON d.id = u.id AND d.id BETWEEN %(first)s AND %(last)s
      JOIN delivery_message m ON m.id = u.message AND m.id BETWEEN %(first)s AND %(last)s AND m.tenant_id = d.tenant_id
      LEFT JOIN pools_provider p ON p.id = d.provider_id
"""
# The attempt that the provider took; one whose answer was lost may be it.
PATHS = """
    SELECT DISTINCT ON (u.id) u.id, a.ip_id, a.pool_id, a.provider_id, p.key
      FROM unnest(%(ids)s::uuid[], %(ends)s::uuid[]) AS u(id, last)
      JOIN delivery_attempt a ON a.id > u.id AND a.id <= u.last AND a.id BETWEEN %(first)s AND %(last)s AND a.verdict IN ('delivered', 'unknown')
      LEFT JOIN pools_provider p ON p.id = a.provider_id
     ORDER BY u.id, a.verdict = 'delivered' DESC, a.id DESC
"""
CLAIMED = "SELECT id FROM delivery_claimed WHERE id = ANY (%(ids)s)"


def facts_of(cursor: Cursor, ids: Iterable[UUID]) -> dict[UUID, Facts]:
    """Of those that exist."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    asked = {
        "ids": wanted,
        "messages": [message_of(one) for one in wanted],
        "ends": [UUID(int=one.int | 0xFF) for one in wanted],
        "first": lowest_id_at(id_time_ms(wanted[0])),
        "last": lowest_id_at(id_time_ms(wanted[-1]) + 1),
    }
    found = cursor.execute(DELIVERIES, asked).fetchall()
    paths = {row[0]: row[1:] for row in cursor.execute(PATHS, asked).fetchall()}
    open_ids = [row[0] for row in found if row[3] is None]
    claimed = {row[0] for row in cursor.execute(CLAIMED, {"ids": open_ids}).fetchall()} if open_ids else set()
    facts = {}
    for id_, tenant_id, recipient, final, key, stream_id, purpose, recipients in found:
        path = paths.get(id_)
        way = (path[0], path[1], path[2]) if path else None
        facts[id_] = Facts(id_, tenant_id, recipient, final, id_ in claimed, key or (path[3] if path else "") or "", stream_id, purpose, recipients, way)
    return facts
