"""A few tenants on a shared pool, and what became of their mail, as stream minutes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailplatform.shell.clock import now
from mailplatform.tenants.models import Tenant
from pools.models import Pool, PoolMember, Provider, Stream, StreamMinute
from pools.neighbours import policy
from pools.neighbours.models import NeighboursPolicy
from pools.neighbours.round import begin
from pools.purposes import Purpose


def asks(**changed: object) -> NeighboursPolicy:
    """The one place where tests say what is asked of tenants; what they do not name is as shipped, but newcomers' caps and alignment."""
    policy.forget_cached()
    fields = {"caps_newcomers": False, "asks_alignment": False, **changed}
    return NeighboursPolicy.objects.update_or_create(pk=1, defaults=fields)[0]


@dataclass
class Neighbour:
    tenant: Tenant
    streams: dict[Purpose, Stream]

    @classmethod
    def build(cls, name: str, pool: Pool | None = None, days_old: float = 0) -> "Neighbour":
        tenant = Tenant.objects.create(name=name, title=name.title())
        if days_old:
            Tenant.objects.filter(pk=tenant.pk).update(created_at=now() - timedelta(days=days_old))
            tenant.refresh_from_db()
        pool = pool or Pool.objects.get_or_create(name="shared")[0]
        streams = {purpose: Stream.objects.create(tenant=tenant, name=purpose.label, purpose=purpose, pool=pool) for purpose in Purpose}
        return cls(tenant, streams)

    def had(self, delivered: int, bounced: int = 0, complaints: int = 0, *, purpose: Purpose = Purpose.MARKETING, ago: timedelta = timedelta(minutes=5),
            provider: str = "google", suppressed: int = 0) -> None:  # fmt: skip
        """So much became of its mail in one minute."""
        stream, minute = self.streams[purpose], (now() - ago).replace(second=0, microsecond=0)
        number = Provider.objects.get_or_create(key=provider, defaults={"name": provider.title()})[0].pk
        row, _ = StreamMinute.objects.get_or_create(
            stream_id=stream.pk, tenant_id=self.tenant.pk, purpose=purpose, pool_id=stream.pool_id, provider_id=number, minute=minute
        )
        for column, count in {"attempted": delivered + bounced, "delivered": delivered, "bounced": bounced, "complaints": complaints}.items():
            setattr(row, column, getattr(row, column) + count)
        row.suppressed += suppressed
        row.save()

    @property
    def level(self) -> str:
        self.tenant = Tenant.objects.get(pk=self.tenant.pk)
        standing = getattr(self.tenant, "standing", None)
        return standing.level if standing else "good"

    def held(self) -> set[str]:
        return {stream.name for stream in Stream.objects.filter(tenant=self.tenant).exclude(held_why="")}


def a_round(at: datetime | None = None) -> None:
    begin()(at or now())


def graded(name: str, grade: str, ips: int = 1) -> Pool:
    from pools.models import Node, SendingIP, Zone

    node, _ = Node.objects.get_or_create(name="north-1", defaults={"zone": Zone.objects.get_or_create(name="north")[0]})
    pool = Pool.objects.create(name=name, grade=grade)
    for _n in range(ips):
        number = SendingIP.objects.count() + 1
        PoolMember.objects.create(pool=pool, ip=SendingIP.objects.create(node=node, address=f"127.10.9.{number}", ehlo_name=f"m{number}.platform.example"))
    return pool
