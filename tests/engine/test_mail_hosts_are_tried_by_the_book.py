"""From a site to a session: preference, fallback, families, and what a host's TLS has to prove; real DNS, real hosts on loopback."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from delivery.engine.outbox import Site
from delivery.engine.path import Path as Way
from delivery.engine.reach import Reach, in_order
from delivery.engine.vanish import Vanish
from delivery.smtp.failure import ConnectFailure
from delivery.smtp.session import Session
from delivery.smtp.target import Timeouts, TlsMode
from delivery.smtp.tls import TlsContexts
from delivery.smtp.wire import Failure
from delivery.sort.resolver import Resolver
from mailplatform.shell.addresses import AddressPolicy
from pools.providers.profile import Profile
from tests.resolver.zones import Zones
from tests.smtp.conftest import PATIENT
from tests.smtp.hostile import Line, Peer
from tests.tlspolicy.certificates import Made, make, server_context

ROOT = make("root", ca=True)


class Hosts:
    """Mail hosts at 127.0.0.n, all at one port, and the DNS that names them."""

    def __init__(self, zones: Zones, stack: ExitStack, folder: Path) -> None:
        self.zones, self.folder = zones, folder
        self._stack = stack
        self.peers: dict[str, Peer] = {}
        self.port = 0
        (folder / "ca.pem").write_bytes(ROOT.pem)
        self.resolver = Resolver(zones.server)
        own = SimpleNamespace(address="127.0.0.1", ehlo_name="out.test", proxy="")
        self.own = own
        hands: Any = SimpleNamespace(
            resolver=self.resolver,
            world=SimpleNamespace(ips={7: own}),
            setup=SimpleNamespace(timeouts=PATIENT, policy=AddressPolicy("sandbox")),
            tls=TlsContexts(folder / "ca.pem"),
            now=lambda: datetime.now(UTC),
            addresses=self._addresses,
            holes=None,
        )
        hands.vanish = Vanish(hands)
        self.reach = Reach(hands)
        self.way = Way.new(7, 3, Profile())

    async def _addresses(self, host: str, ipv6: bool) -> tuple[str, ...]:
        return tuple(address for address in await self.resolver.addresses(host) if (":" in address) == ipv6)

    def host(self, name: str, script: Callable[[Line], object], address: str = "", context: Any = None) -> Peer:
        address = address or f"127.0.0.{len(self.peers) + 2}"
        peer = self.peers[name] = self._stack.enter_context(Peer(script, context=context, address=address, port=self.port))
        self.port = peer.port
        self.zones.records.setdefault((name, "AAAA" if ":" in address else "A"), []).append(address)
        return peer

    def session(self, *hosts: str, ranks: tuple[int, ...] = (), tls: TlsMode = TlsMode.NONE, **fields: Any) -> Session:
        async def talk() -> Session:
            session = await self.reach.session(self.way, Site(hosts, self.port, tls, ranks=ranks or tuple(range(len(hosts))), **fields))
            session.abort()
            return session

        return asyncio.run(talk())

    def failure(self, *hosts: str, **fields: Any) -> ConnectFailure:
        with pytest.raises(ConnectFailure) as caught:
            self.session(*hosts, **fields)
        return caught.value

    def server(self, leaf: Made) -> Any:
        return server_context(self.folder, leaf)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    with Zones() as zones, ExitStack() as stack:
        yield Hosts(zones, stack, tmp_path)


def greets(line: Line) -> None:
    line.greet()
    line.stall()


def refuses(code: str) -> Callable[[Line], None]:
    def script(line: Line) -> None:
        line.say(f"{code} not now")
        line.stall()

    return script


def secures(line: Line) -> None:
    line.greet("STARTTLS")
    line.secure()
    line.hello()
    line.stall()


def test_the_most_preferred_host_that_can_be_reached_gets_the_mail(hosts: Hosts) -> None:
    hosts.host("mx2.peer.test", greets)
    hosts.zones.records["mx1.peer.test", "A"] = ["127.0.0.200"]  # nobody listens
    assert hosts.session("mx0.peer.test", "mx1.peer.test", "mx2.peer.test").host == "mx2.peer.test"  # the first has no address at all


def test_the_less_preferred_is_left_alone_while_the_other_answers(hosts: Hosts) -> None:
    first, second = hosts.host("mx1.peer.test", greets), hosts.host("mx2.peer.test", greets)
    assert hosts.session("mx1.peer.test", "mx2.peer.test").host == "mx1.peer.test"
    assert (first.connections, second.connections) == (1, 0)


def test_all_addresses_of_a_host_are_tried_before_the_next_host(hosts: Hosts) -> None:
    hosts.host("mx1.peer.test", greets)
    hosts.zones.records["mx1.peer.test", "A"].insert(0, "127.0.0.200")
    hosts.host("mx2.peer.test", greets)
    assert hosts.session("mx1.peer.test", "mx2.peer.test").host == "mx1.peer.test"


def test_equal_preferences_share_the_load_and_stay_before_the_others() -> None:
    """RFC 5321 §5.1: in random order, drawn anew for each connection."""
    site = Site(("a", "b", "c", "d"), 25, TlsMode.REQUIRED, ranks=(0, 0, 0, 1))
    draw = random.Random(4)
    orders = [tuple(in_order(site, draw)) for _ in range(300)]
    assert all(order[3] == "d" for order in orders)
    first = Counter(order[0] for order in orders)
    assert set(first) == {"a", "b", "c"} and min(first.values()) > 60
    assert in_order(Site(("a", "b"), 25, TlsMode.REQUIRED)) == ("a", "b")  # a route's hosts as they stand


def test_who_says_no_speaks_for_his_house_and_not_for_the_backups(hosts: Hosts) -> None:
    hosts.host("mx1.peer.test", refuses("421"))
    same = hosts.host("mx2.peer.test", greets)
    hosts.host("mx.backup.test", greets)
    assert hosts.session("mx1.peer.test", "mx2.peer.test", "mx.backup.test").host == "mx.backup.test"
    assert same.connections == 0  # it would count as one more of the connections that were too many
    failed = hosts.failure("mx1.peer.test", "mx2.peer.test")
    assert failed.reply is not None and failed.reply.code == 421 and failed.host == "mx1.peer.test"


def test_a_host_whose_tls_is_broken_gives_way_to_the_next_and_is_remembered(hosts: Hosts) -> None:
    broken = hosts.host("mx1.peer.test", greets)
    hosts.host("mx2.peer.test", secures, context=hosts.server(make("mx2", names=("mx2.peer.test",))))
    for _ in range(3):
        assert hosts.session("mx1.peer.test", "mx2.peer.test", tls=TlsMode.REQUIRED).tls.endswith(" unverified")
    assert broken.connections == 1  # it is not asked again by every connection
    failed = hosts.failure("mx1.peer.test", tls=TlsMode.REQUIRED)
    assert failed.failure is Failure.TLS_NOT_OFFERED and failed.wait_s > 20 and broken.connections == 1
    assert hosts.session("mx1.peer.test", tls=TlsMode.NONE).host == "mx1.peer.test"  # an operator's exception does not wait


def test_a_policy_is_kept_to_host_by_host(hosts: Hosts) -> None:
    good, other = make("mx1", ROOT, names=("mx1.peer.test",)), make("mx2", ROOT, names=("elsewhere.test",))
    hosts.host("mx2.peer.test", secures, context=hosts.server(other))
    barred = hosts.host("mx3.peer.test", secures, context=hosts.server(good))
    hosts.host("mx1.peer.test", secures, context=hosts.server(good))
    asked = {"tls": TlsMode.MTA_STS, "barred": ("mx3.peer.test",)}
    assert hosts.session("mx3.peer.test", "mx2.peer.test", "mx1.peer.test", **asked).tls.endswith(" mta-sts")
    assert barred.connections == 0
    assert hosts.failure("mx3.peer.test", **asked).failure is Failure.TLS_MTA_STS
    assert hosts.session("mx2.peer.test", tls=TlsMode.REQUIRED).tls.endswith(" unverified")  # who asks for less is not refused


def test_testing_delivers_and_tells(hosts: Hosts, caplog: pytest.LogCaptureFixture) -> None:
    hosts.host("mx1.peer.test", secures, context=hosts.server(make("mx1", ROOT, names=("mx1.peer.test",))))
    hosts.host("mx2.peer.test", secures, context=hosts.server(make("mx2", names=("mx2.peer.test",))))
    assert hosts.session("mx1.peer.test", tls=TlsMode.TESTING).tls.endswith(" webpki")
    assert hosts.session("mx2.peer.test", tls=TlsMode.TESTING).tls.endswith(" unverified")
    assert "mta_sts_would_refuse" in caplog.text and "mx2.peer.test" in caplog.text


def test_an_ipv6_address_of_ours_reaches_ipv6_hosts_alone(hosts: Hosts) -> None:
    try:
        six = hosts.host("mx1.peer.test", greets, address="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    hosts.zones.records["mx1.peer.test", "A"] = ["127.0.0.200"]
    hosts.own.address = "::1"
    assert hosts.session("mx1.peer.test").address == "::1" and six.connections == 1
    hosts.own.address = "127.0.0.1"
    assert hosts.failure("mx1.peer.test").failure is Failure.REFUSED  # its IPv4 address was asked, and nobody is there


def test_a_providers_patience_is_kept_in_the_data_phases(hosts: Hosts) -> None:
    from delivery.engine.reach import timeouts_for

    assert (timeouts_for(Timeouts(), 45, 300).data_s, timeouts_for(Timeouts(), 45, 300).final_s) == (45.0, 300.0)
    profile = Profile()
    assert (profile.data_timeout_s, profile.data_dot_timeout_s) == (120, 600)  # RFC 5321 §4.5.3.2.4 and .6 where nobody says otherwise
