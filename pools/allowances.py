"""Allowances: hard caps over a rolling hour and day, reserved in the database before they are spent.

Owns: pools_allowancebucket. Promises: over every rolling window the credit ever granted, less what was given back, stays within the
cap, whoever asks at the same time: the path's row is locked first, then the buckets are added up (two statements: one would not see
what another transaction committed while it waited for the lock). A partly covered bucket counts whole, so there is no midnight
and no daylight saving. Credit is valid inside its bucket only. How it fails: an unknown path gets nothing; a lost engine's credit stays used.
Needs READ COMMITTED, PostgreSQL's default. Never: commits a caller's transaction.
"""

from datetime import datetime

from psycopg import Cursor

BUCKET_S = {3600: 30, 86_400: 900}  # 120 and 96 buckets
CREDIT_FOR_S = 5.0
MOST_OF_CAP = 0.001


class Credit(int):
    """How much was granted, with the bucket it counts in and for how long it may be spent, counted from when it was asked for."""

    bucket_start: datetime
    valid_s: float
    used: int  # of the cap, this credit included

    def __new__(cls, amount: int, bucket_start: datetime, valid_s: float, used: int = 0) -> "Credit":
        credit = super().__new__(cls, amount)
        credit.bucket_start, credit.valid_s, credit.used = bucket_start, valid_s, used
        return credit


_LOCK = "SELECT 1 FROM pools_path WHERE id = %(path)s FOR NO KEY UPDATE"
_RESERVE = """
WITH clock AS MATERIALIZED (
    SELECT platform_now() AS now),
bucket AS MATERIALIZED (
    SELECT now, to_timestamp(floor(extract(epoch FROM now) / %(bucket_s)s) * %(bucket_s)s) AS start FROM clock),
used AS (
    SELECT coalesce(sum(b.reserved), 0) AS amount
      FROM bucket, pools_allowancebucket b            -- allowance_bucket_once: (path, window, start)
     WHERE b.path_id = %(path)s AND b.window_s = %(window)s
       AND b.bucket_start > bucket.now - make_interval(secs => %(window)s + %(bucket_s)s + %(look_back_s)s)),
kept AS (
    INSERT INTO pools_allowancebucket AS b (path_id, window_s, bucket_start, reserved)
    SELECT %(path)s, %(window)s, bucket.start, greatest(0, least(%(want)s, %(cap)s - used.amount)) FROM bucket, used
        ON CONFLICT (path_id, window_s, bucket_start) DO UPDATE SET reserved = b.reserved + excluded.reserved)
SELECT greatest(0, least(%(want)s, %(cap)s - used.amount))::bigint, bucket.start,
       extract(epoch FROM bucket.start - bucket.now)::float8 + %(bucket_s)s, used.amount::bigint
  FROM bucket, used
"""
_GIVE_BACK = """
UPDATE pools_allowancebucket SET reserved = greatest(0, reserved - %(amount)s)
 WHERE path_id = %(path)s AND window_s = %(window)s AND bucket_start = %(start)s
"""
# Two windows: after a jump of the clock the last one is looked at for longer (delivery.engine.clocks).
_FORGET = """
DELETE FROM pools_allowancebucket
 WHERE bucket_start < platform_now() - make_interval(secs => 2 * window_s + CASE window_s WHEN 3600 THEN 60 ELSE 1800 END)
"""


def reserve(cursor: Cursor, path_id: int, window_s: int, cap: int, want: int, look_back_s: float = 0.0) -> Credit:
    """Up to `want` of what is left of `cap` in this rolling window; commit it before spending it. `look_back_s`: the clock jumped so far ahead."""
    bucket_s = BUCKET_S[window_s]
    values = {"path": path_id, "window": window_s, "bucket_s": bucket_s, "cap": cap, "want": max(0, want), "look_back_s": look_back_s}
    with cursor.connection.transaction():
        if cursor.execute(_LOCK, values).fetchone() is None:
            return Credit(0, datetime.max, 0.0)
        amount, start, valid_s, used = cursor.execute(_RESERVE, values).fetchone() or (0, datetime.max, 0.0, 0)
    return Credit(amount, start, valid_s, used + amount)


def give_back(cursor: Cursor, path_id: int, window_s: int, bucket_start: datetime, amount: int) -> None:
    """Return what was certainly not spent (no RCPT was written for it)."""
    cursor.execute(_GIVE_BACK, {"path": path_id, "window": window_s, "start": bucket_start, "amount": max(0, amount)})


def credit_to_ask(per_second: float, cap: int) -> int:
    """What an owner asks for at a time: what it sends in 5 s, at least 1, at most 0.1 % of the cap."""
    return max(1, min(int(per_second * CREDIT_FOR_S), int(cap * MOST_OF_CAP)))


def forget_old(cursor: Cursor) -> int:
    """Delete buckets that no window covers any more; how many."""
    return cursor.execute(_FORGET).rowcount
