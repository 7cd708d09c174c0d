"""Drills: start one, and read its stopwatch from the database.

Owns: Drill rows. Promises: every figure is computed from rows that the platform wrote while doing its work (verdict, attempts, deliveries), none
from a button; `lost` counts deliveries that are neither final nor in any queue table and must be 0. Never: outside the sandbox
without DRILLS_IN_LIVE; kills (the node's agent does); more than one drill of a kind at a time.
"""

import json
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from mailplatform.shell.clock import now
from monitoring.drills import Cursor, Refusal, allowed
from monitoring.models import Drill

GIVES_UP_S = 30


# The most loaded of the engines that live; another one must live to take over.
_CANDIDATES = """
SELECT e.id, n.name, e.slot, (SELECT count(*) FROM (SELECT 1 FROM delivery_claimed c WHERE c.engine_id = e.id LIMIT 1000) bounded)
  FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id
 WHERE e.renewed_at > platform_now() - interval '1 s' AND NOT e.draining ORDER BY 4 DESC, e.id
"""
_START = """
INSERT INTO monitoring_drill (kind, scope, state, started_by, started_at, figures, evidence)
SELECT %s, %s, 'running', %s, platform_now(), '{}', %s::jsonb
 WHERE NOT EXISTS (SELECT 1 FROM monitoring_drill WHERE kind = %s AND state = 'running' AND started_at > platform_now() - interval '30 s')
RETURNING id
"""
_KILL_FIGURES = """
WITH drill AS (SELECT (evidence->>'killed_at')::timestamptz AS killed_at, (evidence->>'engine_id')::bigint AS engine_id,
                      coalesce((SELECT array_agg(value::uuid) FROM jsonb_array_elements_text(evidence->'in_hand')), '{}') AS ids
                 FROM monitoring_drill WHERE id = %s),
verdict AS (SELECT v.at, v.given_back, v.unknowable FROM monitoring_verdict v JOIN drill d ON v.engine_id = d.engine_id ORDER BY v.at LIMIT 1),
hand AS (SELECT unnest(ids) AS id FROM drill),
-- An attempt's id is its delivery's with the attempt's number in the last byte: a range of the primary key.
again AS (SELECT h.id, min(a.started_at) AS at FROM hand h JOIN drill d ON true
            JOIN delivery_attempt a ON a.id > h.id AND a.id <= (left(h.id::text, 34) || 'ff')::uuid
           WHERE a.engine_id <> d.engine_id AND a.started_at > d.killed_at GROUP BY 1),
fate AS (SELECT h.id, d.final IS NOT NULL AS final,
                EXISTS (SELECT FROM delivery_ready r WHERE r.id = h.id) OR EXISTS (SELECT FROM delivery_waiting w WHERE w.id = h.id)
                OR EXISTS (SELECT FROM delivery_claimed c WHERE c.id = h.id) AS queued
           FROM hand h LEFT JOIN delivery_delivery d ON d.id = h.id)
SELECT d.killed_at, v.at, (SELECT min(at) FROM again), (SELECT count(*) FROM hand), v.given_back, v.unknowable,
       (SELECT count(*) FROM fate WHERE NOT final AND NOT queued), (SELECT count(*) FROM fate f WHERE f.final OR f.id IN (SELECT id FROM again)),
       (SELECT count(*) FROM again)
  FROM drill d LEFT JOIN verdict v ON true
"""
_SEND_FIGURES = """
SELECT r.started_at, m.created_at, d.done_at, d.final
  FROM monitoring_drill r
  LEFT JOIN delivery_delivery d ON d.id = (r.evidence->>'delivery_id')::uuid
  LEFT JOIN delivery_message m ON m.id = (r.evidence->>'message_id')::uuid
 WHERE r.id = %s
"""
_RUNNING = """
SELECT id, kind, extract(epoch FROM platform_now() - started_at)::float8 FROM monitoring_drill
 WHERE state = 'running' AND kind <> 'break_ip' ORDER BY id LIMIT 20
"""  # a broken IP takes its time (monitoring.break_drill)
_END = "UPDATE monitoring_drill SET state = %s, ended_at = platform_now(), figures = %s::jsonb WHERE id = %s AND state = 'running'"
_BLANK: dict[str, Any] = dict.fromkeys(("accepted_ms", "delivered_ms", "final", "found_ms", "rerouted_ms", "in_hand", "unknowable", "lost", "why"))


def may_start_kill() -> bool:
    """Whether a kill would be started now; asked before anything is sent for it."""
    if not allowed():
        return False
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES)
        enough = len(cursor.fetchall()) >= 2
    running = Drill.objects.filter(kind=Drill.Kind.KILL_ENGINE, state=Drill.State.RUNNING, started_at__gt=now() - timedelta(seconds=GIVES_UP_S))
    return enough and not running.exists()


