"""Declared: DNS targets that a drill calls dead for a while, and the stopwatch of the DNS failover that follows. Nothing is broken: the decision is
rehearsed, the push and the authoritative servers' answers are real.

Promises: what is declared ends with its row's own end, by the database's clock, and with the drill. Found: the intention, committed before anything is sent.
Recovered: all authoritative servers gave the new answer; that ends the drill. Fail-back goes on after it, by the set's policy; the report says how far.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mailplatform.shell.formats import listed
from monitoring.dns.models import DnsChange, RecordSet, RecordTarget
from monitoring.drills import Cursor
from monitoring.drills.models import Drill, Fault
from monitoring.drills.rescue import ms

_GONE = """
SELECT f.obeyed_at, c.at, c.visible_at, c.error
  FROM monitoring_fault f JOIN monitoring_drill d ON d.id = f.drill_id
  LEFT JOIN LATERAL (SELECT c.at, c.visible_at, c.error FROM monitoring_dnschange c
                      WHERE c.record_set_id = (d.evidence->>'record_set_id')::bigint AND c.at >= f.obeyed_at
                        AND NOT c.after @> to_jsonb(d.evidence->>'target')
                      ORDER BY c.id LIMIT 1) c ON true
 WHERE f.drill_id = %s AND f.kind = 'endpoint_dead'
"""
_BACK = {
    RecordSet.FailBack.AT_ONCE: "Fail-back goes on by itself, as soon as the set may be changed again.",
    RecordSet.FailBack.AFTER: "Fail-back goes on by itself, as the set's policy says.",
    RecordSet.FailBack.BY_HAND: "Fail-back waits for a person: that is the set's policy.",
}


def dead_targets(at: datetime) -> dict[int, datetime]:
    """Targets that are called dead now, and since when."""
    live = Fault.objects.filter(kind=Fault.Kind.ENDPOINT_DEAD, ended_at=None, begins_at__lte=at, until__gt=at, drill__state="running")
    return {int(target): begun for target, begun in live.values_list("drill__evidence__target_id", "begins_at") if target is not None}


def candidates() -> list[str]:
    """Record sets that change by themselves, publish something, and have another target to go to."""
    sets = RecordSet.objects.filter(mode=RecordSet.Mode.AUTOMATIC).prefetch_related("targets")
    return [row.name for row in sets if row.published and any(target.value not in row.published for target in row.targets.all())]


def evidence(name: str) -> dict[str, Any]:
    """The target of a set that is to be called dead: a published one."""
    row = RecordSet.objects.filter(name=name, mode=RecordSet.Mode.AUTOMATIC).first()
    target = RecordTarget.objects.filter(record_set=row, value__in=row.published).first() if row else None
    return {"record_set_id": row.pk, "target_id": target.pk, "target": target.value} if row and target else {}


def figures(cursor: Cursor, drill_id: int) -> tuple[dict[str, Any], bool]:
    cursor.execute(_GONE, [drill_id])
    row = cursor.fetchone()
    if row is None:
        return {}, False
    begun, intended, visible, error = row
    return {"found_ms": ms(begun, intended), "recovery_ms": ms(begun, visible)} | ({"error": error} if error else {}), visible is not None


def moments(drill: Drill) -> Iterator[tuple[datetime, str, str]]:
    """For the report: (when, how it looks, what happened) of the change, and of the fail-back, however long after the drill it came."""
    row = RecordSet.objects.filter(pk=drill.evidence.get("record_set_id")).first()
    changes = list(DnsChange.objects.filter(record_set=row, at__gte=drill.started_at).order_by("id")) if row else []
    target = drill.evidence.get("target")
    gone = next((change for change in changes if target not in change.after), None)
    if row is None or gone is None:
        return
    yield gone.at, "limited", f"Decided: {row} shall point to {listed(gone.after)}."
    if gone.pushed_at:
        yield gone.pushed_at, "working", "Its server has taken the change."
    if gone.visible_at:
        yield gone.visible_at, "good", f"All of its authoritative servers point to {listed(gone.after)}."
    back = next((change for change in changes if change.pk > gone.pk and target in change.after and change.visible_at), None)
    if back and back.visible_at:
        yield back.visible_at, "good", f"Failed back: all of its authoritative servers point to {listed(back.after)} again."
    elif drill.ended_at:
        yield drill.ended_at, "waiting", f"{target} is not called dead any more. {_BACK[RecordSet.FailBack(row.fail_back)]}"
