"""Break an IP at Gmail: the drill that shows how a path leaves and returns by itself.

Owns: Drill rows of this kind. Promises: one at a time; what is broken heals by itself after HEALS_AFTER_S, in the sandbox's own process, whatever becomes of
this one; every figure is read from rows that the platform wrote (actions, evidence of blocks, path minutes). It adds some mail of the demo's tenants, so that
there are several campaigns to be refused (break_traffic). Never: in live mode.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from mailplatform.shell.clock import now
from mailplatform.shell.formats import clock, duration, number, plural
from monitoring import break_traffic, sandbox_order
from monitoring.drills import Cursor, Refusal
from monitoring.models import Drill

PROVIDER_KEY, SANDBOX_NAME = "google", "gmail"  # how the catalogue and the sandbox call it
HEALS_AFTER_S = 120
GIVES_UP_S = 4 * 3600  # the shipped policy's stay and steps take about half of it
# The busiest open path of an IP that has siblings; one that does not warm and whose own pools are several tenants', if there is one.
_CANDIDATE = """
SELECT i.id, host(i.address), pr.id, pr.name, p.id
  FROM pools_pathminute m JOIN pools_sendingip i ON i.id = m.ip_id JOIN pools_provider pr ON pr.id = m.provider_id
  JOIN pools_path p ON p.ip_id = m.ip_id AND p.provider_id = m.provider_id
 WHERE m.minute >= platform_now() - interval '3 min' AND pr.key = %s AND i.state = 'active' AND p.state = 'open'
   AND EXISTS (SELECT FROM pools_poolmember a JOIN pools_poolmember b ON b.pool_id = a.pool_id AND b.ip_id <> a.ip_id
                 JOIN pools_sendingip o ON o.id = b.ip_id AND o.state = 'active' WHERE a.ip_id = i.id)
 GROUP BY 1, 2, 3, 4, 5 ORDER BY p.warm_per_day IS NOT NULL,
   (SELECT count(DISTINCT s.tenant_id) FROM pools_poolmember a JOIN pools_stream s ON s.pool_id = a.pool_id WHERE a.ip_id = i.id AND a.own) < 2,
   sum(m.attempted) DESC LIMIT 1
"""
_START = """
INSERT INTO monitoring_drill (kind, scope, state, started_by, started_at, figures, evidence)
SELECT 'break_ip', %s, 'running', %s, platform_now(), '{}', %s::jsonb
 WHERE NOT EXISTS (SELECT FROM monitoring_drill WHERE kind = 'break_ip' AND state = 'running')
RETURNING id
"""
_FIGURES = """
WITH d AS (SELECT started_at, date_trunc('minute', started_at) AS minute, (evidence->>'heals_at')::timestamptz AS heals_at,
                  (evidence->>'ip_id')::bigint AS ip, (evidence->>'provider_id')::bigint AS provider FROM monitoring_drill WHERE id = %s),
acted AS (SELECT a.name, a.at, a.state FROM pools_action a, d
           WHERE a.ip_id = d.ip AND (a.provider_id = d.provider OR a.provider_id IS NULL) AND a.at >= d.started_at),
blocks AS (SELECT coalesce(sum(b.blocked + b.deferred), 0) AS refusals FROM pools_blockevidence b, d
            WHERE b.minute >= d.minute AND b.ip_id = d.ip AND b.provider_id = d.provider),
went AS (SELECT coalesce(sum(m.delivered) FILTER (WHERE m.ip_id <> d.ip), 0) AS elsewhere,
                count(DISTINCT m.ip_id) FILTER (WHERE m.ip_id <> d.ip AND m.delivered > 0) AS others,
                coalesce(sum(m.bounced_infrastructure) FILTER (WHERE m.ip_id = d.ip), 0) AS bounced
           FROM pools_pathminute m, d WHERE m.minute >= d.minute AND m.provider_id = d.provider)
