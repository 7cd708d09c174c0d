"""The recorded past for what-if: a week of path minutes and block evidence, in spans that are short where there was trouble and long where there was none.

Promises: bounded in every direction: MOST_PATHS paths that had trouble (the worst), all others to a provider added up as one, MOST_FINE hours in spans
of five minutes, the rest by the hour. Minutes are read by a range of their time and added up by the database. Never: writes.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from pools.pages.what_if import Happened, Path
from pools.reputation.evidence import BlockEvidence, Counts, counts_of
from pools.reputation.models import Action
from pools.reputation.replay import Moment

DAYS, MOST_PATHS, MOST_FINE = 7, 40, 36
FINE, COARSE = timedelta(minutes=5), timedelta(hours=1)
REMEMBERED = timedelta(hours=1)  # of block evidence: about what the middle window holds
_AGAINST = "blocked + deferred_reputation + complaints + bounced_recipient"
_TROUBLED = f"""
    SELECT ip_id, provider_id, sum(blocked + deferred_reputation) AS refused, sum({_AGAINST}) AS against FROM pools_pathhour
     WHERE hour >= %(since)s GROUP BY 1, 2 HAVING sum({_AGAINST}) >= 5 ORDER BY 3 DESC, 4 DESC LIMIT %(most)s
"""
_FINE_HOURS = """
    SELECT hour FROM pools_pathhour WHERE hour >= %(since)s GROUP BY 1 HAVING sum(blocked + deferred_reputation) > 0
     ORDER BY sum(blocked + deferred_reputation) DESC LIMIT %(most)s
"""
_NAMES = (
    "attempted", "delivered", "deferred", "deferred_reputation", "blocked", "bounced_recipient", "complaints", "connects", "connect_failures", "tls_errors",
)  # fmt: skip
_SUMS = ", ".join(f"sum({name})::float8" for name in _NAMES)
_COARSE_COUNTS = f"""
    SELECT h.hour, CASE WHEN t.ip IS NULL THEN 0 ELSE h.ip_id END, h.provider_id, {_SUMS} FROM pools_pathhour h
      LEFT JOIN unnest(%(ips)s::bigint[], %(providers)s::bigint[]) AS t(ip, provider) ON t.ip = h.ip_id AND t.provider = h.provider_id
     WHERE h.hour >= %(since)s AND h.hour <> ALL (%(fine)s::timestamptz[]) AND h.provider_id = ANY (%(providers)s) GROUP BY 1, 2, 3
"""
_FINE_COUNTS = f"""
    SELECT date_bin('5 min', m.minute, 'epoch'), CASE WHEN t.ip IS NULL THEN 0 ELSE m.ip_id END, m.provider_id, {_SUMS}
      FROM unnest(%(fine)s::timestamptz[]) AS f(hour) JOIN pools_pathminute m ON m.minute >= f.hour AND m.minute < f.hour + interval '1 hour'
      LEFT JOIN unnest(%(ips)s::bigint[], %(providers)s::bigint[]) AS t(ip, provider) ON t.ip = m.ip_id AND t.provider = m.provider_id
     WHERE m.provider_id = ANY (%(providers)s) GROUP BY 1, 2, 3
"""
_EVIDENCE = """
    SELECT date_bin('5 min', e.minute, 'epoch'), e.ip_id, e.provider_id, e.tenant_id, e.stream_id, e.fingerprint, sum(e.named)::float8
      FROM pools_blockevidence e JOIN unnest(%(ips)s::bigint[], %(providers)s::bigint[]) AS t(ip, provider) ON t.ip = e.ip_id AND t.provider = e.provider_id
     WHERE e.minute >= %(since)s GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1
"""
Campaign = tuple[int, int, int]
Key = tuple[Hashable, Hashable]  # as the replay has paths


def history(at: datetime) -> list[Moment]:
    """The last week, the oldest first."""
    since = at.replace(minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    troubled = [(ip, provider) for ip, provider, *_ in _rows(_TROUBLED, {"since": since, "most": MOST_PATHS})]
    if not troubled:
        return []
    fine = [hour for (hour,) in _rows(_FINE_HOURS, {"since": since, "most": MOST_FINE})]
    values = {"since": since, "fine": fine, "ips": [ip for ip, _ in troubled], "providers": [provider for _, provider in troubled]}
    spans: dict[tuple[datetime, timedelta], dict[Key, Counts]] = defaultdict(dict)
    for sql, length in ((_COARSE_COUNTS, COARSE), (_FINE_COUNTS, FINE)):
        for begins, ip, provider, *sums in _rows(sql, values):
            spans[begins, length][ip, provider] = counts_of(dict(zip(_NAMES, sums, strict=True)))
    evidence = _Evidence(_rows(_EVIDENCE, values))
    return [
        Moment(begins + length, length.total_seconds(), counts, evidence.until(begins + length))
        for (begins, length), counts in sorted(spans.items(), key=lambda item: item[0])
    ]


def happened(at: datetime) -> list[Happened]:
    """What was done to paths in that week."""
    names = (Action.Name.LEAVE, Action.Name.BACK, Action.Name.RETURN)
    since = at.replace(minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    rows = Action.objects.filter(scope=Action.Scope.PATH, at__gte=since, name__in=names).exclude(state=Action.State.PROPOSED).order_by("at")
    return [
        Happened((ip, provider), when, name != Action.Name.RETURN)
        for ip, provider, when, name in rows.values_list("ip_id", "provider_id", "at", "name")
        if ip and provider
    ]


class _Evidence:
    """What was refused within the last hour of a moment, by path: campaigns, tenants, replies that name us."""

    def __init__(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._rows, self._begins = rows, [row[0] for row in rows]

    def until(self, at: datetime) -> dict[Key, BlockEvidence]:
        campaigns: dict[Path, set[Campaign]] = defaultdict(set)
        named: dict[Path, float] = defaultdict(float)
        first, last = bisect_left(self._begins, at - REMEMBERED), bisect_left(self._begins, at)
        for _, ip, provider, tenant, stream, fingerprint, names in self._rows[first:last]:
            campaigns[ip, provider].add((tenant, stream, fingerprint))
            named[ip, provider] += names
        return {path: BlockEvidence(len(found), len({tenant for tenant, *_ in found}), named[path]) for path, found in campaigns.items()}


def _rows(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [tuple(one.astimezone(UTC) if isinstance(one, datetime) else one for one in row) for row in cursor.fetchall()]
