"""Declared: DNS targets that a drill calls dead for a while, and the stopwatch of the DNS failover that follows. Nothing is broken: the decision is
rehearsed, the push and the authoritative servers' answers are real.

Promises: what is declared ends with its row's own end, by the database's clock. Found: the intention, committed before anything is sent. Recovered: all
authoritative servers gave the new answer. Back: they gave the former one again.
"""

from datetime import datetime
from typing import Any

from monitoring.dns.models import RecordSet, RecordTarget
from monitoring.drills import Cursor
from monitoring.drills.models import Fault
from monitoring.drills.rescue import ms

_CHANGES = """
SELECT f.obeyed_at, least(coalesce(f.ended_at, f.until), f.until), platform_now() > coalesce(f.ended_at, f.until), s.fail_back,
       gone.at, gone.visible_at, gone.error, back.visible_at
  FROM monitoring_fault f JOIN monitoring_drill d ON d.id = f.drill_id JOIN monitoring_recordset s ON s.id = (d.evidence->>'record_set_id')::bigint
  LEFT JOIN LATERAL (SELECT c.id, c.at, c.visible_at, c.error FROM monitoring_dnschange c
                      WHERE c.record_set_id = s.id AND c.at >= f.obeyed_at AND NOT c.after @> to_jsonb(d.evidence->>'target')
                      ORDER BY c.id LIMIT 1) gone ON true
  LEFT JOIN LATERAL (SELECT c.visible_at FROM monitoring_dnschange c
                      WHERE c.record_set_id = s.id AND c.id > gone.id AND c.after @> to_jsonb(d.evidence->>'target') AND c.visible_at IS NOT NULL
                      ORDER BY c.id LIMIT 1) back ON true
 WHERE f.drill_id = %s AND f.kind = 'endpoint_dead'
"""


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
    cursor.execute(_CHANGES, [drill_id])
    row = cursor.fetchone()
    if row is None:
        return {}, False
    begun, ended, over, fail_back, intended, visible, error, back = row
    known = {"found_ms": ms(begun, intended), "recovery_ms": ms(begun, visible), "back_ms": ms(ended, back)}
    return known | ({"error": error} if error else {}), bool(visible and over and (back or fail_back == "by_hand"))
