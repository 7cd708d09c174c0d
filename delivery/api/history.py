"""History: what the API tells of messages: lists, and one message with deliveries, attempts and events.

All reads name the tenant; ids bound the partitions. A list that would have to look through too much is cut off after
TIMEOUT_MS and says so, instead of burdening the database.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import Cursor
from psycopg.rows import dict_row

from delivery.api.waiting import waiting_for
from delivery.classify.dsn import dsn
from delivery.models import DeliveryState
from delivery.queue.states import FAMILY_END, OF_DELIVERY, state_counts, states_of
from mailplatform.shell.ids import delivery_of, family_end, lowest_id_at

TIMEOUT_MS = 5_000
WAITS = (DeliveryState.SCHEDULED, DeliveryState.QUEUED, DeliveryState.DEFERRED, DeliveryState.HELD)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is asked for; None: everything."""

    state: DeliveryState | None = None
    recipient: str | None = None
    tag: str | None = None
    stream: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_MESSAGE = """m.id, m.sender AS "from", m.subject, s.name AS stream, m.tags, m.metadata, m.recipients, m.size_bytes, m.send_at, m.expires_at, m.created_at"""
LIST = f"""
    SELECT {_MESSAGE}
      FROM delivery_message m
      LEFT JOIN pools_stream s ON s.id = m.stream_id
     WHERE m.tenant_id = %(tenant)s AND m.id < %(before)s AND m.id >= %(floor)s {{conditions}}
     ORDER BY m.id DESC
     LIMIT %(limit)s
"""  # index message_of_tenant
# The recipient's deliveries lead to their messages (index delivery_of_recipient); the range keeps to the asked days.
BY_RECIPIENT = """
    AND m.id IN (SELECT overlay(d.id::text placing '000000' from 31)::uuid
                   FROM delivery_delivery d
                  WHERE d.recipient = ANY (%(recipients)s) AND d.tenant_id = %(tenant)s AND d.id < %(before)s AND d.id >= %(floor)s)
"""
BY_STATE = f"""
    AND EXISTS (SELECT FROM delivery_delivery d WHERE d.id BETWEEN m.id AND {FAMILY_END} AND {OF_DELIVERY} = %(state)s)
"""
BY_TAG = "AND m.tags @> ARRAY[%(tag)s]"
BY_STREAM = "AND s.name = %(stream)s AND s.tenant_id = %(tenant)s"
_HIGHEST = UUID(int=2**128 - 1)


def list_messages(cursor: Cursor, tenant_id: int, filters: Filters, before: UUID | None, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` messages older than `before`, newest first, with how many of their deliveries are in which state."""
    ceiling = min(before or _HIGHEST, lowest_id_at(_ms(filters.until)) if filters.until else _HIGHEST)
    conditions = "".join(
        sql for asked, sql in ((filters.recipient, BY_RECIPIENT), (filters.tag, BY_TAG), (filters.stream, BY_STREAM), (filters.state, BY_STATE)) if asked
    )
    cursor.execute(f"SET LOCAL statement_timeout = {TIMEOUT_MS}")
    rows = _dicts(cursor, LIST.format(conditions=conditions), {
        "tenant": tenant_id,
        "before": ceiling,
        "floor": lowest_id_at(_ms(filters.since) if filters.since else 0),
        "limit": limit,
        "recipients": _spellings(filters.recipient or ""),
        "tag": filters.tag,
        "stream": filters.stream,
        "state": filters.state and filters.state.value,
    })  # fmt: skip
    counts = state_counts(cursor, [row["id"] for row in rows])
    return [{**row, "states": counts[row["id"]]} for row in rows]


def _spellings(recipient: str) -> list[str]:
    """As given, and with the domain in lower case, as it is stored."""
    local, at, domain = recipient.rpartition("@")
    return list({recipient, f"{local}{at}{domain.lower()}"})


def _ms(at: datetime) -> int:
    return max(0, int(at.timestamp() * 1000))


ONE = f"SELECT {_MESSAGE} FROM delivery_message m LEFT JOIN pools_stream s ON s.id = m.stream_id WHERE m.id = %(id)s AND m.tenant_id = %(tenant)s"
DELIVERIES = """
    SELECT d.id, d.recipient AS "to", d.role, d.reason, d.reply, p.key AS provider, d.done_at
      FROM delivery_delivery d LEFT JOIN pools_provider p ON p.id = d.provider_id
     WHERE d.id BETWEEN %(id)s AND %(last)s AND d.tenant_id = %(tenant)s
     ORDER BY d.id
"""
ATTEMPTS = """
    SELECT a.id, a.started_at AS at, a.verdict, a.reason, a.fault, a.phase, a.code, a.enhanced, a.reply, a.mx_host, host(a.mx_address) AS mx_address, a.tls,
           host(i.address) AS sending_ip, p.key AS provider
      FROM delivery_attempt a LEFT JOIN pools_sendingip i ON i.id = a.ip_id LEFT JOIN pools_provider p ON p.id = a.provider_id
     WHERE a.id BETWEEN %(id)s AND %(last)s
     ORDER BY a.id
"""
EVENTS = """
    SELECT id, delivery_id, kind, at, data FROM delivery_event
     WHERE delivery_id = ANY (%(deliveries)s) AND tenant_id = %(tenant)s AND id >= %(id)s
     ORDER BY at, id
"""


def one_message(cursor: Cursor, tenant_id: int, message_id: UUID) -> dict[str, Any] | None:
    """The message with everything that befell it; None when this tenant has no such message."""
    last = family_end(message_id)
    params = {"id": message_id, "last": last, "tenant": tenant_id}
    found = _dicts(cursor, ONE, params)
    if not found:
        return None
    states = states_of(cursor, message_id)
    deliveries = {
        row["id"]: {**row, "state": (state := states.get(row["id"], "queued")), "dsn": _dsn(state, row), "waiting_for": None, "attempts": []}
        for row in _dicts(cursor, DELIVERIES, params)
    }
    for row in _dicts(cursor, ATTEMPTS, params):
        delivery = deliveries.get(delivery_of(row["id"]))
        if delivery is not None:
            delivery["attempts"].append({"number": row.pop("id").int & 0xFF, **row})
    live = {id_: (one["attempts"] or [None])[-1] for id_, one in deliveries.items() if one["state"] in WAITS}
    for id_, waits in waiting_for(live).items():
        deliveries[id_]["waiting_for"] = waits
    events = _dicts(cursor, EVENTS, {**params, "deliveries": [message_id, *deliveries]})
    return {**found[0], "deliveries": list(deliveries.values()), "events": [_event(row) for row in events]}


def _dsn(state: str, row: dict[str, Any]) -> dict[str, str] | None:
    said = dsn(state, row["reason"], row["reply"])
    return asdict(said) if said else None


def _event(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "id"}


def _dicts(cursor: Cursor, sql: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows as they are answered. Django's connection hands jsonb over as text."""
    with Cursor(cursor.connection, row_factory=dict_row) as rows:
        found = rows.execute(sql, params).fetchall()
    for row in found:
        row.update((name, orjson.loads(row[name])) for name in ("metadata", "data") if isinstance(row.get(name), str))
    return found

