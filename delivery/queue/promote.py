"""Promote: what is due moves from waiting to ready; what has expired ends.

Every engine does it, a few hundred rows at a time, and none waits for another (SKIP LOCKED). A row that comes back gets a new tag:
a retry does not keep its old turn. A row without a provider goes to sorting instead.
"""

from uuid import UUID

from psycopg import Connection

from delivery.queue import columns
from delivery.queue.tags import Turn, give_tags

DUE = f"""
    DELETE FROM delivery_waiting WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM delivery_waiting
         WHERE due_at <= platform_now()
         ORDER BY due_at
         LIMIT %(limit)s
           FOR UPDATE SKIP LOCKED))
    RETURNING {columns.LIST}, platform_now() AS now, why
"""
INTO_READY = f"""
    INSERT INTO delivery_ready ({columns.LIST}) VALUES ({", ".join(f"%({column})s" for column in columns.QUEUE)})
"""
INTO_SORTING = f"""
    INSERT INTO delivery_waiting ({columns.LIST}, why, scope, due_at)
    VALUES ({", ".join(f"%({column})s" for column in columns.QUEUE)}, 'sorting', %(scope)s, NULL)
"""
EXPIRE = """
    UPDATE delivery_delivery SET final = 'expired', reason = 'expired', done_at = platform_now()
     WHERE id = ANY (%(ids)s) AND id BETWEEN %(first)s AND %(last)s AND final IS NULL
"""
# What nobody could claim for so long ends too: a lane without an open path. Young rows are not looked at, ids carry their time.
EXPIRE_READY = """
    WITH gone AS (
        DELETE FROM delivery_ready WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM delivery_ready WHERE id < %(made_before)s AND expires_at <= platform_now() LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
        RETURNING id)
    UPDATE delivery_delivery d SET final = 'expired', reason = 'expired', done_at = platform_now()
      FROM gone WHERE d.id = gone.id AND d.final IS NULL
"""
PUT_BACK = f"""
    WITH gone AS (DELETE FROM delivery_waiting WHERE id = ANY (%(ids)s) AND why = ANY (%(why)s) RETURNING *)
    INSERT INTO delivery_waiting ({columns.LIST}, why, scope, due_at)
    SELECT {columns.select("gone")}, 'retry', '', platform_now() FROM gone
"""


def promote_due(connection: Connection, limit: int = 500) -> frozenset[tuple[int, int]]:
    """Move up to `limit` due rows on, in one transaction. Returns the lanes that have new work."""
    from psycopg.rows import dict_row

    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(DUE, {"limit": limit}).fetchall()
        if not rows:
            return frozenset()
        expired = [row["id"] for row in rows if row["expires_at"] <= row["now"]]
        live = [row for row in rows if row["expires_at"] > row["now"]]
        if expired:
            cursor.execute(EXPIRE, {"ids": expired, "first": min(expired), "last": max(expired)})
        unsorted = [row for row in live if row["provider_id"] is None]
        if unsorted:
            cursor.executemany(INTO_SORTING, [{**row, "scope": row["recipient"].rpartition("@")[2]} for row in unsorted])
        going = [row for row in live if row["provider_id"] is not None]
        with connection.cursor() as plain:
            turns = [Turn(row["pool_id"], row["provider_id"], row["purpose"], row["tenant_id"], row["size_bytes"]) for row in going]
            tags = give_tags(plain, turns)
        for row, tag in zip(going, tags, strict=True):
            row.update(tag=tag, ready_at=row["now"], avoid_ip_ids=[])
        if going:
            cursor.executemany(INTO_READY, going)
        return frozenset((row["pool_id"], row["provider_id"]) for row in going)


def expire_ready(connection: Connection, made_before: UUID, limit: int = 5000) -> int:
    """End what is ready, was made before that id, and has expired. Returns how many."""
    return connection.execute(EXPIRE_READY, {"made_before": made_before, "limit": limit}).rowcount


def let_go(connection: Connection, ids: list[object], why: tuple[str, ...] = ("hold", "retry", "schedule", "quota")) -> int:
    """Make waiting rows due at once: release a hold, retry now, send a scheduled message early."""
    return connection.execute(PUT_BACK, {"ids": ids, "why": list(why)}).rowcount
