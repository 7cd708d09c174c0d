"""RFC 5321 §5.1 and RFC 7505 against a real DNS server on loopback."""

import asyncio
import random
import time
from collections.abc import Iterator

import dns.message
import dns.rdatatype
import pytest
import uvloop

from delivery.sort.domains import ascii_domain
from delivery.sort.resolver import MAX_HOSTS, MailHosts, Resolver
from tests.resolver.zones import Zones, free_port, silent, with_code


@pytest.fixture
def zones() -> Iterator[Zones]:
    with Zones() as zones:
        yield zones


def quick(zones: Zones, **options) -> Resolver:
    return Resolver(zones.server, **{"timeout_s": 2.0, "lifetime_s": 5.0, "rng": random.Random(1), **options})


def hosts(zones: Zones, domain: str, **options) -> MailHosts:
    return asyncio.run(quick(zones, **options).mail_hosts(domain))


def test_hosts_come_by_preference(zones: Zones) -> None:
    zones.records["peer.test", "MX"] = ["20 Backup.peer.test.", "10 mx.peer.test."]
    assert hosts(zones, "Peer.Test.") == MailHosts(((10, "mx.peer.test"), (20, "backup.peer.test")), "found", 300)


def test_uvloop_resolves_too(zones: Zones) -> None:
    zones.records["peer.test", "MX"] = ["10 mx.peer.test."]
    zones.records["mx.peer.test", "A"] = ["127.20.0.1"]

    async def both() -> tuple[MailHosts, tuple[str, ...]]:
        resolver = quick(zones)
        return await resolver.mail_hosts("peer.test"), await resolver.addresses("mx.peer.test")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found, addresses = runner.run(both())
    assert found.hosts == ((10, "mx.peer.test"),) and addresses == ("127.20.0.1",)


def test_equal_hosts_are_shuffled_each_time_and_never_over_a_preference(zones: Zones) -> None:
    zones.records["peer.test", "MX"] = [*(f"10 mx{n}.peer.test." for n in range(6)), "5 first.peer.test."]

    async def often() -> list[tuple[tuple[int, str], ...]]:
        resolver = quick(zones)
        return [(await resolver.mail_hosts("peer.test")).hosts for _ in range(12)]

    orders = asyncio.run(often())
    assert all(order[0] == (5, "first.peer.test") for order in orders)
    assert len(set(orders)) > 6
    assert zones.asked["peer.test", "MX", "udp"] == 1


def test_without_mx_the_domain_is_its_own_host(zones: Zones) -> None:
    zones.records["four.test", "A"] = ["127.20.0.1"]
    zones.records["six.test", "AAAA"] = ["::1"]
    zones.records["none.test", "TXT"] = ['"only words"']
    assert hosts(zones, "four.test").hosts == ((0, "four.test"),)
    assert hosts(zones, "six.test").hosts == ((0, "six.test"),)
    assert hosts(zones, "none.test").status == "no_domain"


def test_a_null_mx_is_a_no_and_only_alone(zones: Zones) -> None:
    zones.records["null.test", "MX"] = ["0 ."]
    zones.records["null.test", "A"] = ["127.20.0.1"]
    zones.records["both.test", "MX"] = ["0 .", "10 mx.both.test."]
    assert hosts(zones, "null.test") == MailHosts((), "null_mx", 300)
    assert hosts(zones, "both.test").hosts == ((10, "mx.both.test"),)


TOO_LONG = ["x" * 64 + ".test", ("a" * 60 + ".") * 5 + "test"]


@pytest.mark.parametrize("domain", ["nowhere.test", "a..b", "", ".", "[127.0.0.1]", "127.0.0.1", "a b.test", "a\0.test", "xn--.test\n", *TOO_LONG])
def test_what_is_no_domain_is_told_as_such(zones: Zones, domain: str) -> None:
    assert hosts(zones, domain).status == "no_domain"


@pytest.mark.parametrize("code", [2, 5, 4, 1])
def test_a_server_in_trouble_is_temporary_and_asked_again_soon(zones: Zones, code: int) -> None:
    zones.odd["broken.test"] = with_code(code)
    found = hosts(zones, "broken.test")
    assert found.status == "failed" and found.ttl_s <= 60


def test_trouble_with_addresses_never_makes_a_domain_vanish(zones: Zones) -> None:
    """MX says "no records", A fails: whether the domain can take mail is not known."""
    zones.records["half.test", "TXT"] = ['"x"']

    def only_mx(query: dns.message.Message) -> dns.message.Message | bytes | None:
        return dns.message.make_response(query) if query.question[0].rdtype == dns.rdatatype.MX else with_code(2)(query)

    zones.odd["half.test"] = only_mx
    assert hosts(zones, "half.test").status == "failed"


