"""Counted: what happened on warming paths, added up from the minutes that engines write.

Owns: the counters of a warm-up's stage, its days, `seen` and `counted_from`. Promises: every attempt is counted once, however often a round is made and
whoever makes it: a row of minutes only grows, what of it was counted stands beside the counters, and both change in one transaction under the
warm-up's lock. Minutes stay open for OPEN_MIN after they end: an engine may be late to write. Small providers without a warm-up of their
own count for the tail's. Never: decides.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import add, sub

from django.db import connection, transaction

from warming.decided import COUNTERS
from warming.warmups import Warmup

OPEN_MIN = 4
_MINUTES = """
    SELECT ip_id, provider_id, minute, attempted, delivered, deferred, blocked, bounced_recipient, complaints
      FROM pools_pathminute WHERE minute >= %s AND ip_id = ANY (%s)
"""
_ADD_DAY = """
    INSERT INTO warming_warmupday AS d (warmup_id, number, stage, cap, {names}) VALUES (%s, %s, %s, %s, {marks})
    ON CONFLICT (warmup_id, number) DO UPDATE SET stage = excluded.stage, cap = excluded.cap, {adds}
""".format(
    names=", ".join(COUNTERS), marks=", ".join(["%s"] * len(COUNTERS)), adds=", ".join(f"{name} = d.{name} + excluded.{name}" for name in COUNTERS)
)
OTHERS_FOR, OTHERS_ENOUGH = timedelta(minutes=20), 20  # how long the others are looked back at, and of how many attempts they speak
_OTHERS = """
    SELECT coalesce(sum(attempted), 0)::int, coalesce(sum(deferred), 0)::int
      FROM pools_pathminute WHERE minute >= %s AND provider_id = %s AND ip_id <> %s
"""
Counts = tuple[int, ...]
NOTHING: Counts = (0,) * len(COUNTERS)


@dataclass(frozen=True, slots=True)
class Minutes:
    """What engines have written since some minute: (ip, provider) → minute → counts."""

    rows: Mapping[tuple[int, int], Mapping[datetime, Counts]]

    def of(self, ip_id: int, provider_ids: Iterable[int]) -> dict[datetime, Counts]:
        """Of one IP at some providers together."""
        found: dict[datetime, Counts] = {}
        for provider_id in provider_ids:
            for minute, counts in self.rows.get((ip_id, provider_id), {}).items():
                found[minute] = tuple(map(add, found.get(minute, NOTHING), counts))
        return found

    def providers_of(self, ip_id: int) -> set[int]:
        return {provider for ip, provider in self.rows if ip == ip_id}


def read_minutes(ip_ids: Iterable[int], since: datetime) -> Minutes:
    """One statement for all of them, by the minute's index."""
    rows: dict[tuple[int, int], dict[datetime, Counts]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_MINUTES, [whole_minute(since), list(ip_ids)])
        for ip, provider, minute, *counts in cursor.fetchall():
            rows[ip, provider][minute] = tuple(map(int, counts))
    return Minutes(rows)


def whole_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def news(warmup: Warmup, minutes: Mapping[datetime, Counts]) -> Counts:
    """What of these minutes is not in the counters yet."""
    total = NOTHING
    for minute, counts in minutes.items():
        if minute >= warmup.counted_from:
            had = tuple(warmup.seen.get(minute.isoformat(), NOTHING))
            total = tuple(map(add, total, map(sub, counts, had)))
    return total


def count(warmup_id: int, minutes: Mapping[datetime, Counts], at: datetime, day_s: float) -> Warmup:
    """Bring one warm-up's counters up to these minutes; the row as it is now."""
    with transaction.atomic():
        warmup = Warmup.objects.select_for_update(of=("self",)).select_related("ip", "provider", "plan").get(pk=warmup_id)
        new = news(warmup, minutes)
        if not warmup.running or not any(new):
            return warmup
        for name, amount in zip(COUNTERS, new, strict=True):
            setattr(warmup, name, getattr(warmup, name) + amount)
        open_from = max(warmup.counted_from, whole_minute(at) - timedelta(minutes=OPEN_MIN))
        kept = {minute: counts for minute, counts in warmup.seen.items() if datetime.fromisoformat(minute) >= open_from}
        warmup.seen = kept | {minute.isoformat(): list(counts) for minute, counts in minutes.items() if minute >= open_from}
        warmup.counted_from = open_from
        warmup.save(update_fields=[*COUNTERS, "seen", "counted_from"])
        with connection.cursor() as cursor:
            cursor.execute(_ADD_DAY, [warmup.pk, day_number(warmup, at, day_s), warmup.stage, warmup.cap_per_day, *new])
    return warmup


def told_to_everybody(warmup: Warmup, at: datetime) -> int:
    """Of a stage's deferrals, how many the provider tells every IP: as large a share of its attempts as is deferred of the others'."""
    since = whole_minute(max(warmup.stage_since, at - OTHERS_FOR))
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS, [since, warmup.provider_id, warmup.ip_id])
        attempted, deferred = cursor.fetchone()
    return min(warmup.deferred, warmup.attempted * deferred // attempted) if attempted >= OTHERS_ENOUGH else 0


def day_number(warmup: Warmup, at: datetime, day_s: float) -> int:
    """1 on the first day; a day counts from the warm-up's beginning."""
    return max(1, int((at - warmup.started_at).total_seconds() // day_s) + 1)
