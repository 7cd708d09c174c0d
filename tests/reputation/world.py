"""A small platform for rounds: two tenants, pools, IPs with paths to a provider; minutes are written as engines write them; time is the test's."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mailplatform.tenants.models import Tenant
from pools.models import Node, Path, PathMinute, Pool, PoolMember, Provider, SendingIP, Stream, Zone
from pools.purposes import Purpose
from pools.reputation.models import BlockEvidence, ReputationPolicy
from pools.reputation.round import EVERY_S, Memory, begin

START = datetime(2026, 3, 5, 10, 0, 30, tzinfo=UTC)
POOR = "554 5.7.1 Client host rejected due to poor reputation"


@dataclass
class World:
    """`round()` makes one round; `passes()` several, with time going on."""

    tenants: list[Tenant]
    streams: list[Stream]
    pool: Pool
    ips: list[SendingIP]
    provider: Provider
    at: datetime = START
    make: Any = field(default=None)

    @classmethod
    def build(cls, ips: int = 4, **policy: Any) -> "World":
        ReputationPolicy.objects.create(**policy)
        zone, _ = Zone.objects.get_or_create(name="north")
        node, _ = Node.objects.get_or_create(zone=zone, name="north-1")
        addresses = [SendingIP.objects.create(node=node, address=f"127.10.1.{n}", ehlo_name=f"mta-{n}.example") for n in range(1, ips + 1)]
        pool = Pool.objects.create(name="shared")
        PoolMember.objects.bulk_create(PoolMember(pool=pool, ip=ip) for ip in addresses)
        tenants = [Tenant.objects.create(name=name, title=name.title()) for name in ("harbour", "lumen")]
        streams = [Stream.objects.create(tenant=tenant, name="marketing", purpose=Purpose.MARKETING, pool=pool) for tenant in tenants]
        provider = Provider.objects.create(key="google", name="Gmail")
        for ip in addresses:
            Path.objects.create(ip=ip, provider=provider, updated_at=START)
        return cls(tenants, streams, pool, addresses, provider, make=begin())

    def another_provider(self, key: str) -> Provider:
        provider = Provider.objects.create(key=key, name=key.title())
        for ip in self.ips:
            Path.objects.create(ip=ip, provider=provider, updated_at=START)
        return provider

    def sends(self, ip: int, attempted: int, provider: Provider | None = None, **counters: int) -> None:
        """Added to this minute, as an engine adds."""
        of = {"ip_id": self.ips[ip].pk, "provider_id": (provider or self.provider).pk, "minute": self.at.replace(second=0, microsecond=0)}
        row, _ = PathMinute.objects.get_or_create(**of)
        bad = sum(counters.values())
        for name, count in {"attempted": attempted, "delivered": max(0, attempted - bad), **counters}.items():
            setattr(row, name, getattr(row, name) + count)
        row.save()

    def is_blocked(self, ip: int, by_tenant: dict[int, int], provider: Provider | None = None, rule: str = "x-poor-rep", named: bool = False) -> None:
        """So many refusals of each tenant's campaign."""
        self.sends(ip, sum(by_tenant.values()), provider, blocked=sum(by_tenant.values()))
        for tenant, count in by_tenant.items():
            BlockEvidence.objects.update_or_create(
                minute=self.at.replace(second=0, microsecond=0), ip_id=self.ips[ip].pk, provider_id=(provider or self.provider).pk,
                tenant_id=self.tenants[tenant].pk, stream_id=self.streams[tenant].pk, fingerprint=tenant + 1,
                defaults={"pool_id": self.pool.pk, "blocked": count, "named": count * named, "reason": "block.ip_reputation", "rule": rule, "reply": POOR},
            )  # fmt: skip

    def round(self, make: Any = None) -> None:
        (make or self.make)(self.at)

    def passes(self, seconds: float, traffic: int = 0) -> None:
        """Rounds at their pace; `traffic` clean answers a round on every path that may send."""
        end = self.at + timedelta(seconds=seconds)
        while self.at < end:
            self.at += timedelta(seconds=EVERY_S)
            if traffic:
                for path in Path.objects.filter(state__in=("open", "probation"), ip__state="active").select_related("ip"):
                    self.sends(self.ips.index(path.ip), traffic, path.provider)
            self.round()

    def path(self, ip: int, provider: Provider | None = None) -> Path:
        return Path.objects.select_related("standing").get(ip=self.ips[ip], provider=provider or self.provider)

    def memory(self) -> Memory:
        found: list[Memory] = self.make.__closure__[0].cell_contents
        return found[0]
