"""A run's report: its timeline from rows, its figures in words, and how earlier runs of its kind compare. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from mailplatform.shell.formats import duration, milliseconds, number, size
from monitoring.drills import declared
from monitoring.drills.models import Drill
from monitoring.models import Verdict

COMPARED = 12
_WORDS = (  # figure, words, what kind of number
    ("found_ms", "found after", "ms"), ("rerouted_ms", "rerouted after", "ms"), ("recovery_ms", "recovered after", "ms"), ("point_ms", "recovery point", "ms"),
    ("in_hand", "in its hands", ""), ("given_back", "given back", ""), ("settled", "tried elsewhere or settled", ""), ("lost", "lost", ""),
    ("doubled", "doubled", ""), ("unknowable", "may have gone twice", ""), ("late", "late by more than 10 s", ""),
    ("elsewhere", "delivered elsewhere meanwhile", ""), ("back_ms", "used again after", "ms"),
    ("refusals", "attempts refused", ""), ("left", "paths taken out", ""), ("dump_ms", "dumped in", "ms"),
    ("dump_bytes", "size of the dump", "bytes"), ("restore_ms", "restored in", "ms"), ("check_ms", "checked in", "ms"), ("tables", "tables", ""),
    ("rows", "rows compared", ""), ("bodies_checked", "message bodies compared", ""), ("bodies_differ", "bodies that differ", ""),
    ("migrations", "migrations", ""),
)  # fmt: skip
_AGAIN = """
SELECT min(a.started_at), max(a.started_at), count(DISTINCT left(a.id::text, 34)) FROM unnest(%s::uuid[]) AS h(id)
  JOIN delivery_attempt a ON a.id > h.id AND a.id <= (left(h.id::text, 34) || 'ff')::uuid WHERE a.engine_id <> ALL(%s) AND a.started_at > %s
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    look: str
    says: str


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    says: str


def timeline(drill: Drill) -> list[Moment]:
    """Exact times, oldest first."""
    found = [Moment(drill.started_at, "working", f"Started by {drill.started_by}." if drill.state not in ("refused", "skipped") else drill.why)]
    for fault in drill.faults.select_related("node", "ip").order_by("id"):
        where = fault.node or fault.ip or drill.scope
        if fault.obeyed_at:
            found.append(Moment(fault.obeyed_at, "broken", f"{_DONE.get(fault.kind, fault.kind)} {where}."))
        over = fault.ended_at or fault.until
        if fault.obeyed_at and (drill.ended_at is None or over <= drill.ended_at):
            found.append(Moment(over, "working", f"The fault on {where} ended: {fault.says or 'its time was over'}."))
    if killed := drill.evidence.get("killed_at"):
        found.append(Moment(datetime.fromisoformat(killed), "broken", f"SIGKILL to {drill.evidence.get('engine')}."))
    engines = drill.evidence.get("engine_ids") or []
    for verdict in Verdict.objects.filter(engine_id__in=engines, at__gte=drill.started_at).select_related("node").order_by("at"):
        silent = verdict.evidence.get("silent_ms")
        said = f"{verdict.judge} found engine {verdict.engine_id} of {verdict.node} {verdict.kind}"
        heard = f", silent for {milliseconds(silent)}" if silent else ""
        found.append(Moment(verdict.at, "limited", f"{said}{heard}; {number(verdict.given_back)} given back, {number(verdict.unknowable)} may go twice."))
    found += _again(drill, engines)
    found += [Moment(*moment) for moment in declared.moments(drill)]
    if drill.ended_at and drill.state not in ("refused", "skipped"):
        by = f" by {drill.ended_by}" if drill.ended_by else ""
        found.append(Moment(drill.ended_at, drill.verdict or drill.state, f"Ended: {drill.get_state_display().lower()}{by}. {drill.why}".strip()))
    return sorted(found, key=lambda moment: moment.at)


_DONE = {
    "freeze_engine": "SIGSTOP to the engines of", "cut_database": "Database connections closed on", "black_hole_ip": "No answers any more to",
    "provider_outage": "No connections taken by", "endpoint_dead": "Declared dead:",
}  # fmt: skip


def _again(drill: Drill, engines: list[int]) -> list[Moment]:
    hand = drill.evidence.get("in_hand") or []
    if not hand:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_AGAIN, [hand, engines, drill.started_at])
        first, last, count = cursor.fetchone()
    if first is None:
        return []
    moments = [Moment(first, "working", "The first of its deliveries was tried by another engine.")]
    return moments + ([Moment(last, "good", f"{number(count)} of its deliveries were tried by others, the last one now.")] if last != first else [])


def figures(measured: dict[str, Any]) -> list[Figure]:
    """What is known, in words."""
    says = {"ms": milliseconds, "bytes": size, "": number}
    return [Figure(name, says[unit](measured[key])) for key, name, unit in _WORDS if measured.get(key) is not None]


def lines(drill: Drill) -> list[dict[str, Any]]:
    """Objectives with limit and measure in words."""
    return [{**line, "limit_says": _in(line["limit"], line["unit"]), "says": _in(line["measured"], line["unit"])} for line in drill.objectives]


def _in(value: float | None, unit: str) -> str:
    if value is None:
        return "not known"
    return milliseconds(value) if unit == "ms" else duration(value) if unit == "s" else number(value)


def earlier(kind: str) -> list[Drill]:
    """Runs of a kind that came to a verdict, the newest first."""
    return list(Drill.objects.filter(kind=kind).exclude(verdict="").order_by("-id")[:COMPARED])


def trend(runs: list[Drill], figure: str) -> list[float | None]:
    """A figure over time, the oldest first."""
    return [run.figures.get(figure) for run in reversed(runs)]
