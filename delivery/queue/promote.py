"""Promote: what is due moves from waiting to ready; what has expired ends.

Every engine does it, a few hundred rows at a time, and none waits for another (SKIP LOCKED). A row that comes back gets a new place by its
stream's purpose: a retry does not keep its old turn, nor the one that it had beyond its tenant's rate. A row without a provider goes to sorting instead.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor

from delivery.queue import columns
from delivery.queue.engaged import kept_in
from delivery.queue.happened import Happened, Kind, tell
from delivery.queue.tags import Turn, give_places
from delivery.queue.wake import Lane
from delivery.webhooks import outbox
from pools.outcomes import Reason

DUE = f"""
    DELETE FROM delivery_waiting WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM delivery_waiting
         WHERE due_at <= platform_now()
         ORDER BY due_at
         LIMIT %(limit)s
           FOR UPDATE SKIP LOCKED))
    RETURNING {columns.LIST}, platform_now() AS now, why, scope,
              coalesce((SELECT ARRAY[stream.purpose::text, stream.held_why] FROM pools_stream stream WHERE stream.id = stream_id),
                       ARRAY[purpose::text, '']) AS stream
"""
INTO_READY = f"""
    INSERT INTO delivery_ready ({columns.LIST}) VALUES ({", ".join(f"%({column})s" for column in columns.QUEUE)})
"""
# What a person let go by itself has no fingerprint any more: it goes whatever is held.
INTO_HOLD = f"""
    INSERT INTO delivery_waiting ({columns.LIST}, why, scope, due_at)
    VALUES ({", ".join(f"%({column})s" for column in columns.QUEUE)}, 'hold', %(held_why)s, %(expires_at)s)
"""
INTO_SORTING = f"""
    INSERT INTO delivery_waiting ({columns.LIST}, why, scope, due_at)
    VALUES ({", ".join(f"%({column})s" for column in columns.QUEUE)}, 'sorting', %(scope)s, NULL)
"""
# What a provider last said of it stays the delivery's last word; without an attempt, why it waited.
LAST_WORD = """
    LEFT JOIN LATERAL (SELECT a.reason, a.reply, a.provider_id FROM delivery_attempt a
                        WHERE a.id BETWEEN gone.id AND (left(gone.id::text, 34) || 'ff')::uuid ORDER BY a.id DESC LIMIT 1) last ON true
"""
EXPIRE = f"""
    UPDATE delivery_delivery d
       SET final = 'expired', reason = coalesce(last.reason, gone.reason), reply = coalesce(last.reply, gone.reply),
           provider_id = coalesce(last.provider_id, d.provider_id), done_at = platform_now()
      FROM unnest(%(ids)s::uuid[], %(reasons)s::text[], %(replies)s::text[]) AS gone(id, reason, reply) {LAST_WORD}
     WHERE d.id = gone.id AND d.id BETWEEN %(first)s AND %(last)s AND d.final IS NULL
    RETURNING d.id, d.tenant_id
"""
# What nobody could claim for so long ends too: a lane without an open path. Young rows are not looked at, ids carry their time.
EXPIRE_READY = f"""
    WITH gone AS (
        DELETE FROM delivery_ready WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM delivery_ready WHERE id < %(made_before)s AND expires_at <= platform_now() LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
        RETURNING id)
    UPDATE delivery_delivery d
       SET final = 'expired', reason = coalesce(last.reason, 'expired'), reply = coalesce(last.reply, ''), done_at = platform_now()
      FROM gone {LAST_WORD}
     WHERE d.id = gone.id AND d.final IS NULL
    RETURNING d.id, d.tenant_id
"""
# Released by a person: it goes whatever becomes of its campaign.
PUT_BACK = f"""
    WITH gone AS (DELETE FROM delivery_waiting WHERE id = ANY (%(ids)s) AND why = ANY (%(why)s) RETURNING *)
    INSERT INTO delivery_waiting ({columns.LIST}, why, scope, due_at)
    SELECT {columns.select("gone", fingerprint="CASE gone.why WHEN 'hold' THEN 0 ELSE gone.fingerprint END")}, 'retry', '', platform_now() FROM gone
"""


def promote_due(connection: Connection, limit: int = 500) -> frozenset[Lane]:
    """Move up to `limit` due rows on, in one transaction. Returns the lanes that have new work."""
    from psycopg.rows import dict_row

    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(DUE, {"limit": limit}).fetchall()
        if not rows:
            return frozenset()
        for row in rows:
            purpose, row["held_why"] = row.pop("stream")
            row["purpose"] = int(purpose)
        expired = [row for row in rows if row["expires_at"] <= row["now"]]
        live = [row for row in rows if row["expires_at"] > row["now"]]
        if expired:
            _expire(cursor, expired)
        if held := [row for row in live if row["held_why"] and row["fingerprint"]]:
            cursor.executemany(INTO_HOLD, held)
            with connection.cursor() as plain:
                tell(plain, [Happened(row["id"], row["tenant_id"], Kind.HELD, {"why": row["held_why"]}) for row in held])
            live = [row for row in live if not (row["held_why"] and row["fingerprint"])]
        unsorted = [row for row in live if row["provider_id"] is None]
        if unsorted:
            cursor.executemany(INTO_SORTING, [{**row, "scope": row["recipient"].rpartition("@")[2]} for row in unsorted])
        going = [row for row in live if row["provider_id"] is not None]
        with connection.cursor() as plain:
            turns = [Turn(row["pool_id"], row["provider_id"], row["purpose"], row["tenant_id"], row["size_bytes"], kept_in(row)) for row in going]
            places = give_places(plain, turns)
        for row, place in zip(going, places, strict=True):
            row.update(purpose=place.purpose, tag=place.tag, ready_at=row["now"], avoid_ip_ids=[])
        if going:
            cursor.executemany(INTO_READY, going)
        return frozenset((row["pool_id"], row["provider_id"], row["purpose"]) for row in going)


def _expire(cursor: Cursor[Any], rows: Sequence[dict[str, Any]]) -> None:
    ids = [row["id"] for row in rows]
    unfound = [row["provider_id"] is None and row["why"] == "retry" for row in rows]  # its mail hosts could not be found (queue.sort)
    cursor.execute(EXPIRE, {
        "ids": ids, "first": min(ids), "last": max(ids),
        "reasons": [Reason.NETWORK_DNS if dns else Reason.EXPIRED for dns in unfound],
        "replies": [row["scope"] if row["why"] in ("retry", "hold", "campaign") else "" for row in rows],
    })  # fmt: skip
    outbox.expired(cursor, [(row["id"], row["tenant_id"]) for row in cursor.fetchall()])


def expire_ready(connection: Connection, made_before: UUID, limit: int = 5000) -> int:
    """End what is ready, was made before that id, and has expired. Returns how many."""
    with connection.transaction(), connection.cursor() as cursor:
        gone = cursor.execute(EXPIRE_READY, {"made_before": made_before, "limit": limit}).fetchall()
        outbox.expired(cursor, gone)
    return len(gone)


def let_go(connection: Connection, ids: list[object], why: tuple[str, ...] = ("hold", "retry", "schedule", "quota")) -> int:
    """Make waiting rows due at once: release a hold, retry now, send a scheduled message early."""
    return connection.execute(PUT_BACK, {"ids": ids, "why": list(why)}).rowcount
