"""Samples: scores as they were, kept for charts and for the question why: of paths when they change, and now and then; of IPs, pools and tenants hourly.

Promises: at most one sample of a thing in SLOT; a healthy path that stays so is written every HEALTHY only, so that a year of thousands of paths stays small. A
steward that begins anew may write one more. Never: forgets (rollup does).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import connection
from psycopg.types.json import Jsonb

from pools.reputation.hearing import Key
from pools.reputation.outside import Outside
from pools.reputation.score import Score, score_of_many, score_of_tenant
from pools.reputation.standings import WORTH, Known
from pools.reputation.thresholds import Policy
from pools.reputation.windows import Windows

SLOT, HOUR, HEALTHY = timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6)
HEALTHY_FROM = 99.5
MUCH = 10.0  # points
_KEEP = """
    INSERT INTO pools_scoresample AS s (scope, ip_id, provider_id, pool_id, tenant_id, at, score, state, components)
    SELECT u.scope, u.ip, u.provider, u.pool, u.tenant, %(at)s, u.score, u.state, u.components
      FROM unnest(%(scopes)s::text[], %(ips)s::int8[], %(providers)s::int8[], %(pools)s::int8[], %(tenants)s::int8[], %(scores)s::float8[], %(states)s::text[],
                  %(components)s::jsonb[]) AS u(scope, ip, provider, pool, tenant, score, state, components)
     ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (scope, ip_id, provider_id, pool_id, tenant_id, at) DO UPDATE
       SET score = excluded.score, state = excluded.state, components = excluded.components
"""
_MEMBERS = "SELECT pool_id, ip_id FROM pools_poolmember WHERE own"
_TENANTS = """
    SELECT tenant_id, sum(attempted * f), sum(delivered * f), sum(bounced * f), sum(complaints * f)
      FROM (SELECT *, power(0.5, least(greatest(extract(epoch FROM %(at)s::timestamptz - hour) - 1800, 0) / %(long)s, 500))::float8 AS f FROM pools_streamhour
             WHERE hour >= %(first)s) AS h GROUP BY 1
"""
Row = tuple[str, int, int, int, int, Score, str]


@dataclass(slots=True)
class Samples:
    """`last`: what was last kept of each path, and when. `scored`: the last score of each, with what it sends."""

    last: dict[Key, tuple[float, datetime]] = field(default_factory=dict)
    scored: dict[Key, Score] = field(default_factory=dict)
    hour: datetime | None = None

    def take(self, scores: Mapping[Key, Score], known: Mapping[Key, Known], outside: Outside, policy: Policy, at: datetime) -> None:
        """Keep what is worth it."""
        slot = datetime.fromtimestamp(at.timestamp() // SLOT.total_seconds() * SLOT.total_seconds(), UTC)
        self.scored.update(scores)
        rows: list[Row] = []
        for key, score in scores.items():
            if self._is_worth(key, score, at, slot):
                self.last[key] = score.total, slot
                rows.append(("path", *key, 0, 0, score, known[key].state if key in known else "open"))
        hour = slot.replace(minute=0)
        if self.hour != hour and (self.hour is not None or self.scored):
            self.hour = hour
            rows += self._of_ips_and_pools(outside) + _of_tenants(policy, at)
        _keep(rows, slot)

    def _is_worth(self, key: Key, score: Score, at: datetime, slot: datetime) -> bool:
        before = self.last.get(key)
        if before is None:
            return score.total < HEALTHY_FROM or score.per_hour > 0
        if abs(score.total - before[0]) >= WORTH:
            return slot > before[1] or score.total <= before[0] - MUCH  # the worst of its five minutes stays
        healthy = score.total >= HEALTHY_FROM and before[0] >= HEALTHY_FROM
        return at - before[1] >= (HEALTHY if healthy else HOUR)

    def _of_ips_and_pools(self, outside: Outside) -> list[Row]:
        ips: dict[int, list[tuple[Score, float]]] = {}
        for (ip, _), score in self.scored.items():
            ips.setdefault(ip, []).append((score, score.per_hour))
        pools: dict[int, list[tuple[Score, float]]] = {}
        with connection.cursor() as cursor:
            cursor.execute(_MEMBERS)
            for pool, ip in cursor.fetchall():
                pools.setdefault(pool, []).extend(ips.get(ip, []))
        of_ips: list[Row] = [("ip", ip, 0, 0, 0, score_of_many(parts, outside.of(ip, 0)), "") for ip, parts in ips.items()]
        return of_ips + [("pool", 0, 0, pool, 0, score_of_many(parts), "") for pool, parts in pools.items() if parts]


def _of_tenants(policy: Policy, at: datetime) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(_TENANTS, {"at": at, "long": policy.long_half_life_s, "first": at - timedelta(seconds=8 * policy.long_half_life_s)})
        return [
            ("tenant", 0, 0, 0, tenant, score_of_tenant(
                Windows(long_attempted=attempted, long_delivered=delivered, long_bounced=bounced, long_complaints=complaints), policy), "")
            for tenant, attempted, delivered, bounced, complaints in cursor.fetchall()
        ]  # fmt: skip


def _keep(rows: list[Row], slot: datetime) -> None:
    if not rows:
        return
    scopes, ips, providers, pools, tenants, scores, states = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, {
            "at": slot, "scopes": list(scopes), "ips": list(ips), "providers": list(providers), "pools": list(pools), "tenants": list(tenants),
            "scores": [round(score.total, 1) for score in scores], "states": list(states),
            "components": [Jsonb({"components": score.as_json()}) for score in scores],
        })  # fmt: skip


