"""A house of eight paths in a migrated database: one node, eight sending IPs, one pool, two providers that are reached by routes."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import Connection

from delivery.queue.put import NewBody, NewDelivery, NewMessage, put
from delivery.queue.wake import notify
from mailplatform.shell.ids import delivery_id, message_id

NODE = "routing-1"
DOMAINS = {"google": "gmail.com", "microsoft_consumer": "outlook.com"}
LONG_S = 86_400.0
MIME = b"From: a@routing.example\r\nSubject: hello\r\n\r\n" + b"Hello there. " * 300 + b"\r\n"
_EMPTY = """
    TRUNCATE delivery_ready, delivery_waiting, delivery_claimed, delivery_attempt, delivery_event, delivery_delivery, delivery_message, delivery_body,
             delivery_engine, delivery_iplease, delivery_lane, delivery_fairtag, pools_path, pools_allowancebucket, pools_pathminute, pools_streamminute,
             pools_staticroute, pools_domainprovider CASCADE
"""


@dataclass(frozen=True, slots=True)
class House:
    tenant: int
    streams: tuple[int, ...]  # by purpose
    domain: int
    pool: int
    ips: Mapping[str, int]
    providers: Mapping[str, int]


def build(connection: Connection, addresses: Sequence[str], connections: int) -> House:
    """Once a database."""
    zone = _id(connection, "INSERT INTO pools_zone (name, title, state) VALUES ('routing', '', 'active') RETURNING id")
    node = _id(connection, "INSERT INTO pools_node (zone_id, name, state, engine_slots) VALUES (%s, %s, 'active', 1) RETURNING id", zone, NODE)
    pool = _id(connection, "INSERT INTO pools_pool (name, kind) VALUES ('routing', 'shared') RETURNING id")
    tenant = _insert(connection, "tenants_tenant", name="routing", title="Routing")
    streams = tuple(_insert(connection, "pools_stream", tenant_id=tenant, name=f"mail-{n}", purpose=n, pool_id=pool, is_default=False) for n in (0, 1))
    domain = _insert(connection, "tenants_sendingdomain", tenant_id=tenant, name="routing.example")
    ips = {}
    for address in addresses:
        ips[address] = _insert(connection, "pools_sendingip", node_id=node, address=address, ehlo_name=f"{address.replace('.', '-')}.routing.example",
                               egress="bind", proxy="", state="active")  # fmt: skip
        _insert(connection, "pools_poolmember", pool_id=pool, ip_id=ips[address], own=True)
    limits = json.dumps({"connections": connections, "connections_per_minute": None, "per_second": None, "per_minute": None, "per_hour": None, "per_day": None})
    connection.execute("UPDATE pools_provider SET overrides = %s::jsonb WHERE key = ANY (%s)", [limits, list(DOMAINS)])
    providers: dict[str, int] = dict(connection.execute("SELECT key, id FROM pools_provider WHERE key = ANY (%s)", [list(DOMAINS)]).fetchall())
    return House(tenant, streams, domain, pool, ips, providers)


def tidy(connection: Connection, house: House, ports: Mapping[str, int], per_minute: Mapping[str, int]) -> None:
    """Before each run: empty queues, no memory of any path but the rates that some have been given."""
    connection.execute(_EMPTY)
    now, wall_s = datetime.now(UTC), time.time()
    for key, domain in DOMAINS.items():
        _insert(connection, "pools_domainprovider", domain=domain, provider_id=house.providers[key], hosts="[]", sorted_at=now,
                expires_at=now + timedelta(days=1), key="domain")  # fmt: skip
        _insert(connection, "pools_staticroute", match=f"provider:{key}", host="127.0.0.1", port=ports[key], tls="none", username="", note="",
                password_encrypted=b"")  # fmt: skip
        for address, rate in per_minute.items():
            learned = json.dumps({"per_minute": [rate, 10 * rate, wall_s, wall_s + LONG_S]})
            _insert(connection, "pools_path", ip_id=house.ips[address], provider_id=house.providers[key], learned=learned, updated_at=now)


def send(connection: Connection, house: House, several: Sequence[tuple[int, str, int]]) -> list[str]:
    """Messages (number, provider, purpose), stored and announced as the API does it; their deliveries' ids."""
    messages = [_message(house, *one) for one in several]
    with connection.transaction(), connection.cursor() as cursor:
        placed = put(cursor, messages)
    notify(connection, placed.lanes)
    return [str(message.deliveries[0].id) for message in messages]


def _message(house: House, number: int, provider: str, purpose: int) -> NewMessage:
    ours, now = message_id(), datetime.now(UTC)
    delivery = NewDelivery(delivery_id(ours, 1), f"user{number}@{DOMAINS[provider]}", DOMAINS[provider])
    body = NewBody(ours, MIME, MIME.index(b"\r\n\r\n") + 2, b"\0" * 32)
    return NewMessage(ours, house.tenant, house.streams[purpose], house.pool, purpose, body, house.domain, "a@routing.example", "hello", len(MIME),
                      (delivery,), now + timedelta(days=1), now, fingerprint=number + 1)  # fmt: skip


def _insert(connection: Connection, table: str, key: str = "id", **values: object) -> int:
    """A row; what is not named and has no default in the database gets its type's empty value."""
    known = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL"
        " AND is_identity = 'NO'", [table]).fetchall()  # fmt: skip
    for name, kind in known:
        values.setdefault(name, _EMPTY_VALUES.get(kind, ""))
    names = ", ".join(f'"{name}"' for name in values)
    return _id(connection, f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(values))}) RETURNING {key}", *values.values())


def _id(connection: Connection, statement: str, *parameters: object) -> int:
    row = connection.execute(statement, parameters or None).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


_EMPTY_VALUES: dict[str, object] = {
    "boolean": False, "jsonb": "{}", "integer": 0, "bigint": 0, "smallint": 0, "double precision": 100.0, "ARRAY": [],
    "timestamp with time zone": datetime.now(UTC), "bytea": b"",
}  # fmt: skip
