"""The queue: how much waits where, and how old the oldest is, at a price that does not grow with it.

A table of up to COUNTED rows is counted. A deeper one is as deep as the server's statistics say, and its rows are shared out among purposes, pools and
providers by a sample of its pages. The oldest is looked for at the head of each lane, through the lanes' index, in at most LANES of them.
"""

from mailplatform.shell.database.rows import select
from monitoring.metrics.catalog import Dimension as D
from monitoring.metrics.gather.moment import Moment, Values, added, of_all
from monitoring.metrics.gather.places import provider_key
from pools.purposes import Purpose

COUNTED, SAMPLED, LANES = 10_000, 15_000, 2_000
_DEPTH = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {most}) bounded),
       greatest((SELECT n_live_tup FROM pg_stat_user_tables WHERE relid = '{table}'::regclass), 0)
"""
_LANES = """
SELECT r.purpose, r.pool_id, CASE WHEN p.is_tail THEN 0 ELSE r.provider_id END, count(*)
  FROM (SELECT purpose, pool_id, provider_id FROM {table} {sample}) r LEFT JOIN pools_provider p ON p.id = r.provider_id GROUP BY 1, 2, 3
"""
_HEADS = f"""
WITH RECURSIVE head AS (
    (SELECT pool_id, provider_id, purpose, ready_at FROM delivery_ready WHERE provider_id IS NOT NULL
      ORDER BY pool_id, provider_id, purpose, tag LIMIT 1)
    UNION ALL
    SELECT next.* FROM head h CROSS JOIN LATERAL (
        SELECT pool_id, provider_id, purpose, ready_at FROM delivery_ready r
         WHERE (r.pool_id, r.provider_id, r.purpose) > (h.pool_id, h.provider_id, h.purpose)
         ORDER BY pool_id, provider_id, purpose, tag LIMIT 1) next)
SELECT h.purpose, h.pool_id, CASE WHEN p.is_tail THEN 0 ELSE h.provider_id END, extract(epoch FROM platform_now() - h.ready_at)::float8
  FROM (SELECT * FROM head LIMIT {LANES}) h LEFT JOIN pools_provider p ON p.id = h.provider_id
"""
_HELD = "SELECT tenant_id, count(*) FROM (SELECT tenant_id FROM delivery_waiting WHERE why = 'hold' LIMIT 20000) bounded GROUP BY 1"
_CLAIMED = """
SELECT e.node_id, sum(c.count)::bigint FROM (SELECT engine_id, count(*) FROM (SELECT engine_id FROM delivery_claimed LIMIT 50000) bounded GROUP BY 1) c
  LEFT JOIN delivery_engine e ON e.id = c.engine_id GROUP BY 1
"""


def gather(moment: Moment) -> Values:
    places = moment.places
    values: Values = {}
    for metric, table in (("queue_ready", "delivery_ready"), ("queue_waiting", "delivery_waiting")):
        depth, lanes = _depth(table)
        values |= {
            (metric, D.ALL): of_all(depth),
            (metric, D.PURPOSE): dict.fromkeys(_PURPOSES.values(), 0.0) | added((_PURPOSES[purpose], count) for purpose, _, _, count in lanes),
            (metric, D.POOL): places.with_zeros(D.POOL, added((str(pool), count) for _, pool, _, count in lanes)),
            (metric, D.PROVIDER): places.with_zeros(D.PROVIDER, added((provider_key(one), count) for _, _, one, count in lanes if one is not None)),
        }
    held, claimed = select(_HELD), select(_CLAIMED)
    values["queue_held", D.ALL] = of_all(sum(count for _, count in held))
    values["queue_held", D.TENANT] = {str(tenant): float(count) for tenant, count in held}
    values["queue_claimed", D.ALL] = of_all(sum(count for _, count in claimed))
    values["queue_claimed", D.NODE] = places.with_zeros(D.NODE, {str(node): float(count) for node, count in claimed if node is not None})
    return values | _oldest(moment)


_PURPOSES = {int(purpose): str(purpose.label) for purpose in Purpose}


def _depth(table: str) -> tuple[float, list[tuple[int, int, int | None, float]]]:
    """All rows, and those of each purpose, pool and provider (None: not sorted yet; 0: a small one)."""
    counted, estimated = select(_DEPTH.format(table=table, most=COUNTED + 1))[0]
    if not counted:
        return 0.0, []
    if counted <= COUNTED:
        return float(counted), [(*lane, float(count)) for *lane, count in select(_LANES.format(table=table, sample=""))]
    depth = float(max(counted, estimated))
    percent = min(100.0, 100.0 * SAMPLED / depth)
    lanes = select(_LANES.format(table=table, sample=f"TABLESAMPLE SYSTEM ({percent:.4f}) LIMIT {4 * SAMPLED}"))
    seen = sum(count for *_, count in lanes) or 1
    return depth, [(*lane, count * depth / seen) for *lane, count in lanes]


def _oldest(moment: Moment) -> Values:
    by: dict[str, dict[str, float]] = {D.ALL: of_all(0.0), D.PURPOSE: dict.fromkeys(_PURPOSES.values(), 0.0)}
    for purpose, pool, provider, age_s in select(_HEADS):
        for dimension, key in ((D.ALL, "all"), (D.PURPOSE, _PURPOSES[purpose]), (D.POOL, str(pool)), (D.PROVIDER, provider_key(provider))):
            of = by.setdefault(dimension, {})
            of[key] = max(of.get(key, 0.0), age_s)
    for dimension in (D.POOL, D.PROVIDER):
        by[dimension] = moment.places.with_zeros(dimension, by.get(dimension, {}))
    return {("queue_oldest_s", dimension): of for dimension, of in by.items()}

