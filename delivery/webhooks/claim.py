"""Claim: which endpoints have something to send, and the events that a sender takes in hand.

Promises: an event is in one sender's hands at a time, by a lease in its `due_at`: when its sender dies it is due again after LEASE_S. An event of a
message is not taken while an earlier one of the same message waits for the same endpoint. One endpoint's long queue costs others nothing: each is
looked at by its own index, a bounded piece of it. Never: sends, decides what an answer means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from delivery.webhooks.retry import GIVE_UP_AFTER, IN_TROUBLE

LEASE_S = 25  # longer than a request and the writing down of what came of it may take
LOOK_AGAIN_S = 30  # at what was behind another, should nobody have said that it may go
TESTS_AT_ONCE = 20

ENDPOINT = f"""
    p.id AS endpoint_id, p.tenant_id, p.url, p.failures >= {IN_TROUBLE} AS in_trouble, p.secret_encrypted,
    CASE WHEN p.old_secret_until > platform_now() THEN p.old_secret_encrypted END AS old_secret_encrypted
"""
ASKING = f"""
    SELECT {ENDPOINT} FROM delivery_webhookendpoint p
     WHERE p.state = 'active' AND coalesce(p.retry_at <= platform_now(), true)
       AND EXISTS (SELECT 1 FROM delivery_webhookevent e WHERE e.endpoint_id = p.id AND e.state = 'pending' AND e.due_at <= platform_now())
"""
ENDPOINTS = f"SELECT {ENDPOINT} FROM delivery_webhookendpoint p WHERE p.id = ANY (%s)"
# What is behind an earlier event of its message is put off until that one may be done: so it is not in the way of others the next time.
TAKE = f"""
    WITH wanted AS (SELECT * FROM unnest(%(endpoints)s::int8[], %(rooms)s::int4[]) AS u(endpoint_id, room)),
         seen AS MATERIALIZED (
             SELECT e.*, w.room
               FROM wanted w CROSS JOIN LATERAL (
                    SELECT id, endpoint_id, message_id FROM delivery_webhookevent
                     WHERE endpoint_id = w.endpoint_id AND state = 'pending' AND due_at <= platform_now() AND kind <> 'webhook.test'
                     ORDER BY due_at, id
                     LIMIT 2 * w.room + 8
                       FOR UPDATE SKIP LOCKED) e),
         judged AS (
             SELECT s.id, s.endpoint_id, s.room,
                    (SELECT b.due_at FROM delivery_webhookevent b
                      WHERE b.endpoint_id = s.endpoint_id AND b.message_id = s.message_id AND b.state = 'pending' AND b.id < s.id
                      ORDER BY b.id DESC LIMIT 1) AS behind
               FROM seen s),
         ranked AS (SELECT *, row_number() OVER (PARTITION BY endpoint_id, behind IS NULL ORDER BY id) AS place FROM judged)
    UPDATE delivery_webhookevent e
       SET due_at = CASE WHEN r.behind IS NULL THEN platform_now() + interval '{LEASE_S} s'
                         ELSE least(greatest(r.behind, platform_now() + interval '1 s'), platform_now() + interval '{LOOK_AGAIN_S} s') END,
           tries = e.tries + (r.behind IS NULL)::int,
           give_up_at = CASE WHEN r.behind IS NULL THEN coalesce(e.give_up_at, platform_now() + interval '{GIVE_UP_AFTER.total_seconds():g} s')
                             ELSE e.give_up_at END
      FROM ranked r
     WHERE e.id = r.id AND (r.behind IS NOT NULL OR r.place <= r.room)
    RETURNING e.id, r.behind IS NULL
"""
# Asked for by a person: whatever the endpoint's state, once.
TAKE_TESTS = f"""
    UPDATE delivery_webhookevent SET due_at = platform_now() + interval '{LEASE_S} s', tries = tries + 1, give_up_at = platform_now()
     WHERE id = ANY (ARRAY(
        SELECT id FROM delivery_webhookevent e
         WHERE state = 'pending' AND kind = 'webhook.test' AND due_at <= platform_now()
           AND EXISTS (SELECT 1 FROM delivery_webhookendpoint p WHERE p.id = e.endpoint_id)
         ORDER BY due_at
         LIMIT {TESTS_AT_ONCE}
           FOR UPDATE OF e SKIP LOCKED))
    RETURNING id
