"""Rescue: the stopwatch of drills that take engines away (killed, frozen, cut off), from rows that the recovery itself wrote.

Found: the last of their verdicts after the fault began. Rerouted: the first attempt by others of what they had in their hands, after its verdict.
Recovered: all of it tried elsewhere or settled. Lost: neither final nor in any queue table, must be 0. Doubled: delivered more than once, beyond what a verdict
said may go twice. Late: settled more than LATE_AFTER_S after the fault began. Reads only.
"""

from datetime import datetime
from typing import Any

from monitoring.drills import Cursor

LATE_AFTER_S = 10
_FIGURES = """
WITH drill AS (SELECT d.id, coalesce((SELECT min(f.obeyed_at) FROM monitoring_fault f WHERE f.drill_id = d.id),
                                     (d.evidence->>'killed_at')::timestamptz) AS begun,
                      coalesce((SELECT array_agg(value::bigint) FROM jsonb_array_elements_text(d.evidence->'engine_ids')), '{}') AS engines,
                      coalesce((SELECT array_agg(DISTINCT value::uuid) FROM jsonb_array_elements_text(d.evidence->'in_hand')), '{}') AS ids
                 FROM monitoring_drill d WHERE d.id = %s),
verdict AS (SELECT min(v.at) AS first, max(v.at) AS last, count(*) AS said, sum(v.given_back)::int AS given_back, sum(v.unknowable)::int AS unknowable
              FROM monitoring_verdict v JOIN drill d ON v.engine_id = ANY(d.engines) AND v.at >= d.begun),
hand AS (SELECT unnest(ids) AS id FROM drill),
-- An attempt's id is its delivery's with the attempt's number in the last byte: a range of the primary key.
tries AS (SELECT h.id, a.started_at, a.verdict, a.engine_id <> ALL(d.engines) AND a.started_at > d.begun AS again FROM hand h JOIN drill d ON true
            JOIN delivery_attempt a ON a.id > h.id AND a.id <= (left(h.id::text, 34) || 'ff')::uuid),
again AS (SELECT id, min(started_at) AS at FROM tries WHERE again GROUP BY 1),
fate AS (SELECT h.id, y.final IS NOT NULL AS final, y.done_at, a.at AS again_at,
                EXISTS (SELECT FROM delivery_ready r WHERE r.id = h.id) OR EXISTS (SELECT FROM delivery_waiting w WHERE w.id = h.id)
                OR EXISTS (SELECT FROM delivery_claimed c WHERE c.id = h.id) AS queued
           FROM hand h LEFT JOIN delivery_delivery y ON y.id = h.id LEFT JOIN again a ON a.id = h.id)
SELECT d.begun, cardinality(d.engines), v.said, v.first, v.last, coalesce(v.given_back, 0), coalesce(v.unknowable, 0), (SELECT min(at) FROM again),
       (SELECT count(*) FROM hand), (SELECT count(*) FROM fate WHERE NOT final AND NOT queued), (SELECT count(*) FROM fate WHERE final OR again_at IS NOT NULL),
       (SELECT max(coalesce(least(again_at, done_at), again_at, done_at)) FROM fate),
       (SELECT coalesce(sum(times - 1), 0) FROM (SELECT count(*) AS times FROM tries WHERE verdict = 'delivered' GROUP BY id) twice),
       (SELECT count(*) FROM fate WHERE done_at > d.begun + %s * interval '1 s' OR NOT final AND platform_now() > d.begun + %s * interval '1 s'),
       (SELECT count(*) FROM monitoring_fault f WHERE f.drill_id = d.id AND f.ended_at IS NULL AND f.until > platform_now())
  FROM drill d CROSS JOIN verdict v
"""


def figures(cursor: Cursor, drill_id: int) -> tuple[dict[str, Any], bool]:
    """What is known now, and whether everything that was taken away is found and settled. Nothing before the fault has begun."""
    cursor.execute(_FIGURES, [drill_id, LATE_AFTER_S, LATE_AFTER_S])
    row = cursor.fetchone()
    if row is None or row[0] is None:
        return {}, False
    begun, engines, said, first, last, given_back, unknowable, again, in_hand, lost, settled, all_at, twice, late, faults = row
    found = last if said and said >= engines else None
    recovered = max(filter(None, (found, all_at))) if found and settled == in_hand else None
    known = {
        "found_ms": ms(begun, found), "first_found_ms": ms(begun, first), "rerouted_ms": ms(first, again), "recovery_ms": ms(begun, recovered),
        "in_hand": in_hand, "given_back": given_back, "unknowable": unknowable, "lost": lost if found else None, "settled": settled, "late": late,
        "doubled": max(0, twice - unknowable) if found else None, "engines": engines, "found": said,
    }  # fmt: skip
    return known, recovered is not None and not faults


def ms(since: datetime | None, until: datetime | None) -> int | None:
    return None if since is None or until is None else max(0, round((until - since).total_seconds() * 1000))