SELECT d.started_at, d.heals_at, p.state, p.share, s.until,
       (SELECT min(at) FROM acted WHERE name IN ('leave', 'ip_out') AND state <> 'proposed'),
       (SELECT count(*) FROM acted WHERE state = 'proposed'), (SELECT max(at) FROM acted WHERE name = 'return'),
       blocks.refusals, went.elsewhere, went.others, went.bounced,
       (SELECT count(*) FROM acted WHERE name = 'back'), s.since, s.step, (s.memory->>'answers')::float8, (SELECT step_floor FROM pools_reputationpolicy)
  FROM d CROSS JOIN blocks CROSS JOIN went
  LEFT JOIN pools_path p ON p.ip_id = d.ip AND p.provider_id = d.provider LEFT JOIN pools_pathstanding s ON s.path_id = p.id
"""
_END = "UPDATE monitoring_drill SET state = %s, ended_at = platform_now(), figures = %s::jsonb WHERE id = %s AND state = 'running'"
_HEALED = "UPDATE monitoring_drill SET evidence = evidence || jsonb_build_object('heals_at', platform_now()) WHERE id = %s AND state = 'running'"


@dataclass(frozen=True, slots=True)
class BreakFigures:
    """What the platform did so far. `left_s` and `back_s` count from the start."""

    broken: bool
    heals_at: datetime | None
    state: str
    share: int
    next_at: datetime | None
    left_s: float | None
    proposed: bool
    back_s: float | None
    refusals: int
    elsewhere: int
    others: int
    bounced: int
    failed: int = 0  # probes that were refused
    since: datetime | None = None  # in this state, or at this step of probation
    step: int = 0
    answers: int = 0  # of this step
    floor: int = 0  # answers that a step needs


def start(who: str) -> Drill | Refusal:
    """Break the busiest path to Gmail."""
    if not sandbox_order.may_order():
        return Refusal("Only the sandbox can be broken.")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('break_ip'))")
        _close_healed(cursor)
        cursor.execute(_CANDIDATE, [PROVIDER_KEY])
        row = cursor.fetchone()
        if row is None:
            return Refusal("No IP with siblings has sent to Gmail in the last three minutes.")
        evidence = dict(zip(("ip_id", "ip", "provider_id", "provider", "path_id"), row, strict=True))
        evidence["heals_at"] = (now() + timedelta(seconds=HEALS_AFTER_S)).isoformat()
        cursor.execute(_START, [f"{row[1]} at {row[3]}"[:200], who[:200], json.dumps(evidence)])
        made = cursor.fetchone()
        if made is None:
            return Refusal("One is broken already; it comes back by itself.")
    why = sandbox_order.order("break", ip=row[1], provider=SANDBOX_NAME, mode="block", for_s=HEALS_AFTER_S)
    drill = Drill.objects.get(pk=made[0])
    if why:
        _end(drill.pk, Drill.State.FAILED, {"why": why})
        return Refusal(why)
    break_traffic.send(settings.DATA_DIR, settings.PUBLIC_URL, drill.evidence["ip_id"])
    return drill


def _close_healed(cursor: Any) -> None:
    """The one before, if what it broke is healed: its path comes back without being watched."""
    cursor.execute("SELECT id FROM monitoring_drill WHERE kind = 'break_ip' AND state = 'running'")
    for (drill_id,) in cursor.fetchall():
        figures = _figures(cursor, drill_id, now())
        if not figures.broken:
            _keep(cursor, drill_id, Drill.State.FAILED if figures.left_s is None else Drill.State.DONE, figures)


def heal(drill: Drill) -> str:
    """At once. Empty: done."""
    why = sandbox_order.order("heal", ip=drill.evidence["ip"], provider=SANDBOX_NAME)
    if not why:
        with connection.cursor() as cursor:
            cursor.execute(_HEALED, [drill.pk])
    return why


def figures_of(drill: Drill | None) -> BreakFigures | None:
    """Of this moment; of a drill that is over, as it ended."""
    if drill is None or "why" in drill.figures:
        return None
    if drill.state == Drill.State.RUNNING:
        with connection.cursor() as cursor:
            return _figures(cursor, drill.pk, now())
    kept = drill.figures
    return BreakFigures(
        False, None, str(kept.get("state", "open")), 100, None, kept.get("left_s"), False, kept.get("back_s"), kept.get("refusals", 0),
        kept.get("elsewhere", 0), kept.get("others", 0), kept.get("bounced", 0),
    )  # fmt: skip


def settle(cursor: Cursor) -> None:
    """End the one that is over; called by the agents."""
    cursor.execute("SELECT id, started_at FROM monitoring_drill WHERE kind = 'break_ip' AND state = 'running' LIMIT 1")
    row = cursor.fetchone()
    if row is None:
        return
    drill_id, started_at = row
    at = now()
    figures = _figures(cursor, drill_id, at)
    state = over(figures, (at - started_at).total_seconds())
    if state:
        _keep(cursor, drill_id, state, figures)


def _keep(cursor: Cursor, drill_id: int, state: str, figures: BreakFigures) -> None:
    kept = {name: getattr(figures, name) for name in ("state", "left_s", "back_s", "refusals", "elsewhere", "others", "bounced")}
    cursor.execute(_END, [state, json.dumps(kept), drill_id])


def over(figures: BreakFigures, age_s: float) -> str:
    """The state in which it ends; empty: it goes on."""
    if figures.left_s is not None and figures.state == "open":
        return Drill.State.DONE
    if age_s > GIVES_UP_S or (figures.left_s is None and not figures.broken and age_s > HEALS_AFTER_S / 2):
        return Drill.State.DONE if figures.left_s is not None else Drill.State.FAILED
    return ""


def told(figures: BreakFigures | None, at: datetime) -> str:
    """What the platform did, in a sentence or two."""
    if figures is None:
        return ""
    said = []
    if figures.left_s is not None:
        said.append(f"The platform left the path after {duration(figures.left_s)} and {plural(figures.refusals, 'refusal')}.")
        said.append(f"{number(figures.elsewhere)} more went to Gmail over {plural(figures.others, 'other IP')}.")
    elif figures.broken:
        said.append(f"Gmail refuses it; {plural(figures.refusals, 'refusal')} so far, the path is still in use.")
    elif figures.proposed:
        said.append("The platform proposed to leave; nobody confirmed it.")
    else:
        said.append("It healed before the platform had seen enough to act.")
    if figures.broken and figures.heals_at:
        said.append(f"It heals by itself in {duration((figures.heals_at - at).total_seconds())}.")
    elif figures.left_s is not None and figures.state != "open":
        said.append("It is healed.")
    if figures.left_s is not None:
        said.append(_stage(figures, at))
    return " ".join(said)


def _stage(figures: BreakFigures, at: datetime) -> str:
    """Where it is on its way back."""
    failed = f"{plural(figures.failed, 'probe')} refused so far. " if figures.failed else ""
    answers = f"{number(min(figures.answers, figures.floor))} of {plural(figures.floor, 'answer')} so far"
    match figures.state:
        case "quarantined":
            out = f"Out since {clock(figures.since)}" if figures.since else "Out"
            return f"{failed}{out}; probed {f'in {duration((figures.next_at - at).total_seconds())}' if figures.next_at and figures.next_at > at else 'now'}."
        case "probation" if figures.step == 0:
            return f"{failed}Being probed with a trickle: {answers}."
        case "probation":
            return f"{failed}On probation with {figures.share}\u00a0% of its rates: {answers}."
    return f"It was back {duration(figures.back_s)} after the start." if figures.back_s is not None else "It is open again."


def _figures(cursor: Cursor, drill_id: int, at: datetime) -> BreakFigures:
    cursor.execute(_FIGURES, [drill_id])
    started, heals_at, state, share, until, left, proposed, back, refusals, elsewhere, others, bounced, *way = cursor.fetchone()
    failed, since, step, answers, floor = way
    return BreakFigures(
        bool(heals_at and heals_at > at), heals_at, state or "open", share if share is not None else 100, until, _s(started, left), bool(proposed),
        _s(started, back if left and back and back > left else None), int(refusals), int(elsewhere), int(others), int(bounced),
        int(failed), since, step or 0, int(answers or 0), floor or 0,
    )  # fmt: skip


def _s(since: datetime, until: datetime | None) -> float | None:
    return None if until is None else max(0.0, (until - since).total_seconds())


def _end(drill_id: int, state: str, figures: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_END, [state, json.dumps(figures), drill_id])
