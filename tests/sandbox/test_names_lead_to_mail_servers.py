"""The simulated DNS, asked by dnspython over UDP and TCP."""

import json
import os
import socket
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from mailplatform.sandbox.aside import Aside

from .correspondent import ask, first_mx, post, values


@pytest.mark.parametrize(
    ("domain", "host"),
    [
        ("gmail.com", "gmail-smtp-in.l.google.com"),
        ("GoogleMail.com", "gmail-smtp-in.l.google.com"),
        ("hotmail.com", "hotmail-com.olc.protection.outlook.com"),
        ("contoso.com", "contoso-com.mail.protection.outlook.com"),
        ("shop.m365.microsoft365.test", "shop-m365-microsoft365-test.mail.protection.outlook.com"),
        ("yahoo.com", "mta5.am0.yahoodns.net"),
        ("aol.com", "mta5.am0.yahoodns.net"),
        ("icloud.com", "mx01.mail.icloud.com"),
        ("web.de", "mx-ha02.web.de"),
        ("shop.gmail.test", "aspmx.l.google.com"),
        ("bakery.postfix.test", "mx1.bakery.postfix.test"),
    ],
)
def test_a_domain_leads_to_the_servers_that_its_provider_has(world: Aside, domain: str, host: str) -> None:
    assert host in {line.split()[1].rstrip(".") for line in values(world, domain, "MX")}
    (address,) = values(world, host, "A")
    assert address.startswith("127.20.")
    with socket.create_connection((address, world.smtp_port), 5) as connection:
        assert connection.recv(4) == b"220 "


def test_udp_and_tcp_say_the_same(world: Aside) -> None:
    for name, kind in (("gmail.com", "MX"), ("a.example", "MX"), ("nxdomain.test", "A"), ("gmail.com", "AAAA"), ("2.1.10.127.in-addr.arpa", "PTR")):
        by_udp, by_tcp = ask(world, name, kind), ask(world, name, kind, tcp=True)
        assert (by_udp.rcode(), by_udp.answer) == (by_tcp.rcode(), by_tcp.answer)


def test_every_example_domain_exists_and_most_have_a_server_of_their_own(world: Aside) -> None:
    hosts = [first_mx(world, f"company{n}.example") for n in range(100)]
    own = [host for n, host in enumerate(hosts) if host == f"mx1.company{n}.example"]
    assert 65 <= len(own) <= 95
    assert len({values(world, host, "A")[0] for host in own}) == len(own)


def test_the_same_name_has_the_same_answer_in_another_world(world: Aside, tmp_path: Path) -> None:
    from mailplatform.sandbox.aside import running

    with running(tmp_path / "other") as other:
        for n in range(20):
            assert values(world, f"c{n}.example", "MX") == values(other, f"c{n}.example", "MX")


def test_missing_names_and_missing_records_are_told_apart(world: Aside) -> None:
    missing = ask(world, "a.nxdomain.test", "MX")
    assert missing.rcode() == dns.rcode.NXDOMAIN
    assert missing.authority[0].rdtype.name == "SOA"
    no_data = ask(world, "nomx.test", "MX")
    assert (no_data.rcode(), no_data.answer) == (dns.rcode.NOERROR, [])
    assert values(world, "nomx.test", "A")
    assert ask(world, "mozilla.org", "MX").rcode() == dns.rcode.NXDOMAIN
    assert ask(world, "servfail.test", "MX").rcode() == dns.rcode.SERVFAIL
    assert values(world, "nullmx.test", "MX") == ["0 ."]
    assert values(world, "mx1.private.test", "A") == ["10.0.0.1"]
    assert values(world, "mx1.v6.test", "AAAA") == ["::1"]
    assert values(world, "mx1.v6.test", "A") == []
    assert ask(world, "gmail.com", "SOA").answer


def test_a_sending_ip_has_a_name_that_leads_back_to_it(world: Aside) -> None:
    (name,) = values(world, "3.2.10.127.in-addr.arpa", "PTR")
    assert values(world, name, "A") == ["127.10.2.3"]


