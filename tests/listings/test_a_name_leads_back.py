"""PTR and the way back, for every sending IP; against the sandbox's DNS."""

import asyncio

from mailplatform.sandbox.aside import Aside
from mailplatform.shell.ask import Asker
from mailplatform.shell.models import Notice
from pools.listings.addresses import Address, look_at
from pools.listings.models import AddressCheck, ListingPolicy
from pools.models import SendingIP
from tests.listings.conftest import Watch
from tests.resolver.zones import Zones, silent

VICTIM = "127.10.1.2"


def check(address: str = VICTIM) -> AddressCheck:
    return AddressCheck.objects.get(ip__address=address)


def test_all_are_right_and_one_goes_wrong_and_comes_back(watch: Watch, well: Aside) -> None:
    watch.step(11)
    assert set(AddressCheck.objects.values_list("state", flat=True)) == {"ok"} and AddressCheck.objects.count() == 6
    well.control({"action": "ptr", "ip": VICTIM, "name": "host-2.pool.example"})
    watch.step(11)
    assert check().state == "ok", "one look changes nothing"
    watch.step(1.5)
    assert (check().state, check().found) == ("failing", ["host-2.pool.example"]) and "does not lead back" in check().sentence
    assert Notice.objects.filter(kind="ip_name", scope=VICTIM, cleared_at=None).exists()
    well.control({"action": "ptr", "ip": VICTIM, "on": False})
    watch.step(11)
    assert check().state == "ok" and not Notice.objects.filter(kind="ip_name", cleared_at=None).exists()


def test_no_ptr_is_said_so(watch: Watch, well: Aside) -> None:
    well.control({"action": "ptr", "ip": VICTIM})
    watch.step(11)
    watch.step(1.5)
    assert check().state == "failing" and "has no PTR record" in check().sentence


def test_the_name_must_be_the_one_it_says(watch: Watch) -> None:
    SendingIP.objects.filter(address=VICTIM).update(ehlo_name="mta.platform.example")
    watch.step(11)
    watch.step(1.5)
    assert check().state == "failing" and "EHLO" in check().sentence


def test_dns_that_does_not_answer_makes_nobody_wrong(watch: Watch, well: Aside) -> None:
    watch.step(11)
    well.control({"action": "dns", "mode": "servfail"})
    watch.step(11)
    watch.step(11)
    assert check().state == "ok"
    ListingPolicy.objects.update(stale_after_s=20)
    watch.step(11)
    assert check().state == "unknown" and not Notice.objects.filter(kind="ip_name").exists()


def test_an_ipv6_address_is_asked_by_nibbles(dns: Zones) -> None:
    nibbles = "1" + ".0" * 23 + ".8.b.d.0.1.0.0.2.ip6.arpa"
    dns.records[nibbles, "PTR"] = ["mta.platform.test."]
    dns.records["mta.platform.test", "AAAA"] = ["2001:db8::1"]
    ask = Asker(dns.server, timeout_s=0.3, lifetime_s=0.6)
    assert asyncio.run(look_at(Address(1, "2001:db8::1", "mta.platform.test"), ask)).state == "ok"


def test_a_way_back_that_cannot_be_asked_is_unknown(dns: Zones) -> None:
    dns.records["1.2.0.192.in-addr.arpa", "PTR"] = ["mta.platform.test."]
    dns.odd["mta.platform.test"] = silent
    ask = Asker(dns.server, timeout_s=0.2, lifetime_s=0.4)
    assert asyncio.run(look_at(Address(1, "192.0.2.1", "mta.platform.test"), ask)).state == "unknown"
