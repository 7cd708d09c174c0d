"""Drills: start one, and read its stopwatch from the database.

Owns: Drill rows. Promises: every figure is computed from rows that the platform wrote while doing its work (verdict, attempts, deliveries), none
from a button; `lost` counts deliveries that are neither final nor in any queue table and must be 0. Never: outside the sandbox
without DRILLS_IN_LIVE; kills (the node's agent does); more than one drill of a kind at a time.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from monitoring.drills import Cursor, Refusal, allowed, declared, detour, injected, objectives, rescue, start, switch
from monitoring.drills.kinds import KINDS
from monitoring.drills.models import DrillKind
from monitoring.drills.rescue import ms
from monitoring.drills.scopes import preview
from monitoring.models import Drill

GIVES_UP_S = 30


_START = """
INSERT INTO monitoring_drill (kind, scope, state, started_by, started_at, figures, evidence)
SELECT %s, %s, 'running', %s, platform_now(), '{}', %s::jsonb
 WHERE NOT EXISTS (SELECT 1 FROM monitoring_drill WHERE kind = %s AND state = 'running' AND started_at > platform_now() - interval '30 s')
RETURNING id
"""
_SEND_FIGURES = """
SELECT r.started_at, m.created_at, d.done_at, d.final
  FROM monitoring_drill r
  LEFT JOIN delivery_delivery d ON d.id = (r.evidence->>'delivery_id')::uuid
  LEFT JOIN delivery_message m ON m.id = (r.evidence->>'message_id')::uuid
 WHERE r.id = %s
"""
_RUNNING = """
SELECT id, kind, extract(epoch FROM platform_now() - started_at)::float8, platform_now() > until, extract(epoch FROM platform_now() - beat_at)::float8
  FROM monitoring_drill WHERE state = 'running' AND kind <> 'break_ip' ORDER BY id LIMIT 20
"""  # a broken IP takes its time (break_drill)
_END = "UPDATE monitoring_drill SET state = %s, ended_at = platform_now(), figures = %s::jsonb WHERE id = %s AND state = 'running'"
_CLOSE = """
UPDATE monitoring_drill SET state = %s, ended_at = platform_now(), figures = figures || %s::jsonb, verdict = %s, objectives = %s::jsonb, why = %s
 WHERE id = %s AND state = 'running'
