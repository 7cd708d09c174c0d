"""Kill an engine: the agent's half of the drill. A person asked for it by a Drill row; the agent of the engine's node kills.

Owns: the evidence of a running kill drill. Promises: at most the one engine that the row names, by its pidfd; the database's
time just before the signal is kept, so the stopwatch reads rows and not a button. Never: a drill older than 10 s; the agent asks `drills.allowed`.
"""

import signal
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from monitoring.processes import Process

_MINE = """
SELECT d.id, (d.evidence->>'engine_id')::bigint FROM monitoring_drill d
 WHERE d.kind = 'kill_engine' AND d.state = 'running' AND d.evidence->>'node' = %s AND NOT d.evidence ? 'killed_at'
   AND d.started_at > platform_now() - interval '10 s'
 ORDER BY d.id LIMIT 1
"""
_ABOUT_TO = """
UPDATE monitoring_drill SET evidence = evidence || jsonb_build_object('killed_at', platform_now())
 WHERE id = %s AND NOT evidence ? 'killed_at'
"""
_FAILED = "UPDATE monitoring_drill SET state = 'failed', ended_at = platform_now(), evidence = evidence || %s WHERE id = %s"


# Under the engine's row lock no claim can be added: these are the deliveries whose fate the drill follows.
_IN_HAND = """
UPDATE monitoring_drill SET evidence = evidence || jsonb_build_object('in_hand', coalesce(evidence->'in_hand', '[]')
         || coalesce((SELECT jsonb_agg(id) FROM (SELECT id FROM delivery_claimed WHERE engine_id = %(engine)s LIMIT 5000) few), '[]'))
 WHERE kind IN ('kill_engine', 'freeze_node', 'cut_zone') AND state = 'running' AND evidence->'engine_ids' @> to_jsonb(%(engine)s::bigint)
"""


def note_in_hand(connection: psycopg.Connection[Any], engine_id: int) -> None:
    """Keep what a killed engine had in its hands, in the transaction that gives it back."""
    connection.execute(_IN_HAND, {"engine": engine_id})


def carry_out(connection: psycopg.Connection[Any], node: str, held: dict[int, Process]) -> None:
    """Kill the engine that a drill names, if it is one of this node's and lives."""
    row = connection.execute(_MINE, [node]).fetchone()
    if row is None:
        return
    drill_id, engine_id = row
    process = held.get(engine_id)
    if process is None or process.gone:
        connection.execute(_FAILED, [Jsonb({"why": "The engine had already ended."}), drill_id])
        return
    if connection.execute(_ABOUT_TO, [drill_id]).rowcount == 1:
        process.signal(signal.SIGKILL)
