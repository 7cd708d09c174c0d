"""Outbox: what befell a delivery is written down for the endpoints that want to hear it, in the transaction in which it befell.

Promises: told exactly when it happened: a transaction that is rolled back tells nothing. The same event written again (a journal's replay, a COMMIT
whose answer never came) is the same row, by an id made of its source, kind and endpoint. For tenants without endpoints it costs one look into a
dictionary a batch. Never: commits, wakes anybody (the sender looks four times a second), reads what it tells of: ids only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import tuple_row

from delivery.queue import arrays
from delivery.webhooks.kinds import EventKind
from delivery.webhooks.wishes import Wish, Wishes, wishes
from mailplatform.shell.ids import message_of

if TYPE_CHECKING:
    from delivery.queue.put import NewMessage
    from delivery.queue.settled import Settled

WRITE = """
    INSERT INTO delivery_webhookevent (webhook_id, tenant_id, endpoint_id, message_id, delivery_id, source_id, kind, at, due_at)
    SELECT u.*, moment.at, moment.at
      FROM unnest(%(webhooks)s::uuid[], %(tenants)s::int8[], %(endpoints)s::int8[], %(messages)s::uuid[], %(deliveries)s::uuid[], %(sources)s::uuid[],
                  %(kinds)s::text[]) AS u,
           (SELECT coalesce(%(at)s::timestamptz, platform_now()) AS at) moment
    ON CONFLICT (webhook_id) DO NOTHING
"""
STREAMS = "SELECT id, stream_id FROM delivery_message WHERE id = ANY (%s)"
# An attempt that a former owner made late may be known and yet have moved nothing: told is what waits because of this very attempt.
MOVED = """
    SELECT w.id FROM unnest(%(ids)s::uuid[], %(tries)s::int2[]) AS u(id, tries) JOIN delivery_waiting w ON w.id = u.id AND w.tries = u.tries
"""
_OF_FINAL = {"delivered": EventKind.DELIVERED, "bounced": EventKind.BOUNCED, "expired": EventKind.EXPIRED, "cancelled": EventKind.CANCELLED}


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that befell one delivery. `source_id` is what it is known by: an attempt, an event, or the delivery itself."""

    tenant_id: int
    stream_id: int | None  # None: not known here
    delivery_id: UUID
    source_id: UUID
    kind: str


def write(cursor: Cursor, notes: Sequence[Note], at: datetime | None = None) -> None:
    """For every endpoint that wants them, in the caller's transaction; `at` is by default the database's now."""
    known = wishes(cursor)
    notes = [note for note in notes if note.tenant_id in known] if known else []
    if not notes:
        return
    notes = _with_streams(cursor, notes, known)
    told = [(note, wish) for note in notes for wish in known[note.tenant_id] if wish.wants(note.kind, note.stream_id)]
    if told:
        cursor.execute(WRITE, {"at": at, **_columns(told)})


def webhook_id(source_id: UUID, kind: str, endpoint_id: int) -> UUID:
    """The same event for the same endpoint has the same id, whoever writes it down, however often."""
    return UUID(bytes=blake2b(source_id.bytes + f"{endpoint_id} {kind}".encode(), digest_size=16).digest(), version=5)


# -- who tells -----------------------------------------------------------------------------------------------------------
def accepted(cursor: Cursor, messages: "Sequence[NewMessage]") -> None:
    """Messages that have just been stored."""
    if not (known := wishes(cursor)):
        return
    for at, group in _by_time(message for message in messages if message.tenant_id in known):
        write(cursor, [note for message in group for note in _of_new(message)], at)


def finished(cursor: Cursor, finals: "Sequence[Settled]", now: datetime) -> None:
    """Deliveries that an attempt has ended."""
    if not (known := wishes(cursor)):
        return
    kinds = ((one, _OF_FINAL.get(one.final or "")) for one in finals if one.tenant_id in known)
    write(cursor, [Note(one.tenant_id, one.stream_id, one.attempt.delivery_id, one.attempt.id, kind) for one, kind in kinds if kind], now)


def waiting(cursor: Cursor, settled: "Sequence[Settled]", now: datetime) -> None:
    """Deliveries that an attempt has made wait, for another try or for a person."""
    if not (known := wishes(cursor)):
        return
    mine = [one for one in settled if one.tenant_id in known]
    if not mine:
        return
    with Cursor(cursor.connection, row_factory=tuple_row) as own:
        ids = {"ids": arrays.ids(one.attempt.delivery_id for one in mine), "tries": arrays.numbers(one.attempt.number for one in mine)}
        moved = {row[0] for row in own.execute(MOVED, ids)}
    kinds = ((one, EventKind.HELD if one.hold else EventKind.DEFERRED) for one in mine if one.attempt.delivery_id in moved)
    write(cursor, [Note(one.tenant_id, one.stream_id, one.attempt.delivery_id, one.attempt.id, kind) for one, kind in kinds], now)


def expired(cursor: Cursor, gone: Iterable[tuple[UUID, int]]) -> None:
    """Deliveries (id, tenant) whose time was over without another attempt."""
    write(cursor, [Note(tenant, None, delivery, delivery, EventKind.EXPIRED) for delivery, tenant in gone])


# -- pieces --------------------------------------------------------------------------------------------------------------
def _of_new(message: "NewMessage") -> Iterable[Note]:
    for delivery in message.deliveries:
        for kind in _kinds_of_new(delivery.final, message.hold):
            yield Note(message.tenant_id, message.stream_id, delivery.id, delivery.id, kind)


def _kinds_of_new(final: str | None, hold: str) -> tuple[str, ...]:
    if final == "suppressed":
        return EventKind.ACCEPTED, EventKind.SUPPRESSED
    return (EventKind.ACCEPTED, EventKind.HELD) if hold and not final else (EventKind.ACCEPTED,)


def _by_time(messages: "Iterable[NewMessage]") -> "Iterable[tuple[datetime, list[NewMessage]]]":
    groups: dict[datetime, list[NewMessage]] = {}
    for message in messages:
        groups.setdefault(message.created_at, []).append(message)
    return groups.items()


def _with_streams(cursor: Cursor, notes: Sequence[Note], known: Wishes) -> list[Note]:
    """Where an endpoint asks for streams and who tells does not know them, they are looked up."""
    blank = {message_of(note.delivery_id) for note in notes if note.stream_id is None and any(wish.streams for wish in known[note.tenant_id])}
    if not blank:
        return list(notes)
    with Cursor(cursor.connection, row_factory=tuple_row) as own:
        streams: dict[UUID, int] = dict(own.execute(STREAMS, [list(blank)]).fetchall())
    return [
        note if note.stream_id is not None else Note(note.tenant_id, streams.get(message_of(note.delivery_id)), note.delivery_id, note.source_id, note.kind)
        for note in notes
    ]


def _columns(told: Sequence[tuple[Note, Wish]]) -> dict[str, str]:
    return {
        "webhooks": arrays.ids(webhook_id(note.source_id, note.kind, wish.endpoint_id) for note, wish in told),
        "tenants": arrays.numbers(note.tenant_id for note, _ in told),
        "endpoints": arrays.numbers(wish.endpoint_id for _, wish in told),
        "messages": arrays.ids(message_of(note.delivery_id) for note, _ in told),
        "deliveries": arrays.ids(note.delivery_id for note, _ in told),
        "sources": arrays.ids(note.source_id for note, _ in told),
        "kinds": arrays.texts(note.kind for note, _ in told),
    }
