"""Put: what was submitted becomes rows, all in the caller's transaction.

Promises: after the caller's COMMIT every delivery that is not final is in exactly one queue table; before it nothing is. A domain
whose provider is known goes straight to ready; an unknown one waits for an engine's resolver (tens of
milliseconds). Never: commits, wakes engines (that comes after the commit: `delivery.queue.wake`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.types.json import Jsonb

from delivery.queue import columns
from delivery.queue.tags import Turn, give_tags

KNOWN_DOMAINS = """
    SELECT platform_now() AS now, array_agg(domain) AS domains, array_agg(provider_id) AS providers
      FROM pools_domainprovider
     WHERE domain = ANY(%s) AND expires_at > platform_now()
"""


@dataclass(frozen=True, slots=True)
class NewBody:
    """A MIME message to store once; `body_hash` is DKIM's, of the relaxed body."""

    id: UUID
    mime: bytes
    head_length: int
    body_hash: bytes
    needs_8bit: bool = False
    needs_smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One recipient. `final` is set for one that will never be tried (suppressed)."""

    id: UUID
    recipient: str
    domain: str
    role: str = "to"
    final: str | None = None
    reason: str = ""
    own_head: bytes | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message with its deliveries. `hold` is why a person must look first; empty: nobody must."""

    id: UUID
    tenant_id: int
    stream_id: int
    pool_id: int
    purpose: int
    body: NewBody
    domain_id: int
    sender: str
    subject: str
    size_bytes: int
    deliveries: tuple[NewDelivery, ...]
    expires_at: datetime
    created_at: datetime
    tags: tuple[str, ...] = ()
    metadata: dict[str, object] | None = None
    fingerprint: int = 0
    submitted_by: str = ""
    send_at: datetime | None = None
    hold: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """Which lanes have new work, and whether any domain waits to be sorted: what to wake engines with."""

    lanes: frozenset[tuple[int, int]]
    sorting: bool


def put(cursor: Cursor, messages: Sequence[NewMessage]) -> Placed:
    """Store messages with their bodies and deliveries, and queue what is to be sent. Bodies shared by messages are stored once."""
    _store_history(cursor, messages)
    pending = [(message, delivery) for message in messages for delivery in message.deliveries if delivery.final is None]
    if not pending:
        return Placed(frozenset(), sorting=False)
    now, known = _known_domains(cursor, {delivery.domain for _, delivery in pending})
    ready, waiting = [], []
    for message, delivery in pending:
        provider_id = known.get(delivery.domain)
        if message.hold:
            waiting.append((message, delivery, provider_id, "hold", message.hold, None))
        elif message.send_at and message.send_at > now:
            waiting.append((message, delivery, provider_id, "schedule", "", message.send_at))
        elif provider_id is None:
            waiting.append((message, delivery, None, "sorting", delivery.domain, None))
        else:
            ready.append((message, delivery, provider_id))
    if waiting:
        _copy(cursor, "delivery_waiting", (*columns.COLUMNS, "why", "scope", "due_at"), (*columns.TYPES, "text", "text", "timestamptz"),
              ((*_row(message, delivery, provider, 0.0, now), why, scope, due) for message, delivery, provider, why, scope, due in waiting))
    tags = give_tags(cursor, [Turn(m.pool_id, provider, m.purpose, m.tenant_id, m.size_bytes) for m, _, provider in ready])
    if ready:
        _copy(cursor, "delivery_ready", columns.COLUMNS, columns.TYPES,
              (_row(message, delivery, provider, tag, now) for (message, delivery, provider), tag in zip(ready, tags, strict=True)))
    return Placed(frozenset((message.pool_id, provider) for message, _, provider in ready), sorting=any(why == "sorting" for _, _, _, why, _, _ in waiting))


def _store_history(cursor: Cursor, messages: Sequence[NewMessage]) -> None:
    bodies = {message.body.id: message.body for message in messages}
    _copy(cursor, "delivery_body", ("id", "mime", "head_length", "body_hash", "needs_8bit", "needs_smtputf8"), ("uuid", "bytea", "int4", "bytea", "bool", "bool"),
          ((b.id, b.mime, b.head_length, b.body_hash, b.needs_8bit, b.needs_smtputf8) for b in bodies.values()))
    _copy(cursor, "delivery_message",
          ("id", "tenant_id", "stream_id", "pool_id", "purpose", "body_id", "domain_id", "sender", "subject", "recipients", "size_bytes", "tags", "metadata",
           "fingerprint", "submitted_by", "send_at", "expires_at", "created_at"),
          ("uuid", "int8", "int8", "int8", "int2", "uuid", "int8", "text", "text", "int4", "int4", "text[]", "jsonb", "int8", "text", "timestamptz", "timestamptz", "timestamptz"),
          ((m.id, m.tenant_id, m.stream_id, m.pool_id, m.purpose, m.body.id, m.domain_id, m.sender, m.subject, len(m.deliveries), m.size_bytes, list(m.tags),
            Jsonb(m.metadata or {}), m.fingerprint, m.submitted_by, m.send_at, m.expires_at, m.created_at) for m in messages))
    _copy(cursor, "delivery_delivery", ("id", "tenant_id", "recipient", "role", "final", "reason", "reply", "done_at"),
          ("uuid", "int8", "text", "text", "text", "text", "text", "timestamptz"),
          ((d.id, m.tenant_id, d.recipient, d.role, d.final, d.reason, "", m.created_at if d.final else None) for m in messages for d in m.deliveries))


def _known_domains(cursor: Cursor, domains: Iterable[str]) -> tuple[datetime, dict[str, int]]:
    row = cursor.execute(KNOWN_DOMAINS, [list(domains)]).fetchone()
    assert row is not None
    return row[0], dict(zip(row[1] or (), row[2] or (), strict=True))


def _row(message: NewMessage, delivery: NewDelivery, provider_id: int | None, tag: float, now: datetime) -> tuple[object, ...]:
    """The shared queue columns, in the order of `columns.COLUMNS`."""
    return (
        delivery.id, message.body.id, message.tenant_id, message.stream_id, message.domain_id, message.pool_id, provider_id, message.purpose, tag, now,
        0, 0, 0, None, [], delivery.recipient, message.size_bytes, message.fingerprint, delivery.own_head, message.expires_at,
    )  # fmt: skip


def _copy(cursor: Cursor, table: str, names: Sequence[str], types: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