def wait_for_claims(most_s: float) -> None:
    """Until some engine has work in its hands."""
    until_s = time.monotonic() + most_s
    with connection.cursor() as cursor:
        while time.monotonic() < until_s:
            cursor.execute("SELECT count(*) FROM (SELECT 1 FROM delivery_claimed LIMIT 20) few")
            if cursor.fetchone()[0] >= 20:
                return
            time.sleep(0.01)


def start_kill(who: str) -> Drill | Refusal:
    """Ask for an engine's end; the agent of its node sees the row."""
    if not allowed():
        return Refusal("Drills run in the sandbox only; DRILLS_IN_LIVE=yes allows them here.")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CANDIDATES)
        living = cursor.fetchall()
        if len(living) < 2:
            return Refusal("Only one engine lives: nobody could take over its mail." if living else "No engine lives.")
        engine_id, node, slot, _ = living[0]
        name = f"{node}/{chr(ord('a') + slot)}"
        return _start(cursor, Drill.Kind.KILL_ENGINE, name, who, {"engine_id": engine_id, "node": node, "engine": name})


def start_send(who: str, recipient: str) -> Drill | Refusal:
    """Start the stopwatch of a message to oneself; `sent()` says what the API answered."""
    if not allowed():
        return Refusal("Drills run in the sandbox only.")
    with transaction.atomic(), connection.cursor() as cursor:
        return _start(cursor, Drill.Kind.SEND_MESSAGE, recipient, who, {"recipient": recipient})


def _start(cursor: Any, kind: Drill.Kind, scope: str, who: str, evidence: dict[str, object]) -> Drill | Refusal:
    cursor.execute(_START, [kind, scope, who[:200], json.dumps(evidence), kind])
    row = cursor.fetchone()
    return Drill.objects.get(pk=row[0]) if row else Refusal("One is running; its stopwatch has not stopped yet.")


def sent(drill: Drill, message: UUID, delivery: UUID) -> None:
    drill.evidence = {**drill.evidence, "message_id": str(message), "delivery_id": str(delivery)}
    drill.save(update_fields=["evidence"])


def failed(drill: Drill, why: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_END, [Drill.State.FAILED, json.dumps({"why": why}), drill.pk])


def figures_of(drill: Drill | None) -> dict[str, Any]:
    """The stopwatch: kept figures, or those of this moment while it runs. What is not known is None."""
    if drill is None:
        return dict(_BLANK)
    if drill.state != Drill.State.RUNNING or drill.kind == Drill.Kind.BREAK_IP:
        return _BLANK | drill.figures
    with connection.cursor() as cursor:
        return _BLANK | _figures(cursor, drill.pk, drill.kind)[0]


def settle(cursor: Cursor) -> int:
    """End the drills that are over, keeping their figures; called by the agents. Gives how many still run."""
    cursor.execute(_RUNNING)
    running = 0
    for drill_id, kind, age_s in cursor.fetchall():
        figures, over = _figures(cursor, drill_id, kind)
        if over or age_s > GIVES_UP_S:
            cursor.execute(_END, [Drill.State.DONE if over or figures.get("found_ms") is not None else Drill.State.FAILED, json.dumps(figures), drill_id])
        else:
            running += 1
    return running


def _figures(cursor: Cursor, drill_id: int, kind: str) -> tuple[dict[str, Any], bool]:
    return _send_figures(cursor, drill_id) if kind == Drill.Kind.SEND_MESSAGE else _kill_figures(cursor, drill_id)


def _send_figures(cursor: Cursor, drill_id: int) -> tuple[dict[str, Any], bool]:
    cursor.execute(_SEND_FIGURES, [drill_id])
    started_at, created_at, done_at, final = cursor.fetchone() or (None,) * 4
    return {"accepted_ms": _ms(started_at, created_at), "delivered_ms": _ms(started_at, done_at), "final": final}, final is not None


def _kill_figures(cursor: Cursor, drill_id: int) -> tuple[dict[str, Any], bool]:
    cursor.execute(_KILL_FIGURES, [drill_id])
    row = cursor.fetchone()
    if row is None or row[0] is None:
        return {}, False
    killed_at, found_at, again_at, in_hand, given_back, unknowable, lost, settled, _ = row
    figures = {
        "found_ms": _ms(killed_at, found_at), "rerouted_ms": _ms(found_at, again_at), "in_hand": in_hand, "given_back": given_back,
        "unknowable": unknowable, "lost": lost if found_at else None, "settled": settled,
    }  # fmt: skip
    return figures, found_at is not None and settled == in_hand


def _ms(since: datetime | None, until: datetime | None) -> int | None:
    return None if since is None or until is None else max(0, round((until - since).total_seconds() * 1000))


def last_of(kinds: Sequence[Drill.Kind] = (Drill.Kind.SEND_MESSAGE, Drill.Kind.KILL_ENGINE)) -> dict[str, Drill | None]:
    """The newest drill of each kind."""
    return {kind.value: Drill.objects.filter(kind=kind).order_by("-started_at").first() for kind in kinds}
