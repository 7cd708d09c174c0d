"""Neighbours: what queued mail does when its tenant is slowed or its stream is held, and when that is over.

Owns: pools_slowedpace, and the movements between ready and waiting that follow from a tenant's standing (pools.neighbours decides it). A slowed tenant's
deliveries get turns at its rate, by the generic cell rate algorithm: what has no turn yet waits as `quota`, due at its turn. A held stream's wait as
`hold` until a person releases them. Promises: every row is in one table at any time; each delivery that is held or released is told. Never: touches what
an engine has in its hands, or what a person let go by itself (fingerprint 0); costs anything where nobody is slowed or held.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import dict_row

from delivery.queue import columns
from delivery.queue.happened import Happened, Kind, tell

SLOWED = "This tenant is slowed because of what became of its mail, and this goes in its turn"
A_MOVE = 2_000  # rows a statement

SPEND = """
    INSERT INTO pools_slowedpace AS p (tenant_id, spent_until) VALUES (%(tenant)s, %(now_s)s + %(takes_s)s)
    ON CONFLICT (tenant_id) DO UPDATE SET spent_until = greatest(p.spent_until, %(now_s)s) + %(takes_s)s
    RETURNING spent_until - %(takes_s)s
"""
HOLD_READY = f"""
    WITH gone AS (
        DELETE FROM delivery_ready WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM delivery_ready WHERE stream_id = %(stream)s AND fingerprint <> 0 LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
        RETURNING *)
    INSERT INTO delivery_waiting ({columns.LIST}, why, scope, due_at)
    SELECT {columns.select("gone")}, 'hold', %(scope)s, gone.expires_at FROM gone
    RETURNING id, tenant_id
"""
# A scheduled one stays scheduled: it is held when it is due (queue.promote).
HOLD_WAITING = """
    UPDATE delivery_waiting SET why = 'hold', scope = %(scope)s, due_at = expires_at
     WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM delivery_waiting
             WHERE stream_id = %(stream)s AND fingerprint <> 0 AND why IN ('retry', 'quota', 'lane', 'sorting', 'campaign')
             LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING id, tenant_id
"""
HELD = "SELECT id FROM delivery_waiting WHERE why = 'hold' AND scope = %(scope)s AND stream_id = %(stream)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED"
RELEASE = """
    UPDATE delivery_waiting w SET why = %(why)s, scope = %(says)s, due_at = u.due_at
      FROM unnest(%(ids)s::uuid[], %(due)s::timestamptz[]) AS u(id, due_at)
     WHERE w.id = u.id
    RETURNING w.id, w.tenant_id
"""
# What was put there before it began: what comes back to ready has had its turn.
SLOW_READY = f"""
    DELETE FROM delivery_ready WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM delivery_ready
         WHERE tenant_id = %(tenant)s AND stream_id = ANY (%(streams)s) AND fingerprint <> 0 AND ready_at < %(before)s
         LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING {columns.LIST}
"""
INTO_WAITING = f"""
    INSERT INTO delivery_waiting ({columns.LIST}, why, scope, due_at)
    VALUES ({", ".join(f"%({column})s" for column in columns.QUEUE)}, 'quota', %(scope)s, %(due_at)s)
"""
LET_GO = """
    UPDATE delivery_waiting SET scope = '', due_at = platform_now()
     WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM delivery_waiting WHERE tenant_id = %(tenant)s AND why = 'quota' AND scope = %(scope)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


def turns(cursor: Cursor, asked: Sequence[tuple[int, int | None, datetime | None]], now: datetime) -> Iterator[datetime]:
    """When each of these (tenant, its rate a minute, when it is wanted) goes; tenants are locked in their own order. The first of a tenant that was
    quiet goes at once."""
    counts: dict[int, tuple[int, int]] = {}
    for tenant, per_minute, _ in asked:
        if per_minute:
            counts[tenant] = (counts.get(tenant, (0, 0))[0] + 1, per_minute)
    begins = {tenant: _spend(cursor, tenant, count, per_minute, now) for tenant, (count, per_minute) in sorted(counts.items())}
    given = []
    for tenant, per_minute, wanted in asked:
        given.append(max(begins[tenant], wanted or begins[tenant]))
        begins[tenant] += timedelta(minutes=1) / (per_minute or 1)
    return iter(given)


def _spend(cursor: Cursor, tenant: int, count: int, per_minute: int, now: datetime) -> datetime:
    row = cursor.execute(SPEND, {"tenant": tenant, "now_s": now.timestamp(), "takes_s": count * 60 / per_minute}).fetchone()
    assert row is not None
    return datetime.fromtimestamp(row[0], UTC)


def waits(wanted: datetime | None, turn: datetime) -> tuple[str, str, datetime]:
    """(why, scope, due): scheduled when the tenant's own time is what it waits for."""
    return ("schedule", "", turn) if wanted is not None and turn <= wanted else ("quota", SLOWED, turn)


def hold(cursor: Cursor, stream_id: int, scope: str) -> int:
    """Hold some of what is queued of a stream; how many. Call it until there is none."""
    asked = {"stream": stream_id, "scope": scope, "limit": A_MOVE}
    held = [row for statement in (HOLD_READY, HOLD_WAITING) for row in cursor.execute(statement, asked).fetchall()]
    tell(cursor, [Happened(delivery, tenant, Kind.HELD, {"why": scope}) for delivery, tenant in held])
    return len(held)


def release(cursor: Cursor, tenant_id: int, stream_id: int, scope: str, per_minute: int | None, by: str, now: datetime) -> int:
    """Let some go of what was held for this reason: at once, or in its turn when its tenant is slowed."""
    ids: list[UUID] = [row[0] for row in cursor.execute(HELD, {"stream": stream_id, "scope": scope, "limit": A_MOVE})]
    if not ids:
        return 0
    due = list(turns(cursor, [(tenant_id, per_minute, None)] * len(ids), now)) if per_minute else [now] * len(ids)
    why, says = ("quota", SLOWED) if per_minute else ("retry", "")
    gone = cursor.execute(RELEASE, {"ids": ids, "due": due, "why": why, "says": says}).fetchall()
    tell(cursor, [Happened(delivery, tenant, Kind.RELEASED, {"by": by}) for delivery, tenant in gone])
    return len(gone)


def slow(cursor: Cursor, tenant_id: int, streams: Sequence[int], per_minute: int, before: datetime, now: datetime) -> int:
    """Give turns to some of what was ready before the tenant was slowed; how many."""
    with Cursor(cursor.connection, row_factory=dict_row) as own:
        rows = own.execute(SLOW_READY, {"tenant": tenant_id, "streams": list(streams), "before": before, "limit": A_MOVE}).fetchall()
    given = turns(cursor, [(tenant_id, per_minute, None)] * len(rows), now)
    for row, turn in zip(rows, given, strict=True):
        row.update(scope=SLOWED, due_at=turn)
    if rows:
        cursor.executemany(INTO_WAITING, rows)
    return len(rows)


def let_go(cursor: Cursor, tenant_id: int) -> int:
    """The tenant is slowed no more: some of what waits for its turn is due now."""
    return cursor.execute(LET_GO, {"tenant": tenant_id, "scope": SLOWED, "limit": A_MOVE}).rowcount
