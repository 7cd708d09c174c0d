"""Connections in use, and against their limits: as engines wrote them into the rows of their paths, at most five seconds ago.

A row that was written before its IP's lease was granted tells of an engine that is gone, and is left out. Of paths only those are subjects that use
NEAR of their limit or more, MOST of them at most.
"""

from mailplatform.shell.database.rows import select
from monitoring.metrics.catalog import Dimension as D
from monitoring.metrics.gather.moment import Moment, Values, of_all
from monitoring.metrics.gather.places import provider_key

NEAR, MOST = 0.5, 100
_ENGINES = """
SELECT node_id, sum(CASE jsonb_typeof(state->'connections') WHEN 'number' THEN (state->>'connections')::float8 ELSE 0 END)
  FROM delivery_engine GROUP BY 1
"""
_PATHS = f"""
WITH used AS MATERIALIZED (
    SELECT p.ip_id, p.provider_id, CASE WHEN v.is_tail THEN 0 ELSE p.provider_id END AS provider, p.open_connections AS open,
           (p.limits_now->>'connections')::int AS bound
      FROM pools_path p JOIN delivery_iplease l ON l.ip_id = p.ip_id AND l.granted_at <= p.updated_at JOIN pools_provider v ON v.id = p.provider_id)
(SELECT 'ip', ip_id, 0::bigint, sum(open)::float8, sum(bound)::float8 FROM used GROUP BY 2)
UNION ALL (SELECT 'provider', provider, 0, sum(open)::float8, sum(bound)::float8 FROM used GROUP BY 2)
UNION ALL (SELECT 'path', ip_id, provider_id, open, bound FROM used WHERE open >= bound * {NEAR} AND open > 0 AND bound > 0
            ORDER BY open::float8 / bound DESC LIMIT {MOST})
"""


def gather(moment: Moment) -> Values:
    places = moment.places
    by_node = {str(node): float(count or 0) for node, count in select(_ENGINES)}
    used: dict[str, dict[str, float]] = {"ip": {}, "provider": {}}
    share: dict[str, dict[str, float]] = {"ip": {}, "provider": {}, "path": {}}
    all_open = all_bound = 0.0
    for what, subject, provider, open_now, bound in select(_PATHS):
        key = f"{subject}/{provider}" if what == "path" else provider_key(subject) if what == "provider" else str(subject)
        if what != "path":
            used[what][key] = open_now
        if what == "ip":
            all_open, all_bound = all_open + open_now, all_bound + (bound or 0.0)
        if bound:
            share[what][key] = open_now / bound
    return {
        ("connections", D.ALL): of_all(sum(by_node.values())),
        ("connections", D.NODE): places.with_zeros(D.NODE, by_node),
        ("connections", D.IP): places.with_zeros(D.IP, used["ip"]),
        ("connections", D.PROVIDER): places.with_zeros(D.PROVIDER, used["provider"]),
        ("connections_share", D.ALL): of_all(all_open / all_bound if all_bound else 0.0),
        ("connections_share", D.IP): share["ip"],
        ("connections_share", D.PROVIDER): share["provider"],
        ("connections_share", D.PATH): share["path"],
    }
