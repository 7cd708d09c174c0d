"""Cancel: what is still waiting is taken out of the queue, for good.

What an engine has in its hands is not cancelled: it may be at the provider already. Two statements, waiting first: a row that
the promoter moves from waiting to ready meanwhile is met by the second. Runs in the caller's transaction.
"""

from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.types.json import Jsonb

from mailplatform.shell.ids import family_end, time_ordered_id

TAKE_OUT = "DELETE FROM {table} WHERE id BETWEEN %(first)s AND %(last)s AND tenant_id = %(tenant)s RETURNING id"
FINISH = """
    UPDATE delivery_delivery SET final = 'cancelled', done_at = %(at)s
     WHERE id = ANY (%(ids)s) AND id BETWEEN %(first)s AND %(last)s AND final IS NULL
"""
TELL = """
    INSERT INTO delivery_event (id, delivery_id, tenant_id, kind, at, data) VALUES (%(id)s, %(delivery)s, %(tenant)s, 'cancelled', %(at)s, %(data)s)
"""


def cancel(cursor: Cursor, tenant_id: int, message_id: UUID, at: datetime, by: str) -> list[UUID]:
    """The deliveries of the message that will not be sent any more. None of another tenant's."""
    family = {"first": message_id, "last": family_end(message_id), "tenant": tenant_id, "at": at}
    gone = [row[0] for table in ("delivery_waiting", "delivery_ready") for row in cursor.execute(TAKE_OUT.format(table=table), family).fetchall()]
    if gone:
        cursor.execute(FINISH, {**family, "ids": gone})
        events = [{"id": time_ordered_id(), "delivery": each, "tenant": tenant_id, "at": at, "data": Jsonb({"by": by})} for each in gone]
        cursor.executemany(TELL, events)
    return gone
