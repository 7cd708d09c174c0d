"""The simulated world's DNS: one authoritative server for everything, over UDP and TCP.

Promises well-formed answers for what names.py, zones.py and the block lists say, truncation with TCP behind it (RFC 1035
§4.2.1), SOA in negative answers (RFC 2308). Naming a mail host makes it listen. Never asks anybody else.
"""

import asyncio
import ipaddress
import re
from collections.abc import Callable

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from .names import Site, normal, site_of, site_of_host
from .policies import policy_records, signed
from .updates import Updates, is_update
from .zones import BlockLists, Zones

_TTL_S = 60
_MOST_ALIASES = 8
_REVERSE = re.compile(r"(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa")
_TLSA = re.compile(r"_\d+\._tcp\.(.+)")
_KINDS = frozenset(("TXT", "A", "AAAA", "PTR", "MX", "SOA", "CNAME", "TLSA", "NS"))
Records = dict[str, list[str]]


class Directory:
    """Question in, answer out; no sockets."""

    def __init__(
        self, zones: Zones, lists: BlockLists, address_of: Callable[[str, Site], str], tlsa: Callable[[str], list[str]] = lambda form: [],
        updates: Updates | None = None,
    ) -> None:  # fmt: skip
        self.updates = updates
        self.zones = zones
        self.lists = lists
        self.address_of = address_of
        self.tlsa = tlsa
        self.mode = "ok"  # ok, servfail, dead
        self.names_of: dict[str, list[str]] = {}  # reverse name -> what its PTR says instead of the truth; empty: no PTR
        self.asked = 0

    def answer(self, wire: bytes, most_bytes: int | None) -> bytes | None:
        """The answer's wire form, or None to stay silent. `most_bytes` is None over TCP."""
        self.asked += 1
        if self.mode == "dead":
            return None
        if self.updates is not None and is_update(wire):
            return self.updates.answer(wire)
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return None
        if query.flags & dns.flags.QR or len(query.question) != 1:
            return None
        reply = dns.message.make_response(query, recursion_available=True)
        reply.flags |= dns.flags.AA
        if query.opcode() != dns.opcode.QUERY:
            reply.set_rcode(dns.rcode.NOTIMP)
        elif self.mode == "servfail":
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif not self._fill(reply):
            return None
        elif (query.flags & dns.flags.AD or query.ednsflags & dns.flags.DO) and _is_signed(normal(query.question[0].name.to_text())):
            reply.flags |= dns.flags.AD  # as a validating resolver that is trusted would say (RFC 6840 §5.7)
        size = 65535 if most_bytes is None else max(512, min(query.payload, most_bytes) if query.edns >= 0 else 512)
        try:
            return reply.to_wire(max_size=size)
        except dns.exception.TooBig:
            short = dns.message.make_response(query, recursion_available=True)
            short.flags |= dns.flags.TC | dns.flags.AA
            return short.to_wire()

    def _fill(self, reply: dns.message.Message) -> bool:
        question = reply.question[0]
        name, kind = normal(question.name.to_text()), dns.rdatatype.to_text(question.rdtype)
        records = self.records(name)
        if records is None:
            return False
        if "RCODE" in records:
            reply.set_rcode(dns.rcode.from_text(records["RCODE"][0]))
            if records["RCODE"][0] == "SERVFAIL":
                return True
        owner = question.name
        for _ in range(_MOST_ALIASES):  # an alias, and what it leads to (RFC 1034 §3.6.2)
            if kind == "CNAME" or not (aliases := records.get("CNAME")):
                break
            reply.answer.append(dns.rrset.from_text_list(owner, _TTL_S, "IN", "CNAME", aliases[:1]))
            owner = dns.name.from_text(aliases[0])
            records = self.records(normal(aliases[0])) or {}
            reply.set_rcode(dns.rcode.from_text(records.get("RCODE", ["NOERROR"])[0]))
        values = records.get(kind, [])
        if values:
            reply.answer.append(dns.rrset.from_text_list(owner, self._ttl_s(name), "IN", kind, values))
        else:
            apex = dns.name.from_text(".".join(name.split(".")[-2:]))
            reply.authority.append(dns.rrset.from_text_list(apex, _TTL_S, "IN", "SOA", [_soa(apex.to_text())]))
        return True

    def _ttl_s(self, name: str) -> int:
        updated = self.updates.records(name) if self.updates is not None else None
        return updated[1] if updated is not None else _TTL_S

    def records(self, name: str) -> Records | None:
        """Everything that is known under a name, None to stay silent; RCODE stands among them when it is not NOERROR."""
        if self.updates is not None and (updated := self.updates.records(name)) is not None:
            return updated[0] or {"RCODE": ["NXDOMAIN"]}
        records = self._computed(name)
        if records is None:
            return None
        told = self.zones.records(name)
        if (instead := self.names_of.get(name)) is not None:
            return {"PTR": [_presented("PTR", one) for one in instead]} if instead else {"RCODE": ["NXDOMAIN"]}
        extra = {kind: [_presented(kind, value) for value in values] for kind, values in told.items() if kind in _KINDS}
        if "CNAME" in extra:
            return {"CNAME": extra["CNAME"]}  # a name with an alias has nothing else
        if extra or self.zones.knows(name):
            records.pop("RCODE", None)
        return {**records, **extra}

    def txt(self, name: str) -> list[str]:
        """TXT strings, for the inbox's own DKIM verifier."""
        return self.zones.records(name).get("TXT", [])

    def _computed(self, name: str) -> Records | None:
        if self.lists.zone_of(name):
            if (mode := self.lists.mode_of(name)) in ("servfail", "silent"):
                return {"RCODE": ["SERVFAIL"]} if mode == "servfail" else None
            codes, reason = self.lists.answer(name)
            return {"A": codes, "TXT": [_quoted(reason)]} if codes else {"RCODE": ["NXDOMAIN"]}
        if match := _REVERSE.fullmatch(name):
            return self._reverse(".".join(reversed(match.groups())))
        if (host_site := site_of_host(name)) is not None:
            return self._host(name, host_site)
        if match := re.fullmatch(r"ip-(\d+-\d+-\d+-\d+)\.senders\.test", name):
            return {"A": [match[1].replace("-", ".")]}
        if (asked_of := policy_records(name)) is not None:
            return asked_of
        if match := _TLSA.fullmatch(name):
            return self._tlsa(match[1])
        # Names with an underscore (keys, policies) exist only where the zones file says so.
        site = None if name.startswith("_") or "._" in name else site_of(name)
        if site is None:
            return {"RCODE": ["NXDOMAIN"]}
        return self._domain(name, site)

    @staticmethod
    def _domain(name: str, site: Site) -> Records | None:
        soa = {"SOA": [_soa(name)], "NS": ["ns1.sandbox.test."]}
        match site.dns:
            case "nxdomain":
                return {"RCODE": ["NXDOMAIN"]}
            case "servfail":
                return {"RCODE": ["SERVFAIL"]}
            case "silent":
                return None
            case "null_mx":
                return {**soa, "MX": ["0 ."]}  # RFC 7505
        return {**soa, "MX": [f"{preference} {host}." for preference, host in site.mx]}

    def _tlsa(self, host: str) -> Records:
        site = site_of_host(host)
        form = site.place.get("dane") if site is not None else None
        if form is None:
            return {"RCODE": ["NXDOMAIN"]}
        return {"RCODE": ["SERVFAIL"]} if form == "bogus" else {"TLSA": self.tlsa(form)}

    def _host(self, host: str, site: Site) -> Records:
        if site.dns == "no_address":
            return {}
        if site.dns == "v6":
            return {"AAAA": ["::1"]}
        if site.dns == "address" or (site.dns == "first_dead" and host.startswith("mx1.")):
            return {"A": [site.address]}
        soa = {"SOA": [_soa(host)]} if site.dns == "implicit_mx" else {}
        return {**soa, "A": [self.address_of(host, site)]}

    @staticmethod
    def _reverse(text: str) -> Records:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return {"RCODE": ["NXDOMAIN"]}
        if address in ipaddress.ip_network("127.10.0.0/16"):  # sending IPs: a name that leads back to them
            return {"PTR": [f"ip-{text.replace('.', '-')}.senders.test."]}
        return {"RCODE": ["NXDOMAIN"]}


