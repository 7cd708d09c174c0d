"""Allowances: hard caps over a rolling hour and day, reserved in the database before they are spent.

Owns: pools_allowancebucket. Promises: over every rolling window the credit ever granted, less what was given back, stays within the
cap, whoever asks at the same time: the path's row is locked first, then the buckets are added up (two statements: one would not see
what another transaction committed while it waited for the lock). A partly covered bucket counts whole, so there is no midnight
and no daylight saving. Credit is valid until its bucket ends: half a bucket at least, for it counts in the bucket that half a bucket from now is in. What was
spent and has no answer when its bucket ends is carried into the next one (`carry`), so that it counts no earlier than the provider counts it; of an owner that
died `settle` does the same. Time is the windows' own (pools.windows): a clock that jumps moves nothing.
How it fails: an unknown path gets nothing; a lost engine's credit stays used.
Needs READ COMMITTED, PostgreSQL's default. Never: commits a caller's transaction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor

from pools.windows import LEAST_VALID_S, RATES_PART, WINDOWS, bucket_s, lead_s, length_s
from pools.windows import NOW as WINDOWS_NOW

CREDIT_FOR_S = 5.0
MOST_OF_CAP = 0.001
FEW, FEW_OF_CAP = 4, 0.01  # of a small cap: so many, where that is no more than this part of it: a lost engine loses it
LATE_S, GAP_S = 2.0, 1.0  # so long after its owner's last word a provider may count what a dead one wrote; so late may a living one be with carrying


class Credit(int):
    """How much was granted, with the bucket it counts in and for how long it may be spent, counted from when it was asked for."""

    bucket_start: datetime
    valid_s: float
    used: int  # of the cap, this credit included
    now_s: float  # the windows' time when it was granted

    def __new__(cls, amount: int, bucket_start: datetime, valid_s: float, used: int = 0, now_s: float = 0.0) -> "Credit":
        credit = super().__new__(cls, amount)
        credit.bucket_start, credit.valid_s, credit.used, credit.now_s = bucket_start, valid_s, used, now_s
        return credit


NOTHING = Credit(0, datetime.max, 0.0)


@dataclass(frozen=True, slots=True)
class Request:
    """Credit that an owner wants of a path's window."""

    path_id: int
    window_s: int
    cap: int
    want: int


@dataclass(frozen=True, slots=True)
class Carry:
    """So many messages of a bucket that has ended had no answer until now."""

    path_id: int
    window_s: int
    bucket_start: datetime
    amount: int


_CLOCK = f"clock AS MATERIALIZED (SELECT {WINDOWS_NOW} AS now_s)"
_LOCK = "SELECT id FROM pools_path WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE"
_RESERVE = f"""
WITH {_CLOCK},
asked AS (
    SELECT * FROM unnest(%(paths)s::int8[], %(windows)s::int4[], %(caps)s::int8[], %(wants)s::int8[], %(lengths)s::float8[], %(buckets)s::float8[],
                         %(leads)s::float8[]) AS a(path_id, window_s, cap, want, length_s, bucket_s, lead_s)),
placed AS MATERIALIZED (
    SELECT a.*, now_s, floor((now_s + lead_s) / bucket_s) AS n FROM asked a, clock),
used AS MATERIALIZED (
    SELECT p.*, to_timestamp(n * bucket_s) AS start, (n + 1) * bucket_s - now_s AS valid_s,
           (SELECT coalesce(sum(b.reserved), 0)::int8 FROM pools_allowancebucket b            -- allowance_bucket_once: (path, window, start)
             WHERE b.path_id = p.path_id AND b.window_s = p.window_s
               AND b.bucket_start > to_timestamp(p.now_s - p.length_s * (1 + {RATES_PART}) - p.bucket_s)) AS amount
      FROM placed p),
granted AS MATERIALIZED (
    SELECT *, greatest(0, least(want, cap - amount)) AS credit FROM used),
kept AS (
    INSERT INTO pools_allowancebucket AS b (path_id, window_s, bucket_start, reserved)
    SELECT path_id, window_s, start, credit FROM granted WHERE credit > 0
        ON CONFLICT (path_id, window_s, bucket_start) DO UPDATE SET reserved = b.reserved + excluded.reserved)
SELECT path_id, window_s, credit, start, valid_s, amount, now_s FROM granted
"""
_GIVE_BACK = """
UPDATE pools_allowancebucket SET reserved = greatest(0, reserved - %(amount)s)
 WHERE path_id = %(path)s AND window_s = %(window)s AND bucket_start = %(start)s
"""
# A COMMIT whose answer never came is carried again: then more counts than was sent, never less.
_CARRY = f"""
WITH {_CLOCK},
asked AS MATERIALIZED (
    SELECT a.*, greatest(a.start, to_timestamp(floor((now_s + lead_s) / bucket_s) * bucket_s)) AS into_start, now_s
      FROM unnest(%(paths)s::int8[], %(windows)s::int4[], %(starts)s::timestamptz[], %(amounts)s::int8[], %(buckets)s::float8[],
                  %(leads)s::float8[]) AS a(path_id, window_s, start, amount, bucket_s, lead_s), clock),
less AS (
    UPDATE pools_allowancebucket b SET reserved = greatest(0, b.reserved - a.amount)
      FROM asked a WHERE b.path_id = a.path_id AND b.window_s = a.window_s AND b.bucket_start = a.start AND a.into_start > a.start),
more AS (
    INSERT INTO pools_allowancebucket AS b (path_id, window_s, bucket_start, reserved)
    SELECT path_id, window_s, into_start, sum(amount) FROM asked WHERE into_start > start GROUP BY 1, 2, 3
        ON CONFLICT (path_id, window_s, bucket_start) DO UPDATE SET reserved = b.reserved + excluded.reserved)
SELECT path_id, window_s, start, into_start, extract(epoch FROM into_start)::float8 + bucket_s - now_s FROM asked
"""
# What a former owner had under way when it died stands in the buckets that had not ended long before its last word. All of that counts a little later.
_SETTLE = f"""
WITH {_CLOCK},
asked AS (
    SELECT a.*, now_s, (SELECT max(b.bucket_start) FROM pools_allowancebucket b WHERE b.path_id = a.path_id AND b.window_s = a.window_s) AS newest
      FROM unnest(%(paths)s::int8[], %(windows)s::int4[], %(buckets)s::float8[]) AS a(path_id, window_s, bucket_s), clock),
aimed AS MATERIALIZED (
    SELECT *, greatest(newest, to_timestamp(floor((least(now_s, extract(epoch FROM newest)::float8 + bucket_s) + {LATE_S}) / bucket_s) * bucket_s))
              AS into_start
      FROM asked WHERE newest IS NOT NULL),
gone AS (
    DELETE FROM pools_allowancebucket b USING aimed a
     WHERE b.path_id = a.path_id AND b.window_s = a.window_s AND b.bucket_start < a.into_start
       AND b.bucket_start >= a.newest - make_interval(secs => 1.5 * a.bucket_s + {GAP_S + LEAST_VALID_S})
 RETURNING b.path_id, b.window_s, a.into_start, b.reserved)
INSERT INTO pools_allowancebucket AS b (path_id, window_s, bucket_start, reserved)
SELECT path_id, window_s, into_start, sum(reserved) FROM gone GROUP BY 1, 2, 3
    ON CONFLICT (path_id, window_s, bucket_start) DO UPDATE SET reserved = b.reserved + excluded.reserved
"""
_FORGET = f"""
DELETE FROM pools_allowancebucket
 WHERE window_s = %(window)s AND bucket_start < to_timestamp({WINDOWS_NOW} - 2 * %(length_s)s - 2 * %(bucket_s)s)
"""


