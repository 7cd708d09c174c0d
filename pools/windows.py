"""Windows: how long a cap's hour and day are, how finely they are counted, and what time it is for them.

Owns: `HOUR_S` and `DAY_S`, by which the database names the two windows; their real lengths, which tests shorten; pools_allowanceclock. Promises: the
windows' time never runs ahead of the clocks of the machines that live. It is the database's wall clock less `ahead_s`; whoever sees, by boot time,
that the clock has jumped takes the jump off that, once for all (compare and set). The last look of anybody is kept (`mark`), so that a machine that
starts after a jump still sees it: by boot time where it is the same machine, else by wall clocks. How it fails: when the whole platform was down, on
other machines, whose wall clocks jumped by as much as the database's, the jump counts as time that passed. Never: decides how many may go.
"""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from psycopg import Cursor

HOUR_S, DAY_S = 3600, 86_400
WINDOWS = {HOUR_S: 120, DAY_S: 96}  # so many buckets each
RATES_PART = 0.002  # no two clocks go alike; windows are looked at by so much longer
MARK_EVERY_S = 1.0
LEAST_VALID_S = 0.25  # so long credit can be spent at least, however short a bucket is
NOW = "(extract(epoch FROM platform_now())::float8 - coalesce((SELECT ahead_s FROM pools_allowanceclock), 0))"
_LOOK = f"SELECT {NOW}, coalesce((SELECT ahead_s FROM pools_allowanceclock), 0)"
_MARK = """
    INSERT INTO pools_allowanceclock AS c (id, ahead_s, mark_s, boot_id, before_s, after_s, wall_s)
    VALUES (1, 0, %(mark)s, %(boot)s, %(before)s, %(after)s, %(wall)s)
    ON CONFLICT (id) DO UPDATE SET mark_s = excluded.mark_s, boot_id = excluded.boot_id, before_s = excluded.before_s, after_s = excluded.after_s,
       wall_s = excluded.wall_s WHERE c.ahead_s = %(ahead)s
"""
_MAKE = "INSERT INTO pools_allowanceclock (id, ahead_s, mark_s, boot_id, before_s, after_s, wall_s) VALUES (1, 0, 0, '', 0, 0, 0) ON CONFLICT DO NOTHING"
_CORRECT = "UPDATE pools_allowanceclock SET ahead_s = ahead_s + %s WHERE ahead_s = %s"


@dataclass(frozen=True, slots=True)
class Look:
    """The windows' time, and this machine's boot time right before and after it was asked."""

    now_s: float
    before_s: float
    after_s: float
    ahead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """Somebody's last look."""

    look: Look
    boot_id: str
    wall_s: float


def length_s(window_s: int) -> float:
    """How long a window really is."""
    return float(settings.ALLOWANCE_HOUR_S if window_s == HOUR_S else settings.ALLOWANCE_DAY_S)


def bucket_s(window_s: int) -> float:
    """How long one of its buckets is."""
    return length_s(window_s) / WINDOWS[window_s]


def lead_s(window_s: int) -> float:
    """Credit counts in the bucket that so much later is in: so long it is valid at least."""
    return max(bucket_s(window_s) / 2, LEAST_VALID_S)


def boot_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def boot_id() -> str:
    """Which start of which machine this is."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def look(cursor: Cursor[Any]) -> Look:
    before_s = boot_s()
    now_s, ahead_s = cursor.execute(_LOOK).fetchone()  # type: ignore[misc]
    return Look(now_s, before_s, boot_s(), ahead_s)


def last_mark(cursor: Cursor[Any]) -> Mark | None:
    row = cursor.execute("SELECT mark_s, before_s, after_s, ahead_s, boot_id, wall_s FROM pools_allowanceclock").fetchone()
    return Mark(Look(*row[:4]), row[4], row[5]) if row and row[4] else None


def mark(cursor: Cursor[Any], seen: Look) -> None:
    """Keep this look for whoever starts next; not one of before a correction."""
    values = {"mark": seen.now_s, "boot": boot_id(), "before": seen.before_s, "after": seen.after_s, "wall": time.time(), "ahead": seen.ahead_s}
    cursor.execute(_MARK, values)


def correct(cursor: Cursor[Any], seen: Look, ahead_s: float) -> None:
    """The clock has gained so much against boot time. Nothing happens where somebody else has said so since that look."""
    cursor.execute(_MAKE)
    cursor.execute(_CORRECT, [ahead_s, seen.ahead_s])
