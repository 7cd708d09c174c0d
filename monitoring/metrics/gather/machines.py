"""Machines: what node agents reported of theirs in the last seconds. An older report says nothing."""

from mailplatform.shell.database.rows import select
from monitoring.metrics.gather.moment import Moment, Values, worst

FRESH_S = 20
_REPORTS = """
SELECT node_id, cpu_percent / 100, memory_percent / 100, CASE WHEN disk_total_bytes > 0 THEN 1 - disk_free_bytes::float8 / disk_total_bytes END,
       CASE WHEN files_limit > 0 THEN files_open::float8 / files_limit END, CASE WHEN cores > 0 THEN load_1m / cores END
  FROM monitoring_nodereport WHERE at > platform_now() - make_interval(secs => %s)
"""
_METRICS = ("cpu_share", "memory_share", "disk_share", "files_share", "load_per_core")


def gather(moment: Moment) -> Values:
    rows = select(_REPORTS, [FRESH_S])
    values: Values = {}
    for place, metric in enumerate(_METRICS, start=1):
        values |= worst(metric, {row[0]: row[place] for row in rows if row[place] is not None}, moment.places)
    return values
