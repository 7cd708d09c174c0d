"""Cancel: what is still waiting is taken out of the queue, for good.

What an engine has in its hands is not cancelled: it may be at the provider already. Two statements, waiting first: a row that
the promoter moves from waiting to ready meanwhile is met by the second. Runs in the caller's transaction.
"""

from datetime import datetime
from uuid import UUID

from psycopg import Cursor

from delivery.queue.happened import Happened, Kind, tell
from mailplatform.shell.ids import family_end

TAKE_OUT = "DELETE FROM {table} WHERE id BETWEEN %(first)s AND %(last)s AND tenant_id = %(tenant)s RETURNING id"
FINISH = """
    UPDATE delivery_delivery SET final = 'cancelled', done_at = %(at)s
     WHERE id = ANY (%(ids)s) AND id BETWEEN %(first)s AND %(last)s AND final IS NULL
"""


def cancel(cursor: Cursor, tenant_id: int, message_id: UUID, at: datetime, by: str) -> list[UUID]:
    """The deliveries of the message that will not be sent any more. None of another tenant's."""
    family = {"first": message_id, "last": family_end(message_id), "tenant": tenant_id, "at": at}
    gone = [row[0] for table in ("delivery_waiting", "delivery_ready") for row in cursor.execute(TAKE_OUT.format(table=table), family).fetchall()]
    if gone:
        cursor.execute(FINISH, {**family, "ids": gone})
        tell(cursor, [Happened(each, tenant_id, Kind.CANCELLED, {"by": by}) for each in gone], at)
    return gone