def test_silence_and_rubbish_are_temporary_and_end_in_time(zones: Zones) -> None:
    zones.odd["silent.test"] = silent
    zones.odd["rubbish.test"] = lambda query: b"\xff" * 40
    start = time.monotonic()
    assert hosts(zones, "silent.test", timeout_s=0.1, lifetime_s=0.3).status == "failed"
    assert hosts(zones, "rubbish.test", timeout_s=0.1, lifetime_s=0.3).status == "failed"
    assert time.monotonic() - start < 4
    assert asyncio.run(Resolver(f"127.0.0.1:{free_port()}", timeout_s=0.1, lifetime_s=0.3).mail_hosts("a.test")).status == "failed"


def test_a_long_answer_comes_over_tcp_and_is_cut_to_twenty(zones: Zones) -> None:
    zones.records["many.test", "MX"] = [f"{n} mx{n}.a-rather-long-name-for-a-host.many.test." for n in range(150)]
    found = hosts(zones, "many.test")
    assert len(found.hosts) == MAX_HOSTS and found.hosts[0][0] == 0
    assert zones.asked["many.test", "MX", "tcp"] == 1


def test_hostile_hosts_are_left_out(zones: Zones) -> None:
    zones.records["evil.test", "MX"] = ["1 127.0.0.1.", "2 .", r"3 a\032b.test.", r"4 a\000.test.", "5 localhost\\@evil.test.", "6 mx_1.evil.test."]
    zones.records["worse.test", "MX"] = ["1 10.0.0.1.", r"3 \<script\>.test."]
    assert hosts(zones, "evil.test").hosts == ((6, "mx_1.evil.test"),)
    assert hosts(zones, "worse.test") == MailHosts((), "failed", 300)


def test_aliases_are_followed_and_circles_left(zones: Zones) -> None:
    zones.records["alias.test", "CNAME"] = ["peer.test."]
    zones.records["peer.test", "MX"] = ["10 mx.peer.test."]
    zones.records["round.test", "CNAME"] = ["about.test."]
    zones.records["about.test", "CNAME"] = ["round.test."]
    zones.records["lost.test", "CNAME"] = ["nowhere.test."]
    assert hosts(zones, "alias.test").hosts == ((10, "mx.peer.test"),)
    assert hosts(zones, "round.test").status == "failed"
    assert hosts(zones, "lost.test").status == "no_domain"


def test_international_names_are_asked_for_in_their_ascii_form(zones: Zones) -> None:
    zones.records["xn--bcher-kva.test", "MX"] = ["10 mx.peer.test."]
    assert hosts(zones, "Bücher.test").status == "found"
    assert ascii_domain("müller。de") == "xn--mller-kva.de"
    assert ascii_domain("\u202ea.de") is None and ascii_domain("ü" * 5000 + ".de") is None


def test_addresses_come_four_before_six_and_each_question_once(zones: Zones) -> None:
    zones.records["mx.test", "A"] = [f"127.20.0.{n}" for n in range(30)]
    zones.records["mx.test", "AAAA"] = ["::1"]
    zones.records["dual.test", "AAAA"] = ["::1"]
    zones.records["dual.test", "A"] = ["127.20.0.1"]

    async def ask() -> list[tuple[str, ...]]:
        resolver = quick(zones)
        return await asyncio.gather(*(resolver.addresses("dual.test") for _ in range(20)), resolver.addresses("mx.test"), resolver.addresses("no.test"))

    *dual, many, none = asyncio.run(ask())
    assert dual == [("127.20.0.1", "::1")] * 20 and len(many) == 20 and none == ()
    assert zones.asked["dual.test", "A", "udp"] == zones.asked["dual.test", "AAAA", "udp"] == 1


@pytest.mark.parametrize(("ttl_s", "kept_s"), [(0, 60), (300, 300), (86_400, 3600)])
def test_answers_are_kept_within_bounds(zones: Zones, ttl_s: int, kept_s: int) -> None:
    now = [1000.0]
    zones.ttl_s = ttl_s
    zones.records["peer.test", "MX"] = ["10 mx.peer.test."]

    async def ask() -> None:
        resolver = quick(zones, clock=lambda: now[0])
        for passed, questions in ((0, 1), (kept_s - 1, 1), (kept_s + 1, 2)):
            now[0] = 1000.0 + passed
            assert (await resolver.mail_hosts("peer.test")).ttl_s == kept_s
            assert zones.asked["peer.test", "MX", "udp"] == questions

    asyncio.run(ask())


def test_who_gives_up_waiting_takes_nobody_along(zones: Zones) -> None:
    zones.records["peer.test", "MX"] = ["10 mx.peer.test."]

    async def ask() -> MailHosts:
        resolver = quick(zones)
        first = asyncio.ensure_future(resolver.mail_hosts("peer.test"))
        second = asyncio.ensure_future(resolver.mail_hosts("peer.test"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(ask()).status == "found"
