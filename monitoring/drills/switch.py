"""Database switch: the stopwatch of a switch that a cluster manager makes while the drill waits for it. The platform promotes nothing.

Each look on the old timeline writes the run's `beat_at`; the first look on another one ends it: recovery is the time between the last write before and the
first after. Looks come from agents, ten times a second.
"""

from typing import Any

from monitoring.drills import Cursor
from monitoring.drills.rescue import ms

TIMELINE = "left(pg_walfile_name(pg_current_wal_lsn()), 8)"
_LOOK = f"SELECT {TIMELINE}, evidence->>'timeline', beat_at, platform_now() FROM monitoring_drill WHERE id = %s"
_BEAT = "UPDATE monitoring_drill SET beat_at = platform_now() WHERE id = %s AND state = 'running' AND evidence->>'timeline' = " + TIMELINE


def figures(cursor: Cursor, drill_id: int) -> tuple[dict[str, Any], bool]:
    cursor.execute(_LOOK, [drill_id])
    timeline, before, last, at = cursor.fetchone()
    if timeline == before:
        cursor.execute(_BEAT, [drill_id])
        return {}, False
    return {"recovery_ms": ms(last, at), "timeline": timeline}, True
