"""Detour: the stopwatch of drills that take a way away (an IP that is a black hole, a provider that is out), counted once, when the fault is over.

Attempts have no index by time: their ids begin with the moment in which their delivery was accepted, so that what was accepted from LOOKS_BACK on is read,
once a run, and no more than MOST rows. Reads only.
"""

from datetime import timedelta
from typing import Any

from mailplatform.shell.ids import lowest_id_at
from monitoring.drills import Cursor
from monitoring.drills.rescue import ms
from monitoring.drills.scopes import sandbox_provider

LOOKS_BACK = timedelta(minutes=10)
MOST = 300_000
_WINDOW = """
SELECT f.obeyed_at, least(coalesce(f.ended_at, f.until), f.until), platform_now() > coalesce(f.ended_at, f.until) + %s * interval '1 s', f.ip_id
  FROM monitoring_fault f WHERE f.drill_id = %s ORDER BY f.id LIMIT 1
"""
# What the hole swallowed, and what the same deliveries did next by another IP.
_HOLE = """
WITH recent AS MATERIALIZED (SELECT id, ip_id, started_at, verdict, phase, timings FROM delivery_attempt WHERE id >= %(least)s LIMIT %(most)s),
swallowed AS (SELECT left(id::text, 34) AS delivery, min(started_at) AS at FROM recent
               WHERE ip_id = %(ip)s AND started_at BETWEEN %(begun)s - interval '1 s' AND %(ended)s AND verdict <> 'delivered' AND phase = 'connect'
               GROUP BY 1),
next AS (SELECT s.delivery, min(r.started_at) AS at FROM swallowed s JOIN recent r ON left(r.id::text, 34) = s.delivery
          WHERE r.ip_id <> %(ip)s AND r.started_at > s.at GROUP BY 1),
fate AS (SELECT s.delivery, d.final, d.done_at FROM swallowed s LEFT JOIN delivery_delivery d ON d.id = (s.delivery || '00')::uuid)
SELECT (SELECT count(*) FROM swallowed), (SELECT min(at) FROM next), (SELECT max(at) FROM next), (SELECT count(*) FROM next),
       (SELECT max(started_at) FROM recent WHERE ip_id = %(ip)s AND started_at BETWEEN %(begun)s AND %(ended)s),
       (SELECT count(*) FROM recent WHERE ip_id <> %(ip)s AND started_at BETWEEN %(begun)s AND %(ended)s AND verdict = 'delivered'),
       (SELECT min(started_at) FROM recent WHERE ip_id = %(ip)s AND started_at > %(ended)s AND verdict = 'delivered'),
       (SELECT count(*) FROM fate f WHERE f.final IS NULL
           AND NOT EXISTS (SELECT FROM delivery_ready q WHERE q.id = (f.delivery || '00')::uuid)
           AND NOT EXISTS (SELECT FROM delivery_waiting q WHERE q.id = (f.delivery || '00')::uuid)
           AND NOT EXISTS (SELECT FROM delivery_claimed q WHERE q.id = (f.delivery || '00')::uuid))
"""
_OUTAGE = """
WITH provider AS (SELECT id FROM pools_provider WHERE key = %(key)s),
recent AS MATERIALIZED (SELECT a.started_at, a.verdict FROM delivery_attempt a JOIN provider p ON p.id = a.provider_id WHERE a.id >= %(least)s LIMIT %(most)s)
SELECT (SELECT min(started_at) FROM recent WHERE started_at BETWEEN %(begun)s AND %(ended)s AND verdict <> 'delivered'),
       (SELECT count(*) FROM recent WHERE started_at BETWEEN %(begun)s AND %(ended)s AND verdict <> 'delivered'),
       (SELECT min(started_at) FROM recent WHERE started_at > %(ended)s AND verdict = 'delivered'),
       (SELECT count(*) FROM pools_action x JOIN provider p ON p.id = x.provider_id WHERE x.at BETWEEN %(begun)s AND %(ended)s + interval '1 min'
           AND x.name IN ('leave', 'ip_out') AND x.state <> 'proposed')
"""
_AFTER_S = {"hole": 3, "outage": 45}


def black_hole(cursor: Cursor, drill_id: int) -> tuple[dict[str, Any], bool]:
    window = _window(cursor, drill_id, _AFTER_S["hole"])
    if window is None:
        return {}, False
    begun, ended, ip = window
    cursor.execute(_HOLE, {"ip": ip, "begun": begun, "ended": ended, "least": _least(begun), "most": MOST})
    swallowed, first_next, last_next, moved, last_try, elsewhere, back, lost = cursor.fetchone()
    return {
        "found_ms": ms(begun, last_try) if swallowed else None, "rerouted_ms": ms(begun, first_next), "recovery_ms": ms(begun, last_next), "in_hand": swallowed,
        "settled": moved, "elsewhere": elsewhere, "back_ms": ms(ended, back), "lost": lost,
    }, True  # fmt: skip


def outage(cursor: Cursor, drill_id: int) -> tuple[dict[str, Any], bool]:
    window = _window(cursor, drill_id, _AFTER_S["outage"])
    if window is None:
        return {}, False
    begun, ended, _ = window
    cursor.execute("SELECT scope FROM monitoring_drill WHERE id = %s", [drill_id])
    key = sandbox_provider(cursor.fetchone()[0])
    cursor.execute(_OUTAGE, {"key": key, "begun": begun, "ended": ended, "least": _least(begun), "most": MOST})
    felt, refusals, back, left = cursor.fetchone()
    return {"found_ms": ms(begun, felt), "refusals": refusals, "recovery_ms": ms(begun, back), "back_ms": ms(ended, back), "left": left}, True


def _window(cursor: Cursor, drill_id: int, after_s: int) -> tuple[Any, Any, Any] | None:
    """Begin, end and IP of its fault, once it is over and what came of it is recorded."""
    cursor.execute(_WINDOW, [after_s, drill_id])
    row = cursor.fetchone()
    return (row[0], row[1], row[3]) if row and row[0] is not None and row[2] else None


def _least(begun: Any) -> Any:
    return lowest_id_at(int((begun - LOOKS_BACK).timestamp() * 1000))
