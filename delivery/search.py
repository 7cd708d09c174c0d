"""Search: find deliveries by recipient, subject, tenant, state or tag, newest first.

Promises: the cost of a page does not grow with the history. An id or a recipient is read from its index; everything else looks through a
bounded window of the newest messages before the cursor, and says how far back it has looked. Live states are read from the queue tables.
Never: counts, or looks beyond the scope that it was given.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from delivery.models import DeliveryState
from delivery.whereabouts import UNSEEN, Place, whereabouts
from mailplatform.shell.ids import id_time_ms, message_of
from mailplatform.shell.tables import Cursor
from mailplatform.tenants.models import Tenant
from mailplatform.tenants.scope import Scope
from pools.models import Provider
from pools.purposes import Purpose

WINDOW = 10_000  # messages that one page looks through at most
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
LIVE = {
    DeliveryState.QUEUED: "SELECT id, tenant_id FROM delivery_ready UNION ALL "
    "SELECT id, tenant_id FROM delivery_waiting WHERE why IN ('sorting', 'quota', 'lane') OR (why = 'retry' AND attempts = 0)",
    DeliveryState.SENDING: "SELECT id, tenant_id FROM delivery_claimed",
    DeliveryState.SCHEDULED: "SELECT id, tenant_id FROM delivery_waiting WHERE why = 'schedule'",
    DeliveryState.HELD: "SELECT id, tenant_id FROM delivery_waiting WHERE why = 'hold'",
    DeliveryState.DEFERRED: "SELECT id, tenant_id FROM delivery_waiting WHERE why = 'retry' AND attempts > 0",
}
_COLUMNS = "d.id, d.tenant_id, d.recipient, d.final, d.reason, d.reply, d.provider_id, d.done_at"


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for; empty fields ask nothing."""

    recipient: str = ""
    subject: str = ""
    tenant_id: int | None = None
    state: str = ""
    tag: str = ""

    @property
    def asks(self) -> bool:
        return any((self.recipient, self.subject, self.tenant_id, self.state, self.tag))


@dataclass(frozen=True, slots=True)
class Found:
    """A delivery as a row of the table."""

    id: UUID
    message_id: UUID
    at: datetime
    recipient: str
    state: str
    reason: str
    reply: str
    provider: str
    subject: str
    tenant: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows, and how far back was looked when the window ended before the page was full."""

    rows: tuple[Found, ...]
    looked_to: UUID | None = None

    @property
    def looked_back_to(self) -> datetime | None:
        return datetime.fromtimestamp(id_time_ms(self.looked_to) / 1000, UTC) if self.looked_to else None


def id_in(text: str) -> UUID | None:
    """The id that somebody pasted, be it bare, in a Message-ID or in a log line."""
    found = _UUID.search(text)
    return UUID(found.group()) if found else None


def search(question: Question, scope: Scope, cursor: Cursor) -> Answer:
    """A page of what matches: at most cursor.size + 1 rows, descending by id, or ascending when the cursor goes backwards."""
    tenant_id = scope.tenant_id if scope.tenant_id is not None else question.tenant_id
    below, above = _uuid(cursor.below), _uuid(cursor.above)
    asked = {
        "tenant": tenant_id, "below": below, "above": above, "n": cursor.size + 1, "window": WINDOW,
        "recipient": _address(question.recipient), "subject": f"%{_literally(question.subject)}%", "tag": question.tag, "state": question.state,
    }  # fmt: skip
    backwards = cursor.backwards and above is not None
    looked_to: UUID | None = None
    if question.recipient:
        rows = _all(_by_recipient(question, tenant_id, below, backwards), asked)
    elif question.state in LIVE:
        rows = _all(_by_live_state(question, tenant_id, below, backwards), asked)
    else:
        rows = _all(_by_message(question, tenant_id, below, backwards), asked)
        looked_to = rows[0]["looked_to"] if rows and rows[0]["looked_to"] and not backwards else None
        rows = [row for row in rows if row["id"] is not None]
    return Answer(_found(rows), looked_to if len(rows) <= cursor.size else None)


def _by_recipient(question: Question, tenant_id: int | None, below: UUID | None, backwards: bool) -> str:
    """Index (recipient, id); the message is joined only when it is asked about."""
    return f"""
        SELECT {_COLUMNS} FROM delivery_delivery d {_message_join(question)}
         WHERE d.recipient = %(recipient)s {_and_tenant(tenant_id)} {_and_final(question)} {_and_cursor("d.id", below, backwards)}
         ORDER BY d.id {_direction(backwards)} LIMIT %(n)s"""


def _by_live_state(question: Question, tenant_id: int | None, below: UUID | None, backwards: bool) -> str:
    """The queue table's own rows, by primary key; bounded like every other window."""
    return f"""
        WITH live AS MATERIALIZED (
            SELECT id FROM ({LIVE[DeliveryState(question.state)]}) q WHERE true {_and_tenant(tenant_id, "q")} {_and_cursor("id", below, backwards)}
             ORDER BY id {_direction(backwards)} LIMIT %(window)s)
        SELECT {_COLUMNS} FROM live JOIN delivery_delivery d ON d.id = live.id AND d.final IS NULL {_message_join(question)}
         ORDER BY d.id {_direction(backwards)} LIMIT %(n)s"""