"""
# What has become of a delivery since is not told: only what belongs to the event. Another tenant's rows are never joined.
READ = """
    SELECT e.id, e.webhook_id, e.tenant_id, e.endpoint_id, e.message_id, e.delivery_id, e.kind, e.at, e.tries, e.give_up_at,
           m.tags, m.metadata, s.name AS stream, d.recipient,
           get_byte(uuid_send(a.id), 15) AS attempt, a.fault, a.code, a.enhanced, a.mx_host, v.key AS provider, v_event.data AS detail,
           CASE WHEN a.id IS NOT NULL THEN a.reason WHEN e.kind IN ('message.expired', 'message.suppressed') THEN d.reason END AS reason,
           CASE WHEN a.id IS NOT NULL THEN a.reply WHEN e.kind = 'message.expired' THEN d.reply END AS reply
      FROM delivery_webhookevent e
      LEFT JOIN delivery_message m ON m.id = e.message_id AND m.tenant_id = e.tenant_id
      LEFT JOIN pools_stream s ON s.id = m.stream_id AND s.tenant_id = e.tenant_id
      LEFT JOIN delivery_delivery d ON d.id = e.delivery_id AND d.tenant_id = e.tenant_id
      LEFT JOIN delivery_attempt a ON a.id = e.source_id AND d.id IS NOT NULL
      LEFT JOIN pools_provider v ON v.id = a.provider_id
      LEFT JOIN delivery_event v_event ON v_event.id = e.source_id AND v_event.tenant_id = e.tenant_id
     WHERE e.id = ANY (%s)
     ORDER BY e.id
"""
GIVE_BACK = "UPDATE delivery_webhookevent SET due_at = platform_now() WHERE id = ANY (%s) AND state = 'pending'"


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint as a sender needs it."""

    endpoint_id: int
    tenant_id: int
    url: str
    in_trouble: bool
    secret_encrypted: bytes = field(repr=False)
    old_secret_encrypted: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """An event in this sender's hands, with everything that its body tells (`payload.body_of`)."""

    id: int
    webhook_id: UUID
    endpoint_id: int
    tenant_id: int
    kind: str
    tries: int
    give_up_at: datetime
    row: Mapping[str, Any] = field(repr=False)


def asking(connection: Connection) -> list[Target]:
    """Endpoints that have something to send and may be sent it now."""
    with connection.cursor(row_factory=class_row(Target)) as cursor:
        return cursor.execute(ASKING).fetchall()


def take(connection: Connection, rooms: Mapping[int, int]) -> tuple[list[Taken], bool]:
    """At most so many of each endpoint, and whether there was more that only had to wait its turn."""
    if not rooms:
        return [], False
    found = connection.execute(TAKE, {"endpoints": list(rooms), "rooms": list(rooms.values())}).fetchall()
    return _read(connection, [id_ for id_, mine in found if mine]), any(not mine for _, mine in found)


def take_tests(connection: Connection) -> tuple[list[Taken], list[Target]]:
    """Tests that somebody waits for, and where they go."""
    tests = _read(connection, [row[0] for row in connection.execute(TAKE_TESTS).fetchall()])
    if not tests:
        return [], []
    with connection.cursor(row_factory=class_row(Target)) as cursor:
        return tests, cursor.execute(ENDPOINTS, [[test.endpoint_id for test in tests]]).fetchall()


def give_back(connection: Connection, ids: list[int]) -> None:
    """In a sender's hands, and not done when it ended."""
    connection.execute(GIVE_BACK, [ids])


def _read(connection: Connection, ids: list[int]) -> list[Taken]:
    if not ids:
        return []
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(READ, [ids]).fetchall()
    return [
        Taken(row["id"], row["webhook_id"], row["endpoint_id"], row["tenant_id"], row["kind"], row["tries"], row["give_up_at"], row) for row in rows
    ]
