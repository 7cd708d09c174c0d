"""How paths, IPs, pools and tenants stand: reputation, what is out of rotation, listings, warm-ups that hold, rehearsals that are overdue."""

from mailplatform.shell.database.rows import select
from monitoring.drills.calendar import overdue_since
from monitoring.drills.round import due_since, policies, schedule_row
from monitoring.metrics.catalog import Dimension as D
from monitoring.metrics.gather.moment import Moment, Values, added, of_all
from monitoring.metrics.gather.places import provider_key

# The last sample of each, through the samples' unique index; scores are sampled once an hour.
_SCORE = """
SELECT t.id, (SELECT s.score FROM pools_scoresample s WHERE s.scope = '{scope}' AND s.ip_id = {ip} AND s.provider_id = 0 AND s.pool_id = {pool}
                 AND s.tenant_id = {tenant} AND s.at > platform_now() - interval '3 h' ORDER BY s.at DESC LIMIT 1) FROM {table} t
"""
_SCORES = {
    D.IP: _SCORE.format(scope="ip", ip="t.id", pool=0, tenant=0, table="pools_sendingip"),
    D.POOL: _SCORE.format(scope="pool", ip=0, pool="t.id", tenant=0, table="pools_pool"),
    D.TENANT: _SCORE.format(scope="tenant", ip=0, pool=0, tenant="t.id", table="tenants_tenant"),
}
_IPS_OUT = "SELECT id FROM pools_sendingip WHERE state <> 'active'"
_PATHS_OUT = """
SELECT p.ip_id, CASE WHEN v.is_tail THEN 0 ELSE v.id END, count(*)::float8
  FROM pools_path p JOIN pools_provider v ON v.id = p.provider_id WHERE p.state IN ('quarantined', 'paused') GROUP BY 1, 2
"""
_LISTINGS = "SELECT ip_id, count(*)::float8 FROM pools_listing WHERE cleared_at IS NULL AND severity <> 'info' GROUP BY 1"
_HELD = """
SELECT w.ip_id, w.provider_id, count(*)::float8 FROM warming_warmup w JOIN warming_warmupdecision d ON d.warmup_id = w.id AND d.number = w.decisions
 WHERE w.state = 'warming' AND d.kind IN ('hold', 'step_back') GROUP BY 1, 2
"""


def scores(_: Moment) -> Values:
    return {("reputation_score", dimension): {str(id_): score for id_, score in select(sql) if score is not None} for dimension, sql in _SCORES.items()}


def out(moment: Moment) -> Values:
    places = moment.places
    ips, paths = [row[0] for row in select(_IPS_OUT)], select(_PATHS_OUT)
    listed = select(_LISTINGS)
    return {
        ("ips_out", D.ALL): of_all(len(ips)),
        ("ips_out", D.POOL): places.with_zeros(D.POOL, added((str(pool), 1.0) for ip in ips for pool in places.pools_of.get(ip, ()))),
        ("paths_out", D.ALL): of_all(sum(count for *_, count in paths)),
        ("paths_out", D.POOL): places.with_zeros(D.POOL, added((str(pool), count) for ip, _, count in paths for pool in places.pools_of.get(ip, ()))),
        ("paths_out", D.IP): places.with_zeros(D.IP, added((str(ip), count) for ip, _, count in paths)),
        ("paths_out", D.PROVIDER): places.with_zeros(D.PROVIDER, added((provider_key(one), count) for _, one, count in paths)),
        ("listings", D.ALL): of_all(sum(count for _, count in listed)),
        ("listings", D.IP): places.with_zeros(D.IP, {str(ip): count for ip, count in listed if ip is not None}),
    }


def warmups(moment: Moment) -> Values:
    held, places = select(_HELD), moment.places
    return {
        ("warmups_held", D.ALL): of_all(sum(count for *_, count in held)),
        ("warmups_held", D.POOL): places.with_zeros(D.POOL, added((str(pool), count) for ip, _, count in held for pool in places.pools_of.get(ip, ()))),
        ("warmups_held", D.PROVIDER): added((str(provider), count) for _, provider, count in held),
    }


def drills(moment: Moment) -> Values:
    schedule = schedule_row()
    late = 0
    for policy in policies():
        due = due_since(policy, schedule) if policy.planned else None
        late += due is not None and overdue_since(due, schedule.overdue_days, moment.at) is not None
    return {("drills_overdue", D.ALL): of_all(late)}
