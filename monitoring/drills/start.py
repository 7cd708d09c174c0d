"""Start: begin a drill, abort it, leave one out. Each is one transaction, and each that does not begin leaves its row with the reason.

Promises: one at a time (an advisory lock, held while it is looked); a date of the schedule is used once however many stewards see it; what is broken has its
end in the same transaction. Never: outside of the sandbox without DRILLS_IN_LIVE.
"""

import json
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from mailplatform.shell.clock import now
from monitoring import sandbox_order
from monitoring.drills import Refusal, declared, injected, switch
from monitoring.drills.kinds import Kind
from monitoring.drills.models import Drill, DrillKind
from monitoring.drills.scopes import Preview, preview
from pools.models import Node, SendingIP

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('monitoring.drills'))"
_START = """
INSERT INTO monitoring_drill (kind, scope, state, started_by, started_at, until, beat_at, planned_for, figures, evidence)
VALUES (%s, %s, 'running', %s, platform_now(), platform_now() + %s * interval '1 s', platform_now(), %s, '{}', %s::jsonb)
ON CONFLICT (kind, planned_for) DO NOTHING RETURNING id
"""
_ENGINES = """
SELECT e.id, n.name, e.slot, n.id FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id JOIN pools_zone z ON z.id = n.zone_id
 WHERE (n.name = %(scope)s AND %(by)s = 'node' OR z.name = %(scope)s AND %(by)s = 'zone') AND e.renewed_at > platform_now() - interval '2 s' ORDER BY e.id
"""
_ABORT = """
UPDATE monitoring_drill SET state = 'aborted', ended_at = platform_now(), ended_by = %s, why = %s, verdict = '' WHERE id = %s AND state = 'running'
"""


def start(key: str, who: str, scope: str = "", lasts_s: int = 0, planned_for: datetime | None = None) -> Drill | Refusal:
    """Begin it now, or say why not; a refusal is kept as well."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK)
        told = preview(key, scope, lasts_s)
        if told.refusal:
            return _refuse(told, who, planned_for)
        drill_id = _insert(cursor, told, who, planned_for)
        if drill_id is None:
            return Refusal("Somebody else has started the drill of this date.")
        _break(cursor, drill_id, told)
    return _afterwards(Drill.objects.get(pk=drill_id), told)


def abort(drill: Drill, who: str, why: str = "Aborted by hand.") -> bool:
    """End it and what it broke; False: it had ended."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ABORT, [who[:200], why, drill.pk])
        done = cursor.rowcount == 1
        if done:
            injected.end_all(cursor, drill.pk, f"aborted by {who}")
    if done and drill.kind == DrillKind.PROVIDER_OUTAGE:
        sandbox_order.order("outage", provider=drill.scope, on=False)
    return done


def skip(key: str, who: str, why: str, planned_for: datetime) -> Drill | None:
    """Leave a date out; None: it was used already."""
    made, created = Drill.objects.get_or_create(
        kind=key, planned_for=planned_for,
        defaults={"state": Drill.State.SKIPPED, "started_by": "schedule", "started_at": now(), "ended_at": now(), "ended_by": who[:200], "why": why},
    )  # fmt: skip
    return made if created else None


def _refuse(told: Preview, who: str, planned_for: datetime | None) -> Refusal:
    at = now()
    kept: dict[str, Any] = {
        "scope": told.scope[:200], "state": Drill.State.REFUSED, "started_by": who[:200], "started_at": at, "ended_at": at, "ended_by": "the platform",
        "why": told.refusal,
    }  # fmt: skip
    if planned_for is None:
        Drill.objects.create(kind=told.kind.key, **kept)
    else:
        Drill.objects.get_or_create(kind=told.kind.key, planned_for=planned_for, defaults=kept)
    return Refusal(told.refusal)


def _insert(cursor: Any, told: Preview, who: str, planned_for: datetime | None) -> int | None:
    evidence = {"lasts_s": told.lasts_s, "capacity": told.capacity, "will": told.will, **_engines(cursor, told)}
    gives_up_s = told.kind.gives_up_s + max(0, told.lasts_s - told.kind.fault_s)
    cursor.execute(_START, [told.kind.key, str(told.scope or evidence.get("engine", ""))[:200], who[:200], gives_up_s, planned_for, json.dumps(evidence)])
    row = cursor.fetchone()
    return row[0] if row else None


def _engines(cursor: Any, told: Preview) -> dict[str, Any]:
    """Whose mail is followed."""
    match told.kind.key:
        case DrillKind.FREEZE_NODE | DrillKind.CUT_ZONE:
            cursor.execute(_ENGINES, {"scope": told.scope, "by": told.kind.scope.value})
        case DrillKind.KILL_ENGINE:
            cursor.execute(_MOST_LOADED)
        case DrillKind.DNS_FAILOVER:
            return declared.evidence(told.scope)
        case DrillKind.DATABASE_SWITCH:
            cursor.execute(f"SELECT {switch.TIMELINE}")
            return {"timeline": cursor.fetchone()[0]}
        case _:
            return {}
    rows = cursor.fetchall()
    names = [f"{node}/{chr(ord('a') + slot)}" for _, node, slot, _ in rows]
    kept: dict[str, Any] = {"engine_ids": [row[0] for row in rows], "engines": names, "node_ids": sorted({row[3] for row in rows})}
    if told.kind.key == DrillKind.KILL_ENGINE and rows:
        kept |= {"engine_id": rows[0][0], "engine": names[0], "node": rows[0][1]}
    return kept


_MOST_LOADED = """
SELECT e.id, n.name, e.slot, n.id FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id
 WHERE e.renewed_at > platform_now() - interval '1 s' AND NOT e.draining
 ORDER BY (SELECT count(*) FROM (SELECT 1 FROM delivery_claimed c WHERE c.engine_id = e.id LIMIT 1000) bounded) DESC, e.id LIMIT 1
"""


def _break(cursor: Any, drill_id: int, told: Preview) -> None:
    match told.kind.key:
        case DrillKind.FREEZE_NODE:
            injected.inject(cursor, drill_id, "freeze_engine", told.lasts_s, node=Node.objects.get(name=told.scope).pk)
        case DrillKind.CUT_ZONE:
            for node in Node.objects.filter(zone__name=told.scope):
                injected.inject(cursor, drill_id, "cut_database", told.lasts_s, node=node.pk)
        case DrillKind.BLACK_HOLE_IP:
            injected.inject(cursor, drill_id, "black_hole_ip", told.lasts_s, ip=SendingIP.objects.get(address=told.scope).pk)
        case DrillKind.PROVIDER_OUTAGE:
            injected.inject(cursor, drill_id, "provider_outage", told.lasts_s)
        case DrillKind.DNS_FAILOVER:
            injected.inject(cursor, drill_id, "endpoint_dead", told.lasts_s)


def _afterwards(drill: Drill, told: Preview) -> Drill | Refusal:
    """What happens outside of the database, once the row says so."""
    kind: Kind = told.kind
    if kind.key == DrillKind.RESTORE_BACKUP:
        from monitoring.drills import restore

        restore.enqueue(drill.pk)
    if kind.key == DrillKind.PROVIDER_OUTAGE:
        why = sandbox_order.order("outage", provider=told.scope, on=True, for_s=told.lasts_s)
        if why:
            abort(drill, "the platform", why)
            return Refusal(why)
    return drill
