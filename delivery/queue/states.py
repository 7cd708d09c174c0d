"""States: in which state a delivery is. The final ones stand in the delivery, the live ones are told from the queue table.

One statement, one snapshot: a row that is being moved is seen in one table and not in two or none. Reads only.
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg import Cursor

from mailplatform.shell.ids import family_end

# What a waiting row's reason means to a tenant (docs/architecture.md). A retry before any attempt counted is still on its first way out.
OF_WAITING = """
    CASE why WHEN 'schedule' THEN 'scheduled'
             WHEN 'hold' THEN 'held'
             WHEN 'retry' THEN CASE WHEN attempts > 0 THEN 'deferred' ELSE 'queued' END
             ELSE 'queued' END
"""
# The state of the delivery `d` of an outer query; each probe is one look into a primary key.
OF_DELIVERY = f"""
    coalesce(d.final,
             (SELECT 'queued' FROM delivery_ready q WHERE q.id = d.id),
             (SELECT 'sending' FROM delivery_claimed q WHERE q.id = d.id),
             (SELECT {OF_WAITING} FROM delivery_waiting q WHERE q.id = d.id),
             'queued')
"""
# The last id of a message's family, in SQL: its 24 lowest bits set (mailplatform.shell.ids).
FAMILY_END = "overlay(m.id::text placing 'ffffff' from 31)::uuid"

COUNTS = f"""
    SELECT m.id, state, count(*)
      FROM unnest(%s::uuid[]) AS m(id)
     CROSS JOIN LATERAL (SELECT {OF_DELIVERY} AS state FROM delivery_delivery d WHERE d.id BETWEEN m.id AND {FAMILY_END}) d
     GROUP BY m.id, state
"""
OF_MESSAGE = f"""
    SELECT d.id, {OF_DELIVERY} FROM delivery_delivery d WHERE d.id BETWEEN %s AND %s
"""


def state_counts(cursor: Cursor, message_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """How many deliveries of each message are in which state."""
    counts: dict[UUID, dict[str, int]] = {message: {} for message in message_ids}
    for message, state, count in cursor.execute(COUNTS, [list(message_ids)]):
        counts[message][state] = count
    return counts


def states_of(cursor: Cursor, message_id: UUID) -> dict[UUID, str]:
    """The state of each delivery of a message."""
    return dict(cursor.execute(OF_MESSAGE, [message_id, family_end(message_id)]).fetchall())