def reserve(cursor: Cursor[Any], path_id: int, window_s: int, cap: int, want: int) -> Credit:
    """Up to `want` of what is left of `cap` in this rolling window; commit it before spending it."""
    return reserve_all(cursor, [Request(path_id, window_s, cap, want)])[path_id, window_s]


def reserve_all(cursor: Cursor[Any], requests: Collection[Request], busy_wait: bool = True) -> dict[tuple[int, int], Credit]:
    """The same for many, each (path, window) once. Unless `busy_wait`, a path whose row somebody has locked is left out."""
    lock = _LOCK if busy_wait else _LOCK + " SKIP LOCKED"
    granted = {(one.path_id, one.window_s): NOTHING for one in requests} if busy_wait else {}
    with cursor.connection.transaction():
        known = {row[0] for row in cursor.execute(lock, [sorted({one.path_id for one in requests})]).fetchall()}
        if asked := [one for one in requests if one.path_id in known]:
            values = {
                "paths": [one.path_id for one in asked], "windows": [one.window_s for one in asked], "caps": [one.cap for one in asked],
                "wants": [max(0, one.want) for one in asked], "lengths": [length_s(one.window_s) for one in asked],
                "buckets": [bucket_s(one.window_s) for one in asked], "leads": [lead_s(one.window_s) for one in asked],
            }  # fmt: skip
            for path_id, window_s, amount, start, valid_s, used, now_s in cursor.execute(_RESERVE, values).fetchall():
                granted[path_id, window_s] = Credit(amount, start, valid_s, used + amount, now_s)
    return granted


def give_back(cursor: Cursor[Any], path_id: int, window_s: int, bucket_start: datetime, amount: int) -> None:
    """Return what was certainly not spent (no RCPT was written for it)."""
    cursor.execute(_GIVE_BACK, {"path": path_id, "window": window_s, "start": bucket_start, "amount": max(0, amount)})


def carry(cursor: Cursor[Any], carries: Sequence[Carry]) -> dict[tuple[int, int, datetime], tuple[datetime, float]]:
    """Count them in the present bucket instead of theirs; by path, window and old bucket: the new one, and how long it lasts. Each old one once."""
    if not carries:
        return {}
    values = {
        "paths": [one.path_id for one in carries], "windows": [one.window_s for one in carries], "starts": [one.bucket_start for one in carries],
        "amounts": [one.amount for one in carries], "buckets": [bucket_s(one.window_s) for one in carries],
        "leads": [lead_s(one.window_s) for one in carries],
    }  # fmt: skip
    return {(path, window, start): (into, left_s) for path, window, start, into, left_s in cursor.execute(_CARRY, values).fetchall()}


def settle(cursor: Cursor[Any], windows: Collection[tuple[int, int]]) -> None:
    """These (path, window) have a new owner, who does not know what the former one had under way."""
    pairs = list(windows)
    if pairs:
        values = {"paths": [path for path, _ in pairs], "windows": [window for _, window in pairs], "buckets": [bucket_s(window) for _, window in pairs]}
        cursor.execute(_SETTLE, values)


def credit_to_ask(per_second: float, cap: int) -> int:
    """What an owner asks for at a time: what it sends in 5 s, at least 1, at most 0.1 % of the cap, of a small one a few."""
    most = max(int(cap * MOST_OF_CAP), min(FEW, int(cap * FEW_OF_CAP)))
    return max(1, min(int(per_second * CREDIT_FOR_S), most))


def forget_old(cursor: Cursor[Any]) -> int:
    """Delete buckets that no window covers any more; how many."""
    return sum(cursor.execute(_FORGET, {"window": one, "length_s": length_s(one), "bucket_s": bucket_s(one)}).rowcount for one in WINDOWS)