def _is_signed(name: str) -> bool:
    match = _TLSA.fullmatch(name)
    host = match[1] if match else name
    return signed(site_of_host(host)) or signed(site_of(host))


def _soa(apex: str) -> str:
    return f"ns1.sandbox.test. hostmaster.{apex.rstrip('.')}. 1 3600 600 86400 {_TTL_S}"


def _quoted(text: str) -> str:
    """TXT in strings of at most 255 bytes (RFC 1035 §3.3.14)."""
    parts = [text[i : i + 200] for i in range(0, len(text), 200)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


def _presented(kind: str, value: str) -> str:
    """A value of the zones file in presentation form: TXT quoted, names complete."""
    if kind == "TXT":
        return _quoted(value)
    return value if kind not in ("PTR", "MX", "CNAME", "NS") or value.endswith(".") else f"{value}."


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (reply := self.directory.answer(data, 4096)) is not None:
            self.transport.sendto(reply, addr)  # type: ignore[attr-defined]


class DnsServer:
    """The sockets."""

    def __init__(self, directory: Directory, host: str, port: int) -> None:
        self.directory = directory
        self.host, self.port = host, port
        self.tcp: asyncio.Server | None = None
        self.udp: asyncio.BaseTransport | None = None

    async def start(self) -> None:
        """Listen on UDP and TCP at the same port."""
        loop = asyncio.get_running_loop()
        tries = 1 if self.port else 20
        for turn in range(tries):
            self.tcp = await asyncio.start_server(self._serve, self.host, self.port)
            port = self.tcp.sockets[0].getsockname()[1]
            try:
                self.udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self.directory), local_addr=(self.host, port))
            except OSError:
                self.tcp.close()
                if turn == tries - 1:
                    raise
            else:
                self.port = port
                return

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                size = int.from_bytes(await asyncio.wait_for(reader.readexactly(2), 10))
                reply = self.directory.answer(await asyncio.wait_for(reader.readexactly(size), 10), None)
                if reply is not None:
                    writer.write(len(reply).to_bytes(2) + reply)
                    await writer.drain()
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            writer.close()

    async def stop(self) -> None:
        """Close both."""
        for socket in (self.tcp, self.udp):
            if socket is not None:
                socket.close()
