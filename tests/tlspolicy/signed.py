"""A signed zone on loopback, and a real unbound that validates it."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.node
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import dns.zone
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.resolver.zones import Zones, free_port

ORIGIN = dns.name.from_text("peer.test")


class SignedZones(Zones):
    """`zone` is peer.test in master file form, signed with a key of its own; everything else is the parent's, unsigned."""

    def __init__(self, zone: str) -> None:
        super().__init__()
        key = ec.generate_private_key(ec.SECP256R1())
        dnskey = dns.dnssec.make_dnskey(key.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257)
        self.zone = dns.zone.from_text(zone, origin=ORIGIN, relativize=False)
        dns.dnssec.sign_zone(self.zone, keys=[(key, dnskey)], lifetime=86_400, inception=int(time.time()) - 3600)
        self.anchor = f"peer.test. DS {dns.dnssec.make_ds(ORIGIN, dnskey, 'SHA256').to_text()}"
        self._names = sorted(name for name, node in self.zone.items() if node.get_rdataset(1, dns.rdatatype.NSEC))

    def forge(self, name: str, kind: str, text: str) -> None:
        """Other records under the old signature."""
        node = self.zone.nodes[dns.name.from_text(name)]
        forged = dns.rrset.from_text(dns.name.from_text(name), 300, "IN", kind, text)
        node.replace_rdataset(forged.to_rdataset())

    def answer(self, data: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(data)
        name = query.question[0].name
        if not name.is_subdomain(ORIGIN):
            return super().answer(data, transport)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        self._fill(response, name, query.question[0].rdtype)
        return response.to_wire(max_size=65535)

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        node = self.zone.nodes.get(name)
        if node is not None and self._add(response.answer, node, name, kind):
            return
        if node is not None and self._add(response.answer, node, name, dns.rdatatype.CNAME):
            target = response.answer[0][0].target
            self._fill(response, target, kind)
            return
        apex = self.zone.nodes[ORIGIN]
        self._add(response.authority, apex, ORIGIN, dns.rdatatype.SOA)
        if self._exists(name):
            self._deny(response, name)
            return
        response.set_rcode(dns.rcode.NXDOMAIN)
        encloser = name.parent()
        while not self._exists(encloser):
            encloser = encloser.parent()
        self._deny(response, name)
        self._deny(response, dns.name.Name((b"*", *encloser.labels)))  # nor a wildcard that would have answered (RFC 4035 §3.1.3.2)

    def _exists(self, name: dns.name.Name) -> bool:
        """It has records, or something below it has."""
        return name in self.zone.nodes or any(other.is_subdomain(name) for other in self._names)

    def _deny(self, response: dns.message.Message, name: dns.name.Name) -> None:
        """The NSEC at or before a name."""
        covering = max((other for other in self._names if other <= name), default=ORIGIN)
        if not any(rrset.name == covering and rrset.rdtype == dns.rdatatype.NSEC for rrset in response.authority):
            self._add(response.authority, self.zone.nodes[covering], covering, dns.rdatatype.NSEC)

    @staticmethod
    def _add(section: list[dns.rrset.RRset], node: dns.node.Node, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> bool:
        found = node.get_rdataset(1, kind)
        if found is None:
            return False
        section.append(dns.rrset.from_rdata_list(name, found.ttl, list(found)))
        if signatures := node.get_rdataset(1, dns.rdatatype.RRSIG, kind):
            section.append(dns.rrset.from_rdata_list(name, signatures.ttl, list(signatures)))
        return True


@contextlib.contextmanager
def unbound(folder: Path, zones: SignedZones) -> Iterator[str]:
    """host:port of an unbound that trusts peer.test's key and nobody else's."""
    program = shutil.which("unbound") or shutil.which("unbound", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("this needs a validating resolver: apt-get install unbound")
    port = free_port()
    (folder / "unbound.conf").write_text(f"""
server:
    interface: 127.0.0.1@{port}
    port: {port}
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    do-ip6: no
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: "{folder}/unbound.pid"
    use-syslog: no
    logfile: "{folder}/unbound.log"
    module-config: "validator iterator"
    trust-anchor: "{zones.anchor}"
    local-zone: "test." nodefault
    num-threads: 1
stub-zone:
    name: "test"
    stub-addr: 127.0.0.1@{zones.port}
remote-control:
    control-enable: no
""")
    process = subprocess.Popen([program, "-d", "-c", str(folder / "unbound.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 15
        while process.poll() is None and not _answers(port):
            assert time.monotonic() < deadline, (folder / "unbound.log").read_text()
            time.sleep(0.05)
        assert process.poll() is None, (folder / "unbound.log").read_text()
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
