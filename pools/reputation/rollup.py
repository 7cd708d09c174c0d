"""Roll-up: minutes summed by hour, hours by day (UTC), and everything forgotten when its time is over. The one place that deletes counted history.

Promises: hours are computed anew from their minutes, so that running it twice, or after a killed run, changes nothing; minutes that come late (a journal read
hours after) are in the next run's sum, for the last AGAIN hours. A statement a table and step, each in a transaction of its own. Never: sums an hour whose
minutes are forgotten already.
"""

from datetime import datetime, timedelta

from django.db import connection

from pools.reputation.models import PathCounters, PoolCounters, ReputationPolicy, StreamCounters

AGAIN = timedelta(hours=3)
DAYS_AGAIN = timedelta(days=2)
FORGET_A_STATEMENT = 50_000


def _counters(model: type[PathCounters] | type[StreamCounters] | type[PoolCounters], keys: tuple[str, ...]) -> list[str]:
    return [field.name for field in model._meta.get_fields() if field.name not in keys]


_PATH = ("ip_id", "provider_id")
_STREAM = ("stream_id", "pool_id", "provider_id")
_TOLD = ("tenant_id", "purpose")  # of the stream: as they were at first
_POOL = ("pool_id", "ip_id")
_TABLES: tuple[tuple[str, tuple[str, ...], tuple[str, ...], list[str]], ...] = (
    ("path", _PATH, (), _counters(PathCounters, _PATH)),
    ("stream", _STREAM, _TOLD, _counters(StreamCounters, _STREAM + _TOLD)),
    ("pool", _POOL, (), _counters(PoolCounters, _POOL)),
)


def _sum(to: str, source: str, column: str, when: str, bounds: str, keys: tuple[str, ...], told: tuple[str, ...], counters: list[str]) -> str:
    """An upsert that writes only rows that changed."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in counters)
    firsts = "".join(f", min({name}) AS {name}" for name in told)
    names = ", ".join([column, *keys, *told, *counters])
    changed = f"({', '.join(f't.{name}' for name in counters)}) IS DISTINCT FROM ({', '.join(f'excluded.{name}' for name in counters)})"
    return f"""
        INSERT INTO {to} AS t ({names})
        SELECT {names} FROM (SELECT {when} AS {column}, {", ".join(keys)}{firsts}, {sums} FROM {source} WHERE {bounds} GROUP BY 1, {", ".join(keys)}) AS s
         ORDER BY {", ".join([column, *keys])}
        ON CONFLICT ({", ".join([*keys, column])}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in counters)} WHERE {changed}
    """


_MINUTES = "minute >= %(since)s AND minute < %(until)s"
_HOURS = [
    _sum(f"pools_{what}hour", f"pools_{what}minute", "hour", "date_trunc('hour', minute, 'UTC')", _MINUTES, keys, told, counters)
    for what, keys, told, counters in _TABLES
]
_DAYS = [
    _sum(f"pools_{what}day", f"pools_{what}hour", "day", "(hour AT TIME ZONE 'UTC')::date", "hour >= %(since)s AND hour < %(until)s", keys, told, counters)
    for what, keys, told, counters in _TABLES
]
_OLD_MINUTES = [f"pools_{what}minute" for what, *_ in _TABLES] + ["pools_blockevidence", "pools_tlsminute"]
_LAST_HOUR = "SELECT max(hour) FROM pools_pathhour"
# A few at a time: a year that was never forgotten must not hold one transaction for minutes.
_FORGET = "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {column} < %(before)s LIMIT %(most)s))"
_FORGET_ACTIONS = "DELETE FROM pools_action WHERE at < %(before)s AND state <> 'done'"


def roll_up(at: datetime) -> tuple[int, int]:
    """Hours and days up to now; rows that were written."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST_HOUR)
        last: datetime | None = cursor.fetchone()[0]
        kept = timedelta(days=_policy().minutes_kept_days)
        # The first time, and after a long standstill, everything that is still there in whole hours.
        since = _hour(max(at - kept + timedelta(hours=1), min(at, last or at - kept) - AGAIN))
        hours = _run(cursor, _HOURS, since, at + timedelta(hours=1))
        first_day = min(since, at - DAYS_AGAIN).replace(hour=0, minute=0, second=0, microsecond=0)
        days = _run(cursor, _DAYS, first_day, at + timedelta(hours=1))
    return hours, days


def forget(at: datetime) -> int:
    """What is older than the policy keeps; how many rows."""
    policy = _policy()
    minutes = _hour(at - timedelta(days=policy.minutes_kept_days))
    hours = at - timedelta(days=policy.hours_kept_days)
    days = at - timedelta(days=policy.days_kept_days)
    old: list[tuple[str, str, datetime]] = [(table, "minute", minutes) for table in _OLD_MINUTES]
    old += [(f"pools_{what}hour", "hour", hours) for what, *_ in _TABLES]
    old += [(f"pools_{what}day", "day", days) for what, *_ in _TABLES]
    old += [("pools_scoresample", "at", hours)]
    gone = 0
    with connection.cursor() as cursor:
        for table, column, before in old:
            while True:
                cursor.execute(_FORGET.format(table=table, column=column), {"before": before, "most": FORGET_A_STATEMENT})
                gone += cursor.rowcount
                if cursor.rowcount < FORGET_A_STATEMENT:
                    break
        cursor.execute(_FORGET_ACTIONS, {"before": days})
        gone += cursor.rowcount
    return gone


def _run(cursor: object, statements: list[str], since: datetime, until: datetime) -> int:
    written = 0
    for statement in statements:
        cursor.execute(statement, {"since": since, "until": until})  # type: ignore[attr-defined]
        written += cursor.rowcount  # type: ignore[attr-defined]
    return written


def _policy() -> ReputationPolicy:
    return ReputationPolicy.objects.filter(pk=1).first() or ReputationPolicy()


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
