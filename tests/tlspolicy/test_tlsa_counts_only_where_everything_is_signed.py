"""The resolver behind a real unbound: what is signed is secure, what is forged is not to be had, what is neither says nothing of DANE."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from delivery.sort.resolver import Resolver, TlsaRecords
from tests.resolver.zones import Zones, with_code
from tests.tlspolicy.signed import SignedZones, unbound

DIGEST = "ab" * 32
ZONE = f"""
$TTL 300
@ SOA ns.peer.test. hostmaster.peer.test. 1 3600 600 86400 60
@ NS ns.peer.test.
@ MX 10 mx.peer.test.
ns A 127.0.0.1
mx A 127.0.0.1
_25._tcp.mx TLSA 3 1 1 {DIGEST}
_25._tcp.mx TLSA 2 0 1 {DIGEST}
bare A 127.0.0.1
alias CNAME mx.peer.test.
away CNAME mx.plain.test.
_25._tcp.away TLSA 3 1 1 {DIGEST}
forged A 127.0.0.1
_25._tcp.forged TLSA 3 1 1 {DIGEST}
implicit A 127.0.0.1
faked MX 10 mx.peer.test.
"""


@dataclass
class Internet:
    zones: SignedZones
    server: str


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    folder: Path = tmp_path_factory.mktemp("unbound")
    with SignedZones(ZONE) as zones:
        zones.forge("_25._tcp.forged.peer.test", "TLSA", f"3 1 1 {'cd' * 32}")
        zones.forge("faked.peer.test", "MX", "10 mx.plain.test.")
        zones.records |= {
            ("plain.test", "MX"): ["10 mx.plain.test."],
            ("mx.plain.test", "A"): ["127.0.0.1"],
            ("_25._tcp.mx.plain.test", "TLSA"): [f"3 1 1 {DIGEST}"],
            ("mixed.test", "MX"): ["10 mx.peer.test."],
        }
        with unbound(folder, zones) as server:
            yield Internet(zones, server)


async def test_signed_mail_hosts_are_secure_and_others_are_not(internet: Internet) -> None:
    resolver = Resolver(internet.server, trusted=True)
    assert (await resolver.mail_hosts("peer.test")).secure
    plain = await resolver.mail_hosts("plain.test")
    assert (plain.status, plain.secure) == ("found", False)
    assert not (await resolver.mail_hosts("mixed.test")).secure  # the name of the host came unsigned, whatever its own zone is
    implicit = await resolver.mail_hosts("implicit.peer.test")
    assert (implicit.status, implicit.secure) == ("found", True)  # that there is no MX is signed too


async def test_forged_mail_hosts_are_not_to_be_had(internet: Internet) -> None:
    assert (await Resolver(internet.server, trusted=True).mail_hosts("faked.peer.test")).status == "failed"


async def test_tlsa_records_come_with_the_name_they_stand_under(internet: Internet) -> None:
    resolver = Resolver(internet.server, trusted=True)
    found = await resolver.tlsa("mx.peer.test", 25)
    assert sorted(found.texts) == [f"2 0 1 {DIGEST}", f"3 1 1 {DIGEST}"] and found.base == "mx.peer.test" and not found.failed
    assert (await resolver.tlsa("alias.peer.test", 25)).base == "mx.peer.test"  # where the alias leads
    assert await resolver.tlsa("mx.peer.test", 2525) == TlsaRecords()  # of another port


async def test_without_records_or_signatures_there_is_no_dane(internet: Internet) -> None:
    resolver = Resolver(internet.server, trusted=True)
    assert await resolver.tlsa("bare.peer.test", 25) == TlsaRecords()
    asked = internet.zones.asked["_25._tcp.mx.plain.test", "TLSA", "udp"]
    assert await resolver.tlsa("mx.plain.test", 25) == TlsaRecords()
    assert internet.zones.asked["_25._tcp.mx.plain.test", "TLSA", "udp"] == asked  # not even asked: RFC 7672 §2.2.2


async def test_an_alias_that_leaves_the_signed_zone_counts_by_its_own_name(internet: Internet) -> None:
    assert (await Resolver(internet.server, trusted=True).tlsa("away.peer.test", 25)).base == "away.peer.test"


async def test_forged_tlsa_records_bar_the_host(internet: Internet) -> None:
    assert (await Resolver(internet.server, trusted=True).tlsa("forged.peer.test", 25)).failed


async def test_a_resolver_that_is_not_trusted_is_not_believed(internet: Internet) -> None:
    resolver = Resolver(internet.server)
    assert not (await resolver.mail_hosts("peer.test")).secure
    assert await resolver.tlsa("mx.peer.test", 25) == TlsaRecords()


async def test_texts_are_joined_and_a_silent_server_is_not_an_empty_one() -> None:
    with Zones() as zones:
        zones.records["_mta-sts.a.test", "TXT"] = ['"v=STSv1; " "id=1;"', '"other"']
        zones.odd["_mta-sts.b.test"] = with_code(2)
        resolver = Resolver(zones.server)
        assert sorted(await resolver.texts("_mta-sts.a.test") or ()) == ["other", "v=STSv1; id=1;"]
        assert await resolver.texts("_mta-sts.b.test") is None
        assert await resolver.texts("_mta-sts.c.test") == ()
