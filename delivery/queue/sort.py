"""Sort: deliveries whose domain has a provider now leave `waiting` for their lane.

The network half (MX look-ups) is the engine's sorter; this is what it reads and writes. Several engines may sort the same domain at the same time:
the second finds no rows left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from delivery.queue import columns
from delivery.queue.engaged import kept_in
from delivery.queue.promote import INTO_READY
from delivery.queue.tags import Turn, give_places
from delivery.queue.wake import Lane
from pools.providers.rollup import name_of_tail

# A skip scan over waiting_why (why, scope): one probe a domain, however many deliveries wait for it.
UNSORTED = """
    WITH RECURSIVE domain AS (
        (SELECT scope FROM delivery_waiting WHERE why = 'sorting' ORDER BY scope LIMIT 1)
        UNION ALL
        SELECT next.scope
          FROM domain CROSS JOIN LATERAL (
               SELECT w.scope FROM delivery_waiting w WHERE w.why = 'sorting' AND w.scope > domain.scope ORDER BY w.scope LIMIT 1) next)
    SELECT domain.scope FROM domain LIMIT %s
"""
REMEMBER = """
    INSERT INTO pools_domainprovider (domain, provider_id, hosts, secure, sorted_at, expires_at)
    VALUES (%(domain)s, %(provider_id)s, %(hosts)s, %(secure)s, platform_now(), platform_now() + %(ttl_s)s * interval '1 s')
    ON CONFLICT (domain) DO UPDATE
       SET provider_id = excluded.provider_id, hosts = excluded.hosts, secure = excluded.secure,
           sorted_at = excluded.sorted_at, expires_at = excluded.expires_at
"""
PROVIDER_ID = "SELECT id FROM pools_provider WHERE key = %s"
# A region of a provider whose regions count by themselves (mimecast@eu) has that provider's facts, all else is the long tail.
NEW_PROVIDER = """
    INSERT INTO pools_provider (key, name, kind, is_tail, mx_suffixes, domains, facts, overrides)
    SELECT %(key)s, %(name)s, coalesce(whole.kind, 'mailbox'), whole.id IS NULL, '{}', '{}', coalesce(whole.facts, '{}'), '{}'
      FROM (SELECT 1) AS one LEFT JOIN pools_provider whole ON whole.key = split_part(%(key)s, '@', 1) AND NOT whole.is_tail
    ON CONFLICT (key) DO NOTHING
"""
TAKE = f"""
    DELETE FROM delivery_waiting WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM delivery_waiting WHERE why = 'sorting' AND scope = ANY (%(domains)s) LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING {columns.LIST}, platform_now() AS now
"""
POSTPONE = """
    UPDATE delivery_waiting SET why = 'retry', scope = %(because)s, due_at = platform_now() + %(delay_s)s * interval '1 s'
     WHERE why = 'sorting' AND scope = %(domain)s
"""
END = """
    WITH gone AS (DELETE FROM delivery_waiting WHERE why = 'sorting' AND scope = %(domain)s RETURNING id)
    UPDATE delivery_delivery d SET final = 'bounced', reason = %(reason)s, reply = %(said)s, done_at = platform_now()
      FROM gone WHERE d.id = gone.id AND d.final IS NULL
"""
ROWS_A_MOVE = 1000


@dataclass(frozen=True, slots=True)
class Sorted:
    """A domain's provider and MX hosts in order of preference, and how long that may be believed."""

    domain: str
    provider_key: str
    hosts: tuple[tuple[int, str], ...]
    ttl_s: int
    secure: bool = False


def unsorted_domains(connection: Connection, limit: int = 200) -> list[str]:
    """Domains that deliveries wait for."""
    return [row[0] for row in connection.execute(UNSORTED, [limit])]


def remember(connection: Connection, found: Sequence[Sorted]) -> dict[str, int]:
    """Keep what was found, and return each domain's provider id. Providers of the long tail are made here, when first met."""
    providers: dict[str, int] = {}
    with connection.transaction(), connection.cursor() as cursor:
        for key in sorted({one.provider_key for one in found}):
            row = cursor.execute(PROVIDER_ID, [key]).fetchone()
            if row is None:
                cursor.execute(NEW_PROVIDER, {"key": key, "name": name_of_tail(key)})
                row = cursor.execute(PROVIDER_ID, [key]).fetchone()
            providers[key] = row[0]  # type: ignore[index]
        rows = [
            {
                "domain": one.domain,
                "provider_id": providers[one.provider_key],
                "hosts": Jsonb([list(host) for host in one.hosts]),
                "secure": one.secure,
                "ttl_s": one.ttl_s,
            }
            for one in sorted(found, key=lambda one: one.domain)
        ]
        cursor.executemany(REMEMBER, rows)
    return {one.domain: providers[one.provider_key] for one in found}


def move_sorted(connection: Connection, providers: dict[str, int]) -> frozenset[Lane]:
    """Move what waits for these domains into its lanes. Returns the lanes with new work."""
    lanes: set[Lane] = set()
    while True:
        rows = _move_some(connection, providers)
        lanes |= {(row["pool_id"], row["provider_id"], row["purpose"]) for row in rows}
        if len(rows) < ROWS_A_MOVE:
            return frozenset(lanes)


def _move_some(connection: Connection, providers: dict[str, int]) -> list[dict[str, Any]]:
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(TAKE, {"domains": list(providers), "limit": ROWS_A_MOVE}).fetchall()
        for row in rows:
            row["provider_id"] = providers[row["recipient"].rpartition("@")[2]]
        with connection.cursor() as plain:
            turns = [Turn(row["pool_id"], row["provider_id"], row["purpose"], row["tenant_id"], row["size_bytes"], kept_in(row)) for row in rows]
            places = give_places(plain, turns)
        for row, place in zip(rows, places, strict=True):
            row.update(purpose=place.purpose, tag=place.tag, ready_at=row["now"])
        if rows:
            cursor.executemany(INTO_READY, rows)
        return rows


def end(connection: Connection, domain: str, reason: str, said: str) -> int:
    """No mail can ever reach this domain (it does not exist, or says so: RFC 7505): its deliveries bounce. Returns how many."""
    return connection.execute(END, {"domain": domain, "reason": reason, "said": said}).rowcount


def postpone(connection: Connection, domain: str, because: str, delay_s: float) -> int:
    """The domain's servers could not be found for now: its deliveries wait. Returns how many."""
    return connection.execute(POSTPONE, {"domain": domain, "because": because, "delay_s": delay_s}).rowcount
