"""Sending IPs, a simulated internet with its block lists on loopback, and a round that is made by hand with a time that the test owns."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from mailplatform.sandbox.aside import Aside, running
from mailplatform.shell.clock import now
from pools.listings.models import DnsblZone, Listing, ListingPolicy
from pools.listings.round import ListingsRound
from pools.listings.zones import load_zones
from pools.models import Node, SendingIP, Zone
from tests.resolver.zones import Zones

HERE = "127.10.1."


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aside]:
    with running(tmp_path_factory.mktemp("internet") / "sandbox") as aside:
        yield aside


@pytest.fixture
def well(internet: Aside) -> Aside:
    """The same, as it was at its start."""
    world = internet.world
    world.lists.modes.clear()
    world.lists.errors.clear()
    for listed in world.lists.listed.values():
        listed.clear()
    world.directory.names_of.clear()
    world.directory.mode = "ok"
    return internet


@pytest.fixture
def ips(db: None) -> list[SendingIP]:
    node = Node.objects.create(zone=Zone.objects.create(name="z"), name="z-1")
    name = "ip-127-10-1-{}.senders.test"
    return [SendingIP.objects.create(node=node, address=f"{HERE}{n}", ehlo_name=name.format(n)) for n in range(1, 7)]


@pytest.fixture
def dns() -> Iterator[Zones]:
    with Zones() as zones:
        yield zones


@dataclass
class Watch:
    """A steward's round and its clock."""

    at: datetime = field(default_factory=now)
    round: ListingsRound = field(default_factory=ListingsRound)

    def step(self, seconds: float = 0.0) -> None:
        """Time passes; the round is made, what it asked is awaited, and it is made again to hear the answers."""
        self.at += timedelta(seconds=seconds)
        self.round(self.at)
        for thread in threading.enumerate():
            if thread.name == "listings":
                thread.join(20)
        while not self.round._results.empty():
            self.round._take_in(ListingPolicy.objects.get(mode="sandbox"), self.at)

    def steps(self, count: int = 3, seconds: float = 5.0) -> None:
        for _ in range(count):
            self.step(seconds)


@pytest.fixture
def watch(ips: list[SendingIP], well: Aside, settings: Any) -> Watch:
    """It asks the sandbox's DNS about six IPs; the list of domains and all lists but zen and SpamCop are off."""
    load_zones()
    DnsblZone.objects.exclude(zone__in=["zen.spamhaus.org", "bl.spamcop.net"]).update(asked="never")
    settings.RESOLVER = well.resolver
    return Watch()


def open_listings() -> dict[tuple[str, str], str]:
    return {(str(row.ip or row.domain), row.zone): row.severity for row in Listing.objects.filter(cleared_at=None).select_related("ip")}


def zone(name: str = "zen.spamhaus.org") -> DnsblZone:
    return DnsblZone.objects.get(zone=name)
