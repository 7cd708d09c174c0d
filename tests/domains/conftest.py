"""A tenant with a stream, a pool and two sending IPs, a domain that it claims, and a real DNS server on loopback."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from delivery.domains import keys
from delivery.domains.plan import plan_of
from delivery.domains.records import records_of
from delivery.submit.facts import forget_cached
from mailplatform.tenants.models import DkimKey, DomainCheck, SendingDomain, Tenant
from pools.models import Node, Pool, PoolMember, SendingIP, Stream, Zone
from pools.purposes import Purpose
from tests.resolver.zones import Zones

RETURN_PATH = "bounces.platform.test"
ADDRESSES = ("192.0.2.10", "192.0.2.11")


@pytest.fixture
def dns(settings: Any) -> Iterator[Zones]:
    """Says all of the platform's own records right."""
    settings.RETURN_PATH_DOMAIN = RETURN_PATH
    with Zones() as zones:
        settings.RESOLVER = zones.server
        zones.records[RETURN_PATH, "MX"] = ["10 mx.platform.test."]
        zones.records["mx.platform.test", "A"] = ["192.0.2.1"]
        say(zones, RETURN_PATH, f"v=spf1 {' '.join(f'ip4:{address}' for address in ADDRESSES)} -all")
        for n, address in enumerate(ADDRESSES):
            zones.records[".".join(reversed(address.split("."))) + ".in-addr.arpa", "PTR"] = [f"mta-{n}.platform.test."]
            zones.records[f"mta-{n}.platform.test", "A"] = [address]
        yield zones


@dataclass
class House:
    """One tenant and its domain."""

    tenant: Tenant
    domain: SendingDomain
    dns: Zones

    def publish(self, *checks: str) -> None:
        """Put what is asked for into DNS; of these checks only, if any are named."""
        plan = plan_of(SendingDomain.objects.get(pk=self.domain.pk))
        for record in records_of(plan):
            if not record.ours and record.check != "from_spf" and (not checks or record.check in checks):
                if record.type == "TXT":
                    say(self.dns, record.name, record.value)
                else:
                    self.dns.records[record.name, record.type] = [record.value + "."]
        self.dns.records[self.domain.name, "MX"] = [f"10 mx.{self.domain.name}."]

    def answer(self, kind: str, subject: str = "") -> DomainCheck:
        return DomainCheck.objects.get(domain=self.domain, kind=kind, subject=subject)

    def key(self, algorithm: str = "rsa-sha256", **wanted: Any) -> DkimKey:
        return DkimKey.objects.get(domain=self.domain, algorithm=algorithm, **wanted)

    def fresh(self) -> SendingDomain:
        return SendingDomain.objects.get(pk=self.domain.pk)


def say(zones: Zones, name: str, *texts: str) -> None:
    """TXT records, cut into strings as a zone file has them."""
    zones.records[name, "TXT"] = [" ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255)) for text in texts]


def make_house(dns: Zones, name: str, domain: str) -> House:
    forget_cached()
    tenant = Tenant.objects.create(name=name, title=name.title())
    pool, is_new = Pool.objects.get_or_create(name="shared")
    if is_new:
        node = Node.objects.create(zone=Zone.objects.create(name="z"), name="z-1")
        for n, address in enumerate(ADDRESSES):
            PoolMember.objects.create(pool=pool, ip=SendingIP.objects.create(node=node, address=address, ehlo_name=f"mta-{n}.platform.test"))
    Stream.objects.create(tenant=tenant, name="news", purpose=Purpose.MARKETING, pool=pool, is_default=True)
    claimed = SendingDomain.objects.create(tenant=tenant, name=domain)
    keys.add_keys(claimed)
    return House(tenant, claimed, dns)


@pytest.fixture
def house(db: None, dns: Zones) -> House:
    return make_house(dns, "acme", "acme.test")
