"""Two zones with a node and two sending IPs each, one pool over both, and mail that went in the last minutes."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from mailplatform.shell.clock import now
from mailplatform.tenants.models import Tenant
from pools.models import Node, PathMinute, Pool, PoolMember, Provider, SendingIP, Stream, StreamMinute, Zone


@dataclass
class Places:
    north: Node
    south: Node
    pool: Pool
    stream: Stream
    gmail: Provider

    def ip(self, number: int) -> SendingIP:
        return SendingIP.objects.get(address=f"192.0.2.{number}")

    def sent(self, ip: SendingIP, count: int, minutes_ago: int = 2, answer_ms: int = 100) -> None:
        """As an engine writes it."""
        minute = now().replace(second=0, microsecond=0) - timedelta(minutes=minutes_ago)
        PathMinute.objects.create(
            ip_id=ip.pk, provider_id=self.gmail.pk, minute=minute, attempted=count, delivered=count, latency_ms_sum=count * answer_ms
        )
        StreamMinute.objects.create(
            stream_id=self.stream.pk, tenant_id=self.stream.tenant_id, purpose=self.stream.purpose, pool_id=self.pool.pk, provider_id=self.gmail.pk,
            minute=minute, attempted=count, delivered=count,
        )  # fmt: skip


@pytest.fixture
def places(transactional_db: None) -> Places:
    nodes = [Node.objects.create(zone=Zone.objects.create(name=name), name=f"{name}-1") for name in ("north", "south")]
    pool = Pool.objects.create(name="shared")
    for number, node in enumerate((nodes[0], nodes[0], nodes[1], nodes[1]), 1):
        ip = SendingIP.objects.create(node=node, address=f"192.0.2.{number}", ehlo_name=f"mta{number}.platform.example")
        PoolMember.objects.create(pool=pool, ip=ip)
    stream = Stream.objects.create(tenant=Tenant.objects.create(name="harbour"), name="mail", purpose=0, pool=pool)
    Provider.objects.create(key="default", name="Others", is_tail=False)
    gmail = Provider.objects.create(key="google", name="Gmail", facts={"limits": {"message_rate": {"value": "600/min"}}})
    return Places(*nodes, pool, stream, gmail)
