"""A pool with the catalogue's providers, an IP that joins it, and what engines would write of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from mailplatform.shell.clock import now
from pools.models import Node, Path, PathMinute, Pool, PoolMember, Provider, SendingIP, Zone
from pools.providers.load import load_catalogue
from warming import round as warming_round
from warming.plans import load_plans
from warming.start import first_policy, policy
from warming.warmups import WarmingPolicy, Warmup

CLOCK: list[datetime] = []  # of the rounds; what happens, happens then
COUNTERS = ("attempted", "delivered", "deferred", "blocked", "bounced_recipient", "complaints")


@dataclass
class House:
    node: Node
    pool: Pool
    numbers: int = 0

    def new_ip(self, joins: bool = True) -> SendingIP:
        self.numbers += 1
        ip = SendingIP.objects.create(node=self.node, address=f"192.0.2.{self.numbers}", ehlo_name=f"mta{self.numbers}.platform.example")
        if joins:
            PoolMember.objects.create(pool=self.pool, ip=ip)
        return ip

    def rules(self, **changed: object) -> WarmingPolicy:
        WarmingPolicy.objects.update(**changed)
        rules = policy()
        assert rules is not None
        return rules


def warmup(ip: SendingIP, provider: str = "google") -> Warmup:
    return Warmup.objects.select_related("ip", "provider", "plan").get(ip=ip, provider__key=provider, state__in=Warmup.RUNNING)


def path(ip: SendingIP, provider: str = "google") -> Path:
    return Path.objects.get(ip=ip, provider__key=provider)


def happened(ip: SendingIP, provider: str = "google", at: datetime | None = None, **counts: int) -> None:
    """As an engine adds it to the minute."""
    minute = (at or (CLOCK[0] if CLOCK else now())).replace(second=0, microsecond=0)
    row, _ = PathMinute.objects.get_or_create(ip_id=ip.pk, provider_id=Provider.objects.get(key=provider).pk, minute=minute)
    for name, amount in counts.items():
        setattr(row, name, getattr(row, name) + amount)
    row.save()


def clean(ip: SendingIP, provider: str = "google", n: int = 1, at: datetime | None = None) -> None:
    happened(ip, provider, at, attempted=n, delivered=n)


@pytest.fixture
def house(request: pytest.FixtureRequest) -> House:
    request.getfixturevalue("transactional_db" if request.node.get_closest_marker("django_db").kwargs.get("transaction") else "db")
    load_catalogue()
    load_plans()
    first_policy()
    zone = Zone.objects.create(name="north")
    return House(Node.objects.create(zone=zone, name="north-1"), Pool.objects.create(name="shared"))


@pytest.fixture
def rounds(house: House) -> Iterator[Callable[..., None]]:
    """Rounds of one steward, ten seconds apart unless told otherwise."""
    act = warming_round.begin()
    CLOCK[:] = [now()]

    def make(n: int = 1, after: timedelta = timedelta(seconds=10)) -> None:
        for _ in range(n):
            CLOCK[0] += after
            act(CLOCK[0])

    yield make
    CLOCK.clear()
