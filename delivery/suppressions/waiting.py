"""Waiting mail of an address that must not be mailed any more: it ends as suppressed, now and not when its turn comes.

Found by the index of recipients, a probe for each day that may still have live mail: no queue table is scanned and the engines' way costs
nothing. The recipient is looked for as it was given and in lower case; another spelling of the same address that waits meanwhile still goes.
What an engine has in its hands goes too: it may be at the provider already. Waiting before ready, as the promoter moves rows. In the caller's
transaction; never commits.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from psycopg import Cursor

from delivery.models import DeliveryState
from delivery.retry import POLICIES
from delivery.submit.parse import SCHEDULE_AHEAD
from delivery.suppressions.minutes import count_suppressed
from delivery.webhooks.kinds import EventKind
from delivery.webhooks.outbox import Note, write
from mailplatform.shell.ids import lowest_id_at

LONGEST = SCHEDULE_AHEAD + timedelta(seconds=max(policy.expires_after_s for policy in POLICIES.values()))
MOST = 10_000

LIVE = """
    SELECT id FROM delivery_delivery
     WHERE recipient = ANY(%(recipients)s) AND id >= %(floor)s AND tenant_id = %(tenant)s AND final IS NULL
     ORDER BY id LIMIT %(most)s
"""
TAKE_OUT = """
    DELETE FROM {table}
     WHERE id = ANY(%(ids)s) AND tenant_id = %(tenant)s AND (%(streams)s::int8[] IS NULL OR stream_id = ANY(%(streams)s))
    RETURNING id, stream_id, pool_id, tenant_id, purpose
"""
FINISH = """
    UPDATE delivery_delivery SET final = %(final)s, reason = %(reason)s, done_at = %(at)s
     WHERE id = ANY(%(ids)s) AND id BETWEEN %(first)s AND %(last)s AND final IS NULL
"""


def end_waiting(cursor: Cursor, tenant_id: int, address: str, streams: Sequence[int] | None, reason: str, at: datetime) -> list[UUID]:
    """The deliveries that will not be sent any more; `streams`: only theirs, None: all of the tenant's. `reason` is Suppression.Reason."""
    floor = lowest_id_at(int((at - LONGEST).timestamp() * 1000))
    wanted = {"recipients": sorted({address, address.lower()}), "floor": floor, "tenant": tenant_id, "most": MOST}
    live = [row[0] for row in cursor.execute(LIVE, wanted).fetchall()]
    if not live:
        return []
    which = {"ids": live, "tenant": tenant_id, "streams": None if streams is None else list(streams)}
    taken = [row for table in ("delivery_waiting", "delivery_ready") for row in cursor.execute(TAKE_OUT.format(table=table), which).fetchall()]
    gone = [row[0] for row in taken]
    if gone:
        final = {"final": DeliveryState.SUPPRESSED.value, "reason": f"suppressed.{reason}", "at": at}
        cursor.execute(FINISH, {**final, "ids": gone, "first": min(gone), "last": max(gone)})
        count_suppressed(cursor, [row[1:] for row in taken], at)
        write(cursor, [Note(tenant_id, row[1], row[0], row[0], EventKind.SUPPRESSED) for row in taken], at)
    return gone
