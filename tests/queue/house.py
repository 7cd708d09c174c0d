"""A small house to queue mail in: a tenant or two, streams, pools, providers; and messages made quickly."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.db import connection

from delivery.queue.put import NewBody, NewDelivery, NewMessage, Placed, put
from mailplatform.shell.ids import delivery_id, message_id
from mailplatform.tenants.models import SendingDomain, Tenant
from pools.models import DomainProvider, Node, Pool, PoolMember, Provider, SendingIP, Stream, Zone
from pools.purposes import Purpose

# pg_locks shows all databases of a server, and the tests' other workers have theirs beside this one.
OURS = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"


def connect(**options: Any) -> psycopg.Connection:
    """A plain connection to this test's database, as engines have them."""
    parameters = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    return psycopg.connect(**{name: parameters[name] for name in names if parameters.get(name)}, autocommit=True, **options)


@dataclass
class House:
    tenant: Tenant
    domain: SendingDomain
    pool: Pool
    streams: dict[Purpose, Stream]
    node: Node
    ips: list[SendingIP]

    @classmethod
    def build(cls, name: str = "harbour", pool: Pool | None = None) -> "House":
        tenant = Tenant.objects.create(name=name, title=name.title(), transactional_rate_per_s=1e6)
        zone, _ = Zone.objects.get_or_create(name="north")
        node, _ = Node.objects.get_or_create(zone=zone, name="north-1")
        ips = [SendingIP.objects.get_or_create(node=node, address=f"127.10.1.{n}", ehlo_name=f"mta-{n}.platform.example")[0] for n in (1, 2)]
        if pool is None:
            pool = Pool.objects.create(name="shared")
            PoolMember.objects.bulk_create(PoolMember(pool=pool, ip=ip) for ip in ips)
        streams = {purpose: Stream.objects.create(tenant=tenant, name=purpose.label, purpose=purpose, pool=pool) for purpose in Purpose}
        domain = SendingDomain.objects.create(tenant=tenant, name=f"{name}.example", verified_at=datetime.now(UTC))
        return cls(tenant, domain, pool, streams, node, ips)

    def message(self, *recipients: str, purpose: Purpose = Purpose.TRANSACTIONAL, size: int = 1000, **changed: Any) -> NewMessage:
        ours, now = message_id(), datetime.now(UTC)
        deliveries = tuple(NewDelivery(delivery_id(ours, n), recipient, recipient.rpartition("@")[2]) for n, recipient in enumerate(recipients, 1))
        values: dict[str, Any] = {
            "id": ours, "tenant_id": self.tenant.id, "stream_id": self.streams[purpose].id, "pool_id": self.pool.id, "purpose": int(purpose),
            "body": NewBody(ours, b"Subject: x\r\n\r\nHello\r\n", 12, b"\0" * 32), "domain_id": self.domain.id, "sender": f"a@{self.domain.name}",
            "subject": "x", "size_bytes": size, "deliveries": deliveries, "expires_at": now + timedelta(days=1), "created_at": now,
        }  # fmt: skip
        return NewMessage(**{**values, **changed})

    def put(self, *messages: NewMessage) -> Placed:
        with connect() as raw, raw.transaction(), raw.cursor() as cursor:
            return put(cursor, messages)


def knows(domain: str, key: str = "google") -> Provider:
    """Make a domain's provider known, as sorting does."""
    provider, _ = Provider.objects.get_or_create(key=key, defaults={"name": key})
    now = datetime.now(UTC)
    values = {"provider": provider, "hosts": [[10, f"mx.{domain}"]], "sorted_at": now, "expires_at": now + timedelta(hours=1)}
    DomainProvider.objects.update_or_create(domain=domain, defaults=values)
    return provider


def rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connect() as raw:
        return raw.execute(query, parameters or None).fetchall()


@contextmanager
def engine(house: House, slot: int = 0) -> Iterator[int]:
    """A registered engine's id; its row is gone afterwards."""
    from delivery.queue.fence import evict, register

    with connect() as raw:
        number = register(raw, house.node.name, slot, 1)
        assert number is not None
        try:
            yield number
        finally:
            evict(raw, number)


Change = Callable[..., Any]
