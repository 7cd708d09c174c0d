"""Fence: an engine's row lets it claim; deleting the row gives back what it had.

Promises: at most one live engine a slot; an engine whose row is gone claims nothing more. Eviction deletes the row first (it waits
for claims that are being committed, which hold FOR KEY SHARE on it) and gives back in a *second statement* of the same transaction, whose
snapshot sees those claims: in one statement, 10 of 10 in-flight claims were stranded in trials. A sweep returns claims of engines that are no more.
A delivery that engines had begun when they died, twice, is held: no message can crash engine after engine.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from delivery.queue import columns
from delivery.queue.happened import Happened, Kind, tell

CRASHES_ALLOWED = 2

REGISTER = """
    INSERT INTO delivery_engine (node_id, slot, pid, started_at, renewed_at, draining, state)
    SELECT id, %(slot)s, %(pid)s, platform_now(), platform_now(), false, '{}' FROM pools_node WHERE name = %(node)s
    ON CONFLICT (node_id, slot) DO NOTHING
    RETURNING id
"""
# Its commit waits for the synchronous standby where there is one: an engine at a primary that was cut off and replaced must not go on renewing there.
# Else it waits for nobody, the disk neither: a renewal that is lost with the server makes a lease look older, and a new incarnation gives grace.
RENEW = """
    UPDATE delivery_engine SET renewed_at = platform_now(), suspected_at = NULL WHERE id = %s
    RETURNING draining, platform_now(),
              set_config('synchronous_commit', CASE current_setting('synchronous_standby_names') WHEN '' THEN 'off' ELSE 'remote_write' END, true)
"""
DROP = "DELETE FROM delivery_engine WHERE id = %s"
# CASCADE is Django's, not the database's: the leases go by hand.
DROP_LEASES = "DELETE FROM delivery_iplease WHERE engine_id = %s"
# Its process is no more, and with it the kernel has closed what it had open: who takes over need not leave room for that.
CLOSED = """
    UPDATE pools_path p SET open_connections = 0
      FROM delivery_iplease l WHERE l.engine_id = %s AND p.ip_id = l.ip_id AND p.open_connections > 0
"""
CLOSED_SINCE = """
    UPDATE pools_path SET open_connections = 0
     WHERE told_by = ANY (%s) AND open_connections > 0 AND NOT EXISTS (SELECT 1 FROM delivery_engine e WHERE e.id = told_by)
"""
DIED_TWICE = "engines died twice with this delivery in their hands"
# Only a delivery that was begun can have been what the engine died of; its try counts, for its number may stand in the journal.
HOLD = f"""
    WITH gone AS (DELETE FROM delivery_claimed WHERE engine_id = %(engine)s AND id = ANY (%(begun)s::uuid[]) AND crashes + 1 >= {CRASHES_ALLOWED} RETURNING *)
    INSERT INTO delivery_waiting ({columns.LIST}, why, scope, due_at)
    SELECT {columns.select("gone", crashes="gone.crashes + 1", tries="gone.tries + 1")}, 'hold',
           '{DIED_TWICE}', NULL
      FROM gone
    RETURNING id, tenant_id
"""
GIVE_BACK = f"""
    WITH gone AS (DELETE FROM delivery_claimed WHERE engine_id = %(engine)s RETURNING *, (id = ANY (%(begun)s::uuid[]))::int AS begun),
         back AS (INSERT INTO delivery_ready ({columns.LIST})
                  SELECT {columns.select("gone", crashes="gone.crashes + gone.begun", tries="gone.tries + gone.begun")} FROM gone
                  RETURNING pool_id, provider_id, purpose)
    SELECT pool_id, provider_id, purpose, count(*)::int FROM back GROUP BY 1, 2, 3
"""
# Nobody could read its journal: any of them may have been begun, and its number may come back with a late answer. No crash is counted.
GIVE_BACK_UNREAD = f"""
    WITH gone AS (DELETE FROM delivery_claimed WHERE engine_id = %(engine)s RETURNING *),
         back AS (INSERT INTO delivery_ready ({columns.LIST}) SELECT {columns.select("gone", tries="gone.tries + 1")} FROM gone
                  RETURNING pool_id, provider_id, purpose)
    SELECT pool_id, provider_id, purpose, count(*)::int FROM back GROUP BY 1, 2, 3
