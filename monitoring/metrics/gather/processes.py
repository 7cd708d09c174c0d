"""The platform's own processes: engines, node agents, watchers, django-q2 clusters and the jobs that wait for them.

Of nodes and zones that are out of service nothing is missing. A job's `lock` is when it was put into the queue, until a cluster takes it and moves it on.
"""

from mailplatform.shell.database.rows import select
from monitoring.metrics.catalog import Dimension as D
from monitoring.metrics.gather.moment import Moment, Values, of_all, worst

JOBS = "jobs"
FORGOTTEN_S = 7 * 86_400.0  # a cluster that was taken away a week ago is not missed
_ENGINES = """
SELECT n.id,
       greatest(n.engine_slots - (SELECT count(*) FROM delivery_engine e WHERE e.node_id = n.id AND e.renewed_at > platform_now() - interval '2 s'), 0)::float8,
       extract(epoch FROM platform_now() - b.at)::float8
  FROM pools_node n LEFT JOIN monitoring_agentbeat b ON b.node_id = n.id WHERE n.id = ANY (%s)
"""
_WATCHERS = "SELECT zone_id, extract(epoch FROM platform_now() - at)::float8, longest_gap_ms::float8 FROM monitoring_watcherbeat"
_CLUSTERS = "SELECT name, extract(epoch FROM platform_now() - at)::float8 FROM shell_clusterbeat"
_JOBS = "SELECT count(*), max(extract(epoch FROM now() - lock))::float8 FROM (SELECT lock FROM django_q_ormq WHERE key = %s AND lock <= now() LIMIT 10000) due"
_FAILED = "SELECT count(*) FROM django_q_task WHERE NOT success AND stopped > %s AND stopped <= %s AND coalesce(cluster, %s) = %s"


def gather(moment: Moment) -> Values:
    places = moment.places
    nodes = select(_ENGINES, [list(places.working)])
    missing = {node: count for node, count, _ in nodes}
    values = worst("engines_missing", missing, places)
    values["engines_missing", D.ALL] = of_all(sum(missing.values()))
    values |= worst("agent_silent_s", {node: max(0.0, silent_s) for node, _, silent_s in nodes if silent_s is not None}, places)
    served = {places.zone_of[node] for node in places.working}
    watchers = [(zone, max(0.0, silent_s), gap_ms) for zone, silent_s, gap_ms in select(_WATCHERS) if zone in served]
    clusters = {name: max(0.0, silent_s) for name, silent_s in select(_CLUSTERS) if silent_s < FORGOTTEN_S}
    waiting, oldest_s = select(_JOBS, [JOBS])[0]
    values |= {
        ("watcher_silent_s", D.ALL): of_all(max((silent_s for _, silent_s, _ in watchers), default=None)),
        ("watcher_silent_s", D.ZONE): {str(zone): silent_s for zone, silent_s, _ in watchers},
        ("watcher_gap_ms", D.ALL): of_all(max((gap_ms for *_, gap_ms in watchers), default=None)),
        ("watcher_gap_ms", D.ZONE): {str(zone): gap_ms for zone, _, gap_ms in watchers},
        ("cluster_silent_s", D.ALL): of_all(max(clusters.values(), default=None)),
        ("cluster_silent_s", D.CLUSTER): clusters,
        ("jobs_queue", D.ALL): of_all(waiting),
        ("jobs_oldest_s", D.ALL): of_all(max(0.0, oldest_s or 0.0)),
    }
    if moment.since is not None:
        values["jobs_failed", D.ALL] = of_all(select(_FAILED, [moment.since, moment.at, JOBS, JOBS])[0][0])
    return values
