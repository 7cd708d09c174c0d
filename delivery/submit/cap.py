"""Cap: how many deliveries a tenant with a daily cap may still submit.

Owns: pools_cappedhour, a row a tenant and hour. Promises: never more than the cap in any 24 hours, however many ask at once: a tenant's submissions go
one at a time from `room` to the commit, which counts them. A cap that is new counts what was accepted before it. Tenants without a cap cost nothing.
Never: commits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Cursor

from mailplatform.shell.ids import lowest_id_at

WINDOW, HOUR = timedelta(hours=24), timedelta(hours=1)
ALONE_TOO_LARGE_S = 3600

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('mailplatform.daily_cap'), %s::int)"
# An hour counts until all of it is older than the window: nobody ever gets more than the cap, somebody may get a little less.
COUNTED = "SELECT hour, accepted FROM pools_cappedhour WHERE tenant_id = %s AND hour > %s ORDER BY hour"
FROM_HISTORY = """
    INSERT INTO pools_cappedhour (tenant_id, hour, accepted)
    SELECT tenant_id, date_trunc('hour', created_at), sum(recipients) FROM delivery_message WHERE tenant_id = %(tenant)s AND id >= %(floor)s GROUP BY 1, 2
    UNION ALL SELECT %(tenant)s, %(hour)s, 0
    ON CONFLICT DO NOTHING
"""
COUNT = """
    INSERT INTO pools_cappedhour AS c (tenant_id, hour, accepted) VALUES (%s, %s, %s)
    ON CONFLICT (tenant_id, hour) DO UPDATE SET accepted = c.accepted + excluded.accepted
"""


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of a cap, and when the hours that are counted will count no more."""

    cap: int
    hours: tuple[tuple[datetime, int], ...]
    at: datetime

    @property
    def left(self) -> int:
        return self.cap - sum(accepted for _, accepted in self.hours)

    def free_in_s(self, wanted: int) -> int:
        """Seconds until so many more may go."""
        left = self.left
        for hour, accepted in self.hours:
            left += accepted
            if left >= wanted:
                return max(1, int((hour + HOUR + WINDOW - self.at).total_seconds()) + 1)
        return ALONE_TOO_LARGE_S


def room(cursor: Cursor, tenant_id: int, cap: int, at: datetime) -> Room:
    """Exact: others of this tenant wait until the caller's transaction ends."""
    cursor.execute(ONE_AT_A_TIME, [tenant_id % 2**31])
    asked = [tenant_id, at - WINDOW - HOUR]
    if not (hours := cursor.execute(COUNTED, asked).fetchall()):
        floor = lowest_id_at(int((at - WINDOW).timestamp() * 1000))
        cursor.execute(FROM_HISTORY, {"tenant": tenant_id, "floor": floor, "hour": _hour(at)})
        hours = cursor.execute(COUNTED, asked).fetchall()
    return Room(cap, tuple((hour, int(accepted)) for hour, accepted in hours), at)


def count(cursor: Cursor, tenant_id: int, accepted: int, at: datetime) -> None:
    """In the transaction that stores them."""
    cursor.execute(COUNT, [tenant_id, _hour(at), accepted])


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