"""
_ASKED = "SELECT to_jsonb(p) FROM monitoring_drillpolicy p WHERE kind = %s"
# By the kinds that are measured from rows: what is known now, and whether it is over. Others are carried out by a job that says so itself.
_MEASURES: dict[str, Callable[[Cursor, int], tuple[dict[str, Any], bool]]] = {
    Drill.Kind.KILL_ENGINE: rescue.figures, Drill.Kind.FREEZE_NODE: rescue.figures, Drill.Kind.CUT_ZONE: rescue.figures,
    Drill.Kind.BLACK_HOLE_IP: detour.black_hole, Drill.Kind.PROVIDER_OUTAGE: detour.outage, Drill.Kind.DATABASE_SWITCH: switch.figures,
    Drill.Kind.DNS_FAILOVER: declared.figures,
}  # fmt: skip
_SLOW = (Drill.Kind.BLACK_HOLE_IP, Drill.Kind.PROVIDER_OUTAGE)  # read once, when the fault is over
_SILENT_S = 20.0  # a job that has not been heard for so long is gone
_SHOWN = ("accepted_ms", "delivered_ms", "final", "found_ms", "rerouted_ms", "recovery_ms", "in_hand", "unknowable", "lost", "doubled", "why")
_BLANK: dict[str, Any] = dict.fromkeys(_SHOWN)


def may_start(kind: str) -> bool:
    """Whether it would be started now; asked before anything is sent for it."""
    return not preview(kind).refusal


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
    return start.start(Drill.Kind.KILL_ENGINE, who)


def start_send(who: str, recipient: str) -> Drill | Refusal:
    """Start the stopwatch of a message to oneself; `sent()` says what the API answered."""
    if not allowed():
        return Refusal("Drills run in the sandbox only.")
    with transaction.atomic(), connection.cursor() as cursor:
        return _start(cursor, Drill.Kind.SEND_MESSAGE, recipient, who, {"recipient": recipient})


def _start(cursor: Any, kind: DrillKind, scope: str, who: str, evidence: dict[str, object]) -> Drill | Refusal:
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
    if drill.state != Drill.State.RUNNING or drill.kind in (Drill.Kind.BREAK_IP, *_SLOW):
        return _BLANK | drill.figures
    with connection.cursor() as cursor:
        return _BLANK | _figures(cursor, drill.pk, drill.kind)[0]


def settle(cursor: Cursor) -> int:
    """End the drills that are over, with their figures and verdict; called by agents and by the steward. Gives how many still run."""
    cursor.execute(_RUNNING)
    running = 0
    for drill_id, kind, age_s, past, silent_s in cursor.fetchall():
        figures, over = _figures(cursor, drill_id, kind)
        if kind not in _MEASURES and kind != Drill.Kind.SEND_MESSAGE and (past or (silent_s or 0) > _SILENT_S):
            close(cursor, drill_id, kind, Drill.State.INTERRUPTED, figures, "Who carried it out has not been heard any more.")
        elif over or past or (past is None and age_s > GIVES_UP_S):
            found = over or figures.get("found_ms") is not None
            why = "" if over else "It did not come to its end in time."
            close(cursor, drill_id, kind, Drill.State.DONE if found else Drill.State.FAILED, figures, why)
        else:
            running += 1
    return running


def close(cursor: Cursor, drill_id: int, kind: str, state: str, figures: dict[str, Any], why: str = "") -> bool:
    """Its end, once: the verdict is made of the objectives as they are asked now. What it broke ends with it."""
    lines: list[objectives.Objective] = []
    verdict = ""
    if kind in KINDS and state in (Drill.State.DONE, Drill.State.FAILED):
        cursor.execute(_ASKED, [kind])
        row = cursor.fetchone()
        lines = objectives.judge(_as_dict(row[0]) if row else {**asdict(KINDS[kind].asked), "lost_max": 0, "doubled_max": 0}, figures)
        verdict = objectives.verdict(lines) if state == Drill.State.DONE and not why else Drill.Verdict.MISSED
    cursor.execute(_CLOSE, [state, json.dumps(figures), verdict, json.dumps(objectives.as_rows(lines)), why, drill_id])
    ended = cursor.rowcount == 1
    if ended:
        injected.end_all(cursor, drill_id, "its drill has ended")
    return ended


def _as_dict(value: Any) -> dict[str, Any]:
    return dict(json.loads(value)) if isinstance(value, str) else dict(value)


def _figures(cursor: Cursor, drill_id: int, kind: str) -> tuple[dict[str, Any], bool]:
    if kind == Drill.Kind.SEND_MESSAGE:
        return _send_figures(cursor, drill_id)
    return _MEASURES[kind](cursor, drill_id) if kind in _MEASURES else ({}, False)


def _send_figures(cursor: Cursor, drill_id: int) -> tuple[dict[str, Any], bool]:
    cursor.execute(_SEND_FIGURES, [drill_id])
    started_at, created_at, done_at, final = cursor.fetchone() or (None,) * 4
    return {"accepted_ms": ms(started_at, created_at), "delivered_ms": ms(started_at, done_at), "final": final}, final is not None


def last_of(kinds: Sequence[DrillKind] = (DrillKind.SEND_MESSAGE, DrillKind.KILL_ENGINE, DrillKind.FREEZE_NODE)) -> dict[str, Drill | None]:
    """The newest drill of each kind."""
    begun = Drill.objects.exclude(state__in=(Drill.State.REFUSED, Drill.State.SKIPPED)).order_by("-started_at")
    return {kind.value: begun.filter(kind=kind).first() for kind in kinds}