def test_extra_zones_are_read_again_when_they_change(world: Aside, zones: Path) -> None:
    zones.write_text(json.dumps({"s1._domainkey.acme.example": {"TXT": ["v=DKIM1; p=" + "A" * 392]}, "127.10.1.1": {"PTR": ["out1.acme.example"]}}))
    (key,) = [b"".join(item.strings) for item in ask(world, "s1._domainkey.acme.example", "TXT").answer[0]]
    assert key == b"v=DKIM1; p=" + b"A" * 392
    assert values(world, "1.1.10.127.in-addr.arpa", "PTR") == ["out1.acme.example."]
    part = zones.with_suffix(".part")
    part.write_text(json.dumps({"s2._domainkey.acme.example": {"TXT": ["new"]}}))
    part.replace(zones)
    assert values(world, "s2._domainkey.acme.example", "TXT") == ['"new"']
    assert values(world, "1.1.10.127.in-addr.arpa", "PTR") == ["ip-127-10-1-1.senders.test."]
    zones.write_text("{ half of a fi")
    assert values(world, "s2._domainkey.acme.example", "TXT") == ['"new"']


def test_an_answer_too_long_for_udp_is_truncated_and_whole_over_tcp(world: Aside, zones: Path) -> None:
    zones.write_text(json.dumps({"long.example": {"TXT": [f"{n} " + "x" * 180 for n in range(40)]}}))
    host, port = world.resolver.split(":")
    assert ask(world, "long.example", "TXT").flags & dns.flags.TC
    answer, by_tcp = dns.query.udp_with_fallback(dns.message.make_query("long.example", "TXT"), host, 5, int(port))
    assert by_tcp
    assert len(answer.answer[0]) == 40


def test_block_lists_list_what_they_are_told_and_tell_errors_apart(world: Aside) -> None:
    assert values(world, "2.0.0.127.zen.dnsbl.test", "A") == ["127.0.0.2"]
    assert ask(world, "1.0.0.127.zen.dnsbl.test", "A").rcode() == dns.rcode.NXDOMAIN
    assert post(world, {"action": "dnsbl_add", "ip": "127.10.1.4", "code": "127.0.0.3"})[0] == 200
    assert values(world, "4.1.10.127.zen.dnsbl.test", "A") == values(world, "4.1.10.127.zen.spamhaus.org", "A") == ["127.0.0.3"]
    assert "127.10.1.4" in values(world, "4.1.10.127.zen.dnsbl.test", "TXT")[0]
    post(world, {"action": "dnsbl_remove", "ip": "127.10.1.4"})
    assert ask(world, "4.1.10.127.zen.dnsbl.test", "A").rcode() == dns.rcode.NXDOMAIN
    post(world, {"action": "dnsbl_error", "zone": "zen", "code": "127.255.255.254"})
    assert values(world, "4.1.10.127.zen.dnsbl.test", "A") == ["127.255.255.254"]
    assert values(world, "4.1.10.127.toomany.dnsbl.test", "A") == ["127.255.255.255"]


def test_a_dead_resolver_says_nothing_until_it_is_healed(world: Aside) -> None:
    post(world, {"action": "dns", "mode": "dead"})
    host, port = world.resolver.split(":")
    with pytest.raises(dns.exception.Timeout):
        dns.query.udp(dns.message.make_query("gmail.com", "MX"), host, 0.3, int(port))
    post(world, {"action": "dns", "mode": "servfail"})
    assert ask(world, "gmail.com", "MX").rcode() == dns.rcode.SERVFAIL
    post(world, {"action": "dns", "mode": "ok"})
    assert values(world, "gmail.com", "MX")


def test_noise_on_the_dns_port_is_survived(world: Aside) -> None:
    host, port = world.resolver.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        for data in (b"", b"\0", os.urandom(40), b"\xff" * 600):
            noise.sendto(data, (host, int(port)))
    assert values(world, "gmail.com", "MX")
