"""Hearing: what paths' minutes say that they did not say before.

Promises: each count is told once to whoever keeps listening, however often a minute grows; a look reads the last minutes only. A quick look reads rows that say
something bad, and those of the paths that are watched; a full one reads all. Who begins to listen gets the past at once, already faded (`past`). Never: writes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from pools.reputation.evidence import Counts
from pools.reputation.thresholds import Policy
from pools.reputation.windows import KEPT, Windows

Key = tuple[int, int]  # sending IP, provider
OPEN_FOR = timedelta(seconds=90)  # so long after its beginning a minute may still grow
_COUNTERS = (
    "attempted", "delivered", "deferred_reputation", "greatest(deferred - deferred_reputation, 0)", "blocked", "bounced_recipient", "complaints", "connects",
    "connect_failures", "tls_errors",
)  # fmt: skip
_ALL = f"SELECT ip_id, provider_id, minute, {', '.join(_COUNTERS)} FROM pools_pathminute WHERE minute >= %(since)s"
_BAD = "(blocked > 0 OR deferred_reputation > 0)"  # what the long windows count can wait for the full look
_QUICK = f"""
    {_ALL} AND ({_BAD} OR (ip_id, provider_id) IN (SELECT * FROM unnest(%(ips)s::int8[], %(providers)s::int8[])))
"""
# Half of it is forgotten every half-life; a path that began anew remembers nothing of before.
_PAST = """
    WITH fresh AS (SELECT p.ip_id, p.provider_id, (s.memory->>'fresh_at')::timestamptz AS at FROM pools_pathstanding s JOIN pools_path p ON p.id = s.path_id
                    WHERE s.memory ? 'fresh_at'),
    rows AS (
      SELECT m.ip_id, m.provider_id, greatest(extract(epoch FROM %(at)s::timestamptz - m.minute) - 30, 0)::float8 AS age, attempted, delivered,
             deferred_reputation + blocked AS refused, bounced_recipient, complaints, connects, connect_failures + tls_errors AS failed
        FROM pools_pathminute m LEFT JOIN fresh USING (ip_id, provider_id)
       WHERE m.minute >= %(recent)s AND m.minute < %(until)s AND m.minute >= coalesce(fresh.at, '-infinity')
      UNION ALL
      SELECT h.ip_id, h.provider_id, greatest(extract(epoch FROM %(at)s::timestamptz - h.hour) - 1800, 0), attempted, delivered,
             deferred_reputation + blocked, bounced_recipient, complaints, connects, connect_failures + tls_errors
        FROM pools_pathhour h LEFT JOIN fresh USING (ip_id, provider_id)
       WHERE h.hour >= %(first)s AND h.hour < %(recent)s AND h.hour >= coalesce(fresh.at, '-infinity'))
    SELECT ip_id, provider_id, 0, 0,
           sum(attempted * power(0.5, least(age / %(short)s, 500))), sum(refused * power(0.5, least(age / %(short)s, 500))),
           sum(connects * power(0.5, least(age / %(short)s, 500))), sum(failed * power(0.5, least(age / %(short)s, 500))),
           sum(attempted * power(0.5, least(age / %(middle)s, 500))), sum(refused * power(0.5, least(age / %(middle)s, 500))),
           sum(attempted * power(0.5, least(age / %(long)s, 500))), sum(delivered * power(0.5, least(age / %(long)s, 500))),
           sum(bounced_recipient * power(0.5, least(age / %(long)s, 500))), sum(complaints * power(0.5, least(age / %(long)s, 500)))
      FROM rows GROUP BY 1, 2
"""
assert len(KEPT) == 14, "the query above names every window"


@dataclass(slots=True)
class Ear:
    """Remembers how far each open minute was told."""

    heard: dict[tuple[int, int, datetime], tuple[int, ...]] = field(default_factory=dict)

    def look(self, at: datetime, watched: Iterable[Key], full: bool) -> dict[Key, Counts]:
        """What is new since the last look."""
        since = (at - OPEN_FOR).replace(second=0, microsecond=0)
        keys = list(watched)
        new: dict[Key, Counts] = {}
        with connection.cursor() as cursor:
            if full:
                cursor.execute(_ALL, {"since": since})
            else:
                cursor.execute(_QUICK, {"since": since, "ips": [ip for ip, _ in keys], "providers": [provider for _, provider in keys]})
            for ip, provider, minute, *counters in cursor.fetchall():
                told, now = self.heard.get((ip, provider, minute)), tuple(counters)
                if told == now:
                    continue
                self.heard[ip, provider, minute] = now
                counts = Counts(*(now if told is None else [max(0, one - before) for one, before in zip(now, told, strict=True)]))
                new[ip, provider] = new[ip, provider] + counts if (ip, provider) in new else counts
        if full:
            self.heard = {key: counters for key, counters in self.heard.items() if key[2] >= since}
        return new


def past(at: datetime, policy: Policy) -> dict[Key, Windows]:
    """What a listener that begins now would remember, but for the minutes that are still open."""
    until = (at - OPEN_FOR).replace(second=0, microsecond=0)
    recent = (at - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    values: dict[str, Any] = {
        "at": at, "until": until, "recent": recent, "first": at - timedelta(seconds=8 * policy.long_half_life_s), "short": policy.short_half_life_s,
        "middle": policy.middle_half_life_s, "long": policy.long_half_life_s,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_PAST, values)
        return {(ip, provider): Windows(*map(float, sums)) for ip, provider, *sums in cursor.fetchall()}
