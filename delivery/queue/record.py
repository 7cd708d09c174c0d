"""Record: what became of claimed deliveries, a batch a transaction.

Promises: an attempt is kept once however often it is recorded (its id is delivery and number); a delivery leaves `claimed` in the
same transaction in which its attempt, its final state or its next turn is stored. A late answer, of an engine that was evicted
meanwhile, is always kept as an attempt; `delivered` also ends a delivery that went back to ready or waiting, never one that another
engine has in its hands. Never: decides; what becomes of a delivery is decided before (classify, retry).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.types.json import Jsonb

from delivery.queue import arrays, columns
from delivery.queue.minutes import count_minutes
from delivery.queue.settled import AttemptRow, Settled
from delivery.queue.suppress import Suppress, suppress
from delivery.queue.wake import Lane
from delivery.webhooks import outbox
from mailplatform.shell.ids import id_time_ms, lowest_id_at

ATTEMPT_COLUMNS = {
    "id": "uuid", "engine_id": "int8", "ip_id": "int8", "pool_id": "int8", "provider_id": "int8", "started_at": "timestamptz", "verdict": "text",
    "reason": "text", "fault": "text", "phase": "text", "rule": "text", "code": "int2", "enhanced": "text", "reply": "text", "mx_host": "text",
    "mx_address": "inet", "tls": "text", "connection_reused": "bool", "timings": "jsonb", "why": "jsonb",
}  # fmt: skip
ATTEMPTS = f"""
    INSERT INTO delivery_attempt ({", ".join(ATTEMPT_COLUMNS)})
    SELECT * FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in ATTEMPT_COLUMNS.items())})
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""
RELEASE_FINAL = "DELETE FROM delivery_claimed WHERE id = ANY (%(ids)s) AND engine_id = %(engine)s RETURNING id"
FINISH = """
    UPDATE delivery_delivery d SET final = u.final, reason = u.reason, reply = u.reply, provider_id = u.provider_id, done_at = %(now)s
      FROM unnest(%(ids)s::uuid[], %(finals)s::text[], %(reasons)s::text[], %(replies)s::text[], %(providers)s::int8[])
             AS u(id, final, reason, reply, provider_id)
     WHERE d.id = u.id AND d.id BETWEEN %(first)s AND %(last)s AND d.final IS NULL
"""
# Recorded again, after a COMMIT whose answer never came or from a journal, an attempt moves only the claim that it was made of (`tries`): the same
# engine may have the delivery in its hands anew.
TO_WAITING = f"""
    WITH u AS (
        SELECT * FROM unnest(%(ids)s::uuid[], %(tries)s::int2[], %(attempts)s::int2[], %(due)s::timestamptz[], %(why)s::text[], %(scope)s::text[],
                             %(sticky)s::int8[]) AS u(id, tries, attempts, due_at, why, scope, sticky_ip_id)),
         gone AS (DELETE FROM delivery_claimed c USING u WHERE c.id = u.id AND c.engine_id = %(engine)s AND c.tries = u.tries RETURNING c.*)
    INSERT INTO delivery_waiting ({columns.LIST}, why, scope, due_at)
    SELECT {columns.select("gone", attempts="u.attempts", tries="gone.tries + 1", sticky_ip_id="u.sticky_ip_id", avoid_ip_ids="'{}'")}, u.why, u.scope, u.due_at
      FROM gone JOIN u USING (id)
"""
# Its wait goes on: who may take what has waited longer takes it at once. Not much longer than that, or it would not avoid paths any more (claim).
WAITS_ON = "greatest(gone.ready_at, %(now)s - interval '10 s')"
TO_READY = f"""
    WITH u AS (SELECT * FROM unnest(%(ids)s::uuid[], %(tries)s::int2[], %(avoid)s::text[]) AS u(id, tries, avoid)),
         gone AS (DELETE FROM delivery_claimed c USING u WHERE c.id = u.id AND c.engine_id = %(engine)s AND c.tries = u.tries RETURNING c.*)
    INSERT INTO delivery_ready ({columns.LIST})
    SELECT {columns.select("gone", tries="gone.tries + 1", ready_at=WAITS_ON, sticky_ip_id="NULL::int8", avoid_ip_ids="u.avoid::int8[]")}
      FROM gone JOIN u USING (id)
    RETURNING pool_id, provider_id, purpose
"""
# The unbegun go back as they came: no attempt was made, so nothing is counted and their turn is kept.
UNBEGUN = f"""
    WITH gone AS (DELETE FROM delivery_claimed WHERE id = ANY (%(ids)s) AND engine_id = %(engine)s
                     AND claimed_at <= coalesce(%(claimed_by)s::timestamptz, 'infinity') RETURNING *)
    INSERT INTO delivery_ready ({columns.LIST}) SELECT {columns.LIST} FROM gone
"""
LATE_DELIVERED = """
    WITH ids AS (SELECT unnest(%(ids)s::uuid[]) AS id),
         a AS (DELETE FROM delivery_ready USING ids WHERE delivery_ready.id = ids.id RETURNING ids.id),
         b AS (DELETE FROM delivery_waiting USING ids WHERE delivery_waiting.id = ids.id RETURNING ids.id)
    SELECT id FROM a UNION ALL SELECT id FROM b
"""
VIRTUAL_TIME = """
    UPDATE delivery_lane l
       SET virtual_time[u.purpose + 1] = greatest(l.virtual_time[u.purpose + 1], u.tag)
      FROM unnest(%(pools)s::int8[], %(providers)s::int8[], %(purposes)s::int2[], %(tags)s::float8[]) AS u(pool_id, provider_id, purpose, tag)
     WHERE l.pool_id = u.pool_id AND l.provider_id = u.provider_id AND l.virtual_time[u.purpose + 1] < u.tag
"""