"""
LEAVE = f"""
    WITH gone AS (DELETE FROM delivery_claimed WHERE engine_id = %(engine)s RETURNING *)
    INSERT INTO delivery_ready ({columns.LIST}) SELECT {columns.LIST} FROM gone
"""
# Its sessions that were cut off in the middle of a transaction keep their locks for as long as TCP is patient, and would hold up its eviction.
END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = %s AND datname = current_database() AND pid <> pg_backend_pid()
"""
ORPHANED = "SELECT DISTINCT engine_id FROM delivery_claimed c WHERE NOT EXISTS (SELECT 1 FROM delivery_engine e WHERE e.id = c.engine_id)"


@dataclass(frozen=True, slots=True)
class Evicted:
    """What an eviction gave back, and whether this call was the one that evicted."""

    was_there: bool
    given_back: int
    held: int
    lanes: frozenset[tuple[int, int, int]] = frozenset()  # where what came back can be claimed: pool, provider, purpose


def register(connection: Connection, node: str, slot: int, pid: int) -> int | None:
    """Enter a new engine. None when the slot is taken or the node is unknown."""
    row = connection.execute(REGISTER, {"node": node, "slot": slot, "pid": pid}).fetchone()
    return row[0] if row else None


def renew(connection: Connection, engine_id: int) -> tuple[bool, object] | None:
    """Renew the lease: (asked to drain, the database's time), or None when the engine has been evicted."""
    return connection.execute(RENEW, [engine_id]).fetchone()


def sessions_of(engine_id: int) -> str:
    """The name under which the database knows an engine's sessions, but for its lease's."""
    return f"engine {engine_id}"


def end_sessions(connection: Connection, engine_id: int) -> None:
    """What an engine, which no more has any right to, has begun in the database is rolled back, unless it was just committed: before it is evicted."""
    connection.execute(END_SESSIONS, [sessions_of(engine_id)])


def connections_ended(connection: Connection, engine_ids: Sequence[int]) -> None:
    """The processes of these engines, which were evicted while their node was out of reach, are no more: the kernel has closed what they had open."""
    if engine_ids:
        connection.execute(CLOSED_SINCE, [list(engine_ids)])


def evict(connection: Connection, engine_id: int, begun: Collection[UUID] | None = ()) -> Evicted:
    """End an engine's rights and give its claims back. `begun`: what its journal says it had begun; None: it is out of reach. Safe to repeat."""
    rows = {"engine": engine_id, "begun": list(begun or ())}
    with connection.transaction():
        if begun is not None:
            connection.execute(CLOSED, [engine_id])
        connection.execute(DROP_LEASES, [engine_id])
        was_there = connection.execute(DROP, [engine_id]).rowcount == 1
        held = _hold(connection, rows)
        with connection.cursor(row_factory=tuple_row) as cursor:
            back = cursor.execute(GIVE_BACK_UNREAD if begun is None else GIVE_BACK, rows).fetchall()
    return Evicted(was_there, sum(count for *_, count in back), len(held), frozenset((pool, provider, purpose) for pool, provider, purpose, _ in back))


def _hold(connection: Connection, rows: dict[str, Any]) -> list[tuple[UUID, int]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        held = cursor.execute(HOLD, rows).fetchall()
        tell(cursor, [Happened(delivery, tenant, Kind.HELD, {"why": DIED_TWICE}) for delivery, tenant in held])
    return held


def leave(connection: Connection, engine_id: int) -> int:
    """An engine's own, orderly end: what it has not begun goes back as it came. Returns how many."""
    with connection.transaction():
        connection.execute(DROP_LEASES, [engine_id])
        connection.execute(DROP, [engine_id])
        return connection.execute(LEAVE, {"engine": engine_id}).rowcount


def sweep(connection: Connection) -> int:
    """Give back the claims of engines that are no more. Returns how many."""
    return sum(evict(connection, engine_id, None).given_back for (engine_id,) in connection.execute(ORPHANED).fetchall())
