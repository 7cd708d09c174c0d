"""Forget: listings that are over and grades that count no more, when their time is over (the listing policy's history).

Promises: what a list says now, and a grade that still counts, is never deleted; a few thousand rows a statement.
"""

from datetime import datetime, timedelta

from django.db import connection

from pools.listings.zones import policy_now

A_STATEMENT = 5_000
_OLD = (
    "DELETE FROM pools_listing WHERE ctid = ANY (ARRAY(SELECT ctid FROM pools_listing WHERE cleared_at < %(before)s LIMIT %(most)s))",
    "DELETE FROM pools_providergrade WHERE ctid = ANY (ARRAY(SELECT ctid FROM pools_providergrade WHERE day < %(before)s::timestamptz::date LIMIT %(most)s))",
)


def forget(at: datetime) -> int:
    """How many rows."""
    gone, before = 0, at - timedelta(days=policy_now().history_days)
    with connection.cursor() as cursor:
        for statement in _OLD:
            while True:
                cursor.execute(statement, {"before": before, "most": A_STATEMENT})
                gone += cursor.rowcount
                if cursor.rowcount < A_STATEMENT:
                    break
    return gone