def record(cursor: Cursor, engine_id: int, settled: Sequence[Settled], now: datetime) -> frozenset[Lane]:
    """Record a batch in the caller's transaction. Returns the lanes that got rerouted deliveries."""
    fresh = _keep_attempts(cursor, [one.attempt for one in settled])
    finals = [one for one in settled if one.final]
    if finals:
        _finish(cursor, engine_id, finals, now)
    lanes = move_on(cursor, engine_id, settled, now)
    count_minutes(cursor, [one for one in settled if one.attempt.id in fresh], now)
    return lanes


def move_on(cursor: Cursor, engine_id: int, settled: Sequence[Settled], now: datetime) -> frozenset[Lane]:
    """What is tried again waits, or is ready at once for another path. Returns the lanes of the latter."""
    waiting = [one for one in settled if one.due_at or one.hold]
    if waiting:
        cursor.execute(TO_WAITING, {
            "engine": engine_id,
            "ids": [one.attempt.delivery_id for one in waiting],
            "tries": [one.attempt.number - 1 for one in waiting],
            "attempts": [one.attempts for one in waiting],
            "due": [None if one.hold else one.due_at for one in waiting],
            "why": ["hold" if one.hold else "retry" for one in waiting],
            "scope": [(one.hold or one.scope)[:260] for one in waiting],
            "sticky": [one.sticky_ip_id for one in waiting],
        })  # fmt: skip
        outbox.waiting(cursor, waiting, now)
    rerouted = [one for one in settled if one.reroute]
    if not rerouted:
        return frozenset()
    return frozenset(
        cursor.execute(TO_READY, {
            "engine": engine_id,
            "now": now,
            "ids": [one.attempt.delivery_id for one in rerouted],
            "tries": [one.attempt.number - 1 for one in rerouted],
            "avoid": ["{" + ",".join(map(str, one.avoid_ip_ids)) + "}" for one in rerouted],
        }).fetchall()
    )  # fmt: skip


def give_back_unbegun(cursor: Cursor, engine_id: int, ids: Sequence[UUID], claimed_by: datetime | None = None) -> int:
    """Return claims that were never begun to ready, as they came. `claimed_by`, for another try: not what has been claimed anew since."""
    return cursor.execute(UNBEGUN, {"ids": list(ids), "engine": engine_id, "claimed_by": claimed_by}).rowcount


def advance_virtual_time(cursor: Cursor, claimed: dict[tuple[int, int, int], float]) -> None:
    """Raise lanes' virtual times to the highest tag claimed; keys are (pool, provider, purpose), in order against deadlocks."""
    keys = sorted(claimed)
    cursor.execute(VIRTUAL_TIME, {
        "pools": [key[0] for key in keys], "providers": [key[1] for key in keys], "purposes": [key[2] for key in keys], "tags": [claimed[key] for key in keys],
    })  # fmt: skip


def _keep_attempts(cursor: Cursor, attempts: Sequence[AttemptRow]) -> set[UUID]:
    """Store attempts; the ids of those that were not there already."""
    values: dict[str, list[Any]] = {name: [getattr(attempt, name) for attempt in attempts] for name in ATTEMPT_COLUMNS}
    values["timings"] = [Jsonb(attempt.timings) for attempt in attempts]
    values["why"] = [Jsonb(attempt.why) for attempt in attempts]
    return {row[0] for row in cursor.execute(ATTEMPTS, values)}


def _finish(cursor: Cursor, engine_id: int, finals: Sequence[Settled], now: datetime) -> None:
    ids = [one.attempt.delivery_id for one in finals]
    ended = {row[0] for row in cursor.execute(RELEASE_FINAL, {"ids": ids, "engine": engine_id})}
    late = [one.attempt.delivery_id for one in finals if one.final == "delivered" and one.attempt.delivery_id not in ended]
    if late:
        ended |= {row[0] for row in cursor.execute(LATE_DELIVERED, {"ids": late})}
    finals = [one for one in finals if one.attempt.delivery_id in ended]
    if not finals:
        return
    finish(cursor, finals, now)


def finish(cursor: Cursor, finals: Sequence[Settled], now: datetime) -> None:
    """The last word about deliveries that have left the queue."""
    ids = [one.attempt.delivery_id for one in finals]
    cursor.execute(FINISH, {
        "ids": arrays.ids(ids),
        "finals": arrays.texts(one.final or "" for one in finals),
        "reasons": arrays.texts(one.attempt.reason for one in finals),
        "replies": arrays.texts(one.attempt.reply for one in finals),
        "providers": arrays.numbers(one.attempt.provider_id for one in finals),
        "now": now,
        # A family's ids differ in their last bits only; the range keeps the update to the days that are concerned.
        "first": lowest_id_at(min(map(id_time_ms, ids))),
        "last": lowest_id_at(max(map(id_time_ms, ids)) + 1),
    })  # fmt: skip
    suppress(cursor, [Suppress(one.tenant_id, one.recipient, "bounce", one.attempt.reply) for one in finals if one.suppress], now)
    outbox.finished(cursor, finals, now)
