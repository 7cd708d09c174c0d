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

from delivery.queue import columns, engaged, neighbours
from delivery.queue.tags import Turn, give_places
from delivery.queue.wake import Lane
from delivery.suppressions.minutes import count_suppressed
from delivery.webhooks import outbox

KNOWN_DOMAINS = """
    SELECT platform_now() AS now, array_agg(domain) AS domains, array_agg(provider_id) AS providers
      FROM pools_domainprovider
     WHERE domain = ANY(%s) AND expires_at > platform_now()
"""

Columns = dict[str, str]
BODY: Columns = {
    "id": "uuid", "mime": "bytea", "head_length": "int4", "body_hash": "bytea", "needs_8bit": "bool", "needs_smtputf8": "bool", "wire_ready": "bool",
}  # fmt: skip
MESSAGE: Columns = {
    "id": "uuid", "tenant_id": "int8", "stream_id": "int8", "pool_id": "int8", "purpose": "int2", "body_id": "uuid", "domain_id": "int8",
    "sender": "text", "subject": "text", "recipients": "int4", "size_bytes": "int4", "tags": "text[]", "metadata": "jsonb", "fingerprint": "int8",
    "submitted_by": "text", "send_at": "timestamptz", "expires_at": "timestamptz", "created_at": "timestamptz",
}  # fmt: skip
DELIVERY: Columns = {
    "id": "uuid", "tenant_id": "int8", "recipient": "text", "role": "text", "final": "text", "reason": "text", "reply": "text", "done_at": "timestamptz",
}  # fmt: skip
READY: Columns = columns.QUEUE
WAITING: Columns = {**columns.QUEUE, "why": "text", "scope": "text", "due_at": "timestamptz"}


@dataclass(frozen=True, slots=True)
class NewBody:
    """A MIME message to store once; `body_hash` is DKIM's, of the relaxed body."""

    id: UUID
    mime: bytes
    head_length: int
    body_hash: bytes
    needs_8bit: bool = False
    needs_smtputf8: bool = False
    wire_ready: bool = False


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
    """A message with its deliveries. `hold` is why a person must look first; empty: nobody must. `per_minute`: its tenant is slowed to so many."""

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
    per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """Which lanes have new work, and whether any domain waits to be sorted: what to wake engines with."""

    lanes: frozenset[Lane]
    sorting: bool


def put(cursor: Cursor, messages: Sequence[NewMessage]) -> Placed:
    """Store messages with their bodies and deliveries, and queue what is to be sent. Bodies shared by messages are stored once."""
    _store_history(cursor, messages)
    outbox.accepted(cursor, messages)
    pending = [(message, delivery) for message in messages for delivery in message.deliveries if delivery.final is None]
    if not pending:
        _count_suppressed(cursor, messages)
        return Placed(frozenset(), sorting=False)
    now, known = _known_domains(cursor, {delivery.domain for _, delivery in pending})
    ready: list[tuple[NewMessage, NewDelivery, int]] = []
    waiting: list[tuple[NewMessage, NewDelivery, int | None, str, str, datetime | None]] = []
    turns = neighbours.turns(cursor, [(m.tenant_id, m.per_minute, m.send_at) for m, _ in pending if m.per_minute and not m.hold], now)
    for message, delivery in pending:
        provider_id = known.get(delivery.domain)
        if message.hold:
            waiting.append((message, delivery, provider_id, "hold", message.hold, None))
        elif message.per_minute and (turn := next(turns)) > now:
            waiting.append((message, delivery, provider_id, *neighbours.waits(message.send_at, turn)))
        elif message.send_at and message.send_at > now:
            waiting.append((message, delivery, provider_id, "schedule", "", message.send_at))
        elif provider_id is None:
            waiting.append((message, delivery, None, "sorting", delivery.domain, None))
        else:
            ready.append((message, delivery, provider_id))
    behind = engaged.behind(messages)
    if waiting:
        tags = {message: engaged.kept(by) for message, by in behind.items()}
        rows = (
            (*_row(message, delivery, provider, message.purpose, tags.get(message.id, 0.0), now), why, scope, due)
            for message, delivery, provider, why, scope, due in waiting
        )
        _copy(cursor, "delivery_waiting", WAITING, rows)
    places = give_places(cursor, [Turn(m.pool_id, provider, m.purpose, m.tenant_id, m.size_bytes, behind.get(m.id, 0.0)) for m, _, provider in ready])
    if ready:
        rows = (_row(message, delivery, provider, *place, now) for (message, delivery, provider), place in zip(ready, places, strict=True))
        _copy(cursor, "delivery_ready", READY, rows)
    lanes = frozenset((message.pool_id, provider, place.purpose) for (message, _, provider), place in zip(ready, places, strict=True))
    if len(pending) < sum(len(message.deliveries) for message in messages):
        _count_suppressed(cursor, messages)
    return Placed(lanes, sorting=any(why == "sorting" for _, _, _, why, _, _ in waiting))


def _count_suppressed(cursor: Cursor, messages: Sequence[NewMessage]) -> None:
    """Last, after the places: every submission locks its rows in this order."""
    of = [(m.stream_id, m.pool_id, m.tenant_id, m.purpose) for m in messages for delivery in m.deliveries if delivery.final == "suppressed"]
    count_suppressed(cursor, of, messages[0].created_at)


def _store_history(cursor: Cursor, messages: Sequence[NewMessage]) -> None:
    bodies = {message.body.id: message.body for message in messages}.values()
    _copy(cursor, "delivery_body", BODY, ((b.id, b.mime, b.head_length, b.body_hash, b.needs_8bit, b.needs_smtputf8, b.wire_ready) for b in bodies))
    _copy(cursor, "delivery_message", MESSAGE, map(_message_row, messages))
    _copy(cursor, "delivery_delivery", DELIVERY, (_delivery_row(m, d) for m in messages for d in m.deliveries))


def _message_row(m: NewMessage) -> tuple[object, ...]:
    return (
        m.id, m.tenant_id, m.stream_id, m.pool_id, m.purpose, m.body.id, m.domain_id, m.sender, m.subject, len(m.deliveries), m.size_bytes,
        list(m.tags), Jsonb(m.metadata or {}), m.fingerprint, m.submitted_by, m.send_at, m.expires_at, m.created_at,
    )  # fmt: skip


def _delivery_row(m: NewMessage, d: NewDelivery) -> tuple[object, ...]:
    return d.id, m.tenant_id, d.recipient, d.role, d.final, d.reason, "", m.created_at if d.final else None


def _known_domains(cursor: Cursor, domains: Iterable[str]) -> tuple[datetime, dict[str, int]]:
    row = cursor.execute(KNOWN_DOMAINS, [list(domains)]).fetchone()
    assert row is not None
    return row[0], dict(zip(row[1] or (), row[2] or (), strict=True))


def _row(message: NewMessage, delivery: NewDelivery, provider_id: int | None, purpose: int, tag: float, now: datetime) -> tuple[object, ...]:
    """The shared queue columns, in the order of `columns.QUEUE`."""
    return (
        delivery.id, message.body.id, message.tenant_id, message.stream_id, message.domain_id, message.pool_id, provider_id, purpose, tag, now,
        0, 0, 0, None, [], delivery.recipient, message.size_bytes, message.fingerprint, delivery.own_head, message.expires_at,
    )  # fmt: skip


def _copy(cursor: Cursor, table: str, into: Columns, rows: Iterable[tuple[object, ...]]) -> None:
    with cursor.copy(f"COPY {table} ({', '.join(into)}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(list(into.values()))
        for row in rows:
            copy.write_row(row)
