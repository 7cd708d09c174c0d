"""Sweep: each minute, what came to wait after its recipient had unsubscribed ends as suppressed too.

Two ways lead there: a delivery that an engine had in its hands at the click and that was deferred then, and a message that was being accepted in the same
moment. Looks at the unsubscribes of the last minutes among the newest suppressions; each costs a probe by recipient a day. Again changes nothing.
"""

from datetime import timedelta

from delivery.models import Suppression
from delivery.submit.commit import committed, reading
from delivery.suppressions.waiting import end_waiting
from mailplatform.shell.clock import now

LOOKS_BACK = timedelta(minutes=30)  # longer than any conversation; a delivery's first retries fall into it
NEWEST = 20_000
LATELY = """
    SELECT tenant_id, address, array_agg(stream_id) FROM (
           SELECT * FROM delivery_suppression ORDER BY id DESC LIMIT %(newest)s) newest
     WHERE reason = 'unsubscribe' AND created_at > %(since)s AND stream_id IS NOT NULL
     GROUP BY tenant_id, address
"""


def sweep() -> int:
    """How many deliveries it stopped."""
    at, stopped = now(), 0
    with reading() as cursor:
        lately = cursor.execute(LATELY, {"newest": NEWEST, "since": at - LOOKS_BACK}).fetchall()
    for tenant_id, address, streams in lately:
        with committed() as cursor:
            stopped += len(end_waiting(cursor, tenant_id, address, streams, Suppression.Reason.UNSUBSCRIBE, at))
    return stopped
