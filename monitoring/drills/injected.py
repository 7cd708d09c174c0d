"""Injected faults: the rows that agents and engines obey. SQL of `monitoring_fault` stands here, apart from what those obey themselves.

Promises: each has its end when it is written (five minutes at most, the table sees to it), so that it ends though nobody comes back; ending one by hand twice
changes nothing. Never: breaks anything itself.
"""

from typing import Any

from monitoring.drills import Cursor

# Everybody has read the row before it begins, and begins at the same moment by its own clock.
_AHEAD_S = {"freeze_engine": 0.0, "cut_database": 2.0, "black_hole_ip": 2.0, "provider_outage": 0.0, "endpoint_dead": 0.0}
_AT_ONCE = ("provider_outage", "endpoint_dead")  # nobody of ours obeys: the simulated internet does, and the row itself
_INSERT = """
INSERT INTO monitoring_fault (drill_id, kind, node_id, ip_id, begins_at, until, obeyed_at, says)
SELECT %(drill)s, %(kind)s, %(node)s, %(ip)s, at + %(ahead)s * interval '1 s', at + (%(ahead)s + %(lasts)s) * interval '1 s',
       CASE WHEN %(at_once)s THEN at END, ''
  FROM (SELECT platform_now() AS at OFFSET 0) once
"""
_END = "UPDATE monitoring_fault SET ended_at = platform_now(), says = %s WHERE drill_id = %s AND ended_at IS NULL"


def inject(cursor: Any, drill_id: int, kind: str, lasts_s: int, *, node: int | None = None, ip: int | None = None) -> None:
    cursor.execute(_INSERT, {"drill": drill_id, "kind": kind, "node": node, "ip": ip, "ahead": _AHEAD_S[kind], "lasts": lasts_s, "at_once": kind in _AT_ONCE})


def end_all(cursor: Cursor, drill_id: int, says: str) -> int:
    """End what lives of this drill's faults; gives how many."""
    cursor.execute(_END, [says, drill_id])
    return cursor.rowcount