def _by_message(question: Question, tenant_id: int | None, below: UUID | None, backwards: bool) -> str:
    """A window of messages (by primary key, or by the tenant's index), then the deliveries of those that match."""
    matches = " ".join((
        "AND subject ILIKE %(subject)s" if question.subject else "",
        "AND tags @> ARRAY[%(tag)s]::text[]" if question.tag else "",
    ))  # fmt: skip
    # Ids are in the same order as text, and PostgreSQL has no min(uuid).
    few = "" if question.state else "LIMIT %(n)s + 1"  # without a state each message has a row to show, but for the cursor's own
    return f"""
        WITH recent AS MATERIALIZED (
            SELECT id, subject, tags FROM delivery_message m WHERE true {_and_tenant(tenant_id, "m")} {_and_family_cursor(below, backwards)}
             ORDER BY id {_direction(backwards)} LIMIT %(window)s),
             matched AS MATERIALIZED (SELECT id FROM recent WHERE true {matches} ORDER BY id {_direction(backwards)} {few}),
             edge AS (SELECT CASE WHEN count(*) = %(window)s THEN {"NULL::uuid" if backwards else "min(id::text)::uuid"} END AS looked_to FROM recent)
        SELECT edge.looked_to, d.* FROM edge LEFT JOIN LATERAL (
            SELECT {_COLUMNS} FROM matched m CROSS JOIN LATERAL (
                SELECT * FROM delivery_delivery d
                 WHERE d.id > m.id AND d.id <= (left(m.id::text, 30) || 'ffffff')::uuid {_and_final(question)} {_and_cursor("d.id", below, backwards)}
                 ORDER BY d.id {_direction(backwards)} LIMIT %(n)s) d
             ORDER BY d.id {_direction(backwards)} LIMIT %(n)s) d ON true
         ORDER BY d.id {_direction(backwards)}"""


def _message_join(question: Question) -> str:
    if not (question.subject or question.tag):
        return ""
    asked = " ".join((
        "AND m.subject ILIKE %(subject)s" if question.subject else "",
        "AND m.tags @> ARRAY[%(tag)s]::text[]" if question.tag else "",
    ))  # fmt: skip
    return f"JOIN delivery_message m ON m.id = (left(d.id::text, 30) || '000000')::uuid {asked}"


def _and_tenant(tenant_id: int | None, table: str = "d") -> str:
    return f"AND {table}.tenant_id = %(tenant)s" if tenant_id is not None else ""


def _and_final(question: Question) -> str:
    if not question.state:
        return ""
    if question.state in LIVE:
        return f"AND d.final IS NULL AND EXISTS (SELECT FROM ({LIVE[DeliveryState(question.state)]}) q WHERE q.id = d.id)"
    return "AND d.final = %(state)s"


def _and_cursor(column: str, below: UUID | None, backwards: bool) -> str:
    return f"AND {column} > %(above)s" if backwards else f"AND {column} < %(below)s" if below else ""


def _and_family_cursor(below: UUID | None, backwards: bool) -> str:
    """Messages whose deliveries may lie beyond the cursor: the cursor's own message among them."""
    if backwards:
        return "AND m.id >= (left(%(above)s::text, 30) || '000000')::uuid"
    return "AND m.id < %(below)s" if below else ""


def _direction(backwards: bool) -> str:
    return "ASC" if backwards else "DESC"


def _all(sql: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _found(rows: Sequence[dict[str, Any]]) -> tuple[Found, ...]:
    """Rows with the words that belong to them: a handful of lookups by key, however long the page."""
    messages = _messages({message_of(row["id"]) for row in rows})
    live = whereabouts([row["id"] for row in rows if row["final"] is None])
    providers = dict(Provider.objects.filter(id__in={_provider(row, live) for row in rows}).values_list("id", "name"))
    tenants = dict(Tenant.objects.filter(id__in={row["tenant_id"] for row in rows}).values_list("id", "title"))
    found = []
    for row in rows:
        message_id = message_of(row["id"])
        subject, purpose = messages.get(message_id, ("", Purpose.TRANSACTIONAL))
        place = live.get(row["id"], UNSEEN)
        found.append(
            Found(
                id=row["id"], message_id=message_id, at=datetime.fromtimestamp(id_time_ms(row["id"]) / 1000, UTC), recipient=row["recipient"],
                state=row["final"] or place.state, reason=row["reason"], reply=row["reply"], provider=providers.get(_provider(row, live), ""),
                subject=subject, tenant=tenants.get(row["tenant_id"], str(row["tenant_id"])), purpose=Purpose(purpose).label,
            )
        )  # fmt: skip
    return tuple(found)


def _provider(row: dict[str, Any], live: dict[UUID, Place]) -> int:
    return row["provider_id"] or live.get(row["id"], UNSEEN).provider_id or 0


def _messages(ids: set[UUID]) -> dict[UUID, tuple[str, int]]:
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, subject, purpose FROM delivery_message WHERE id = ANY (%s)", [list(ids)])
        return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}


def _address(text: str) -> str:
    """As deliveries keep it: the domain in lower case and A-labels."""
    local, at, domain = text.strip().strip("<>").rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        pass
    return f"{local}{at}{domain.lower()}"


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
