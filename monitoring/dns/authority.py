"""Authority: ask authoritative servers what they say. Network, no database.

Promises: an answer that is not authoritative (AA) does not count; a truncated one is asked for again over TCP; all servers are asked at once, each within the
timeout. What a server could not say is said in words. Names of servers are resolved with the platform's own resolver.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
from dns.inet import is_address

from mailplatform.shell.errors import short
from monitoring.dns.records import Values, values_in

DNS_PORT = 53
MOST_SERVERS = 13
_asking = ThreadPoolExecutor(16, "authority")


@dataclass(frozen=True, slots=True)
class Server:
    address: str
    port: int = DNS_PORT

    def __str__(self) -> str:
        if self.port == DNS_PORT:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """`error` in words, or the values (none: there is no such set)."""

    server: Server
    values: Values = ()
    ttl_s: int = 0
    error: str = ""


def read_servers(text: str, resolver: str = "") -> list[Server]:
    """ADDRESS, ADDRESS:PORT or NAME, one a line."""
    found: list[Server] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        host, port = _apart(line)
        found += [Server(address, port) for address in ([host] if is_address(host) else _addresses(host, resolver))]
    return found[:MOST_SERVERS]


def name_servers(zone: str, resolver: str = "") -> list[Server]:
    """The zone's own NS records, with their addresses."""
    hosts = sorted(rdata.target.to_text() for rdata in _resolver(resolver).resolve(dns.name.from_text(zone), "NS"))
    return [Server(address) for host in hosts for address in _addresses(host, resolver)[:1]][:MOST_SERVERS]


def ask(server: Server, name: str, kind: str, timeout_s: float) -> Answer:
    """One question to one server."""
    question = dns.message.make_query(dns.name.from_text(name), kind, use_edns=True)
    question.flags &= ~dns.flags.RD
    try:
        reply, _ = dns.query.udp_with_fallback(question, server.address, timeout=timeout_s, port=server.port)
    except (dns.exception.DNSException, OSError, ValueError) as error:
        return Answer(server, error=in_words(error, timeout_s))
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Answer(server, error=f"it answered {dns.rcode.to_text(reply.rcode())}")
    if not reply.flags & dns.flags.AA:
        return Answer(server, error="it is not authoritative for this name")
    rrset = next((one for one in reply.answer if one.rdtype == dns.rdatatype.from_text(kind)), None)
    return Answer(server, values_in(kind, rrset), rrset.ttl if rrset is not None else 0)


def ask_all(servers: Sequence[Server], name: str, kind: str, timeout_s: float) -> list[Answer]:
    if len(servers) == 1:
        return [ask(servers[0], name, kind, timeout_s)]
    return list(_asking.map(lambda server: ask(server, name, kind, timeout_s), servers))


def in_words(error: BaseException, timeout_s: float) -> str:
    if isinstance(error, dns.exception.Timeout | TimeoutError):
        return f"no answer within {timeout_s:.0f} s" if timeout_s >= 1 else f"no answer within {timeout_s * 1000:.0f} ms"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return short(error)


def _apart(line: str) -> tuple[str, int]:
    if line.startswith("["):
        host, _, port = line[1:].partition("]")
        return host, int(port.lstrip(":") or DNS_PORT)
    if line.count(":") == 1:
        host, port = line.split(":")
        return host, int(port)
    return line, DNS_PORT


def _addresses(host: str, resolver: str) -> list[str]:
    found: list[str] = []
    for kind in ("A", "AAAA"):
        try:
            found += [rdata.to_text() for rdata in _resolver(resolver).resolve(host, kind)]
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
            continue
    return found


def _resolver(place: str) -> dns.resolver.Resolver:
    if not place:
        return dns.resolver.get_default_resolver()
    host, port = _apart(place)
    own = dns.resolver.Resolver(configure=False)
    own.nameservers, own.port, own.lifetime = [host], port, 3.0
    return own


def agreeing(answers: Iterable[Answer], values: Values, ttl_s: int | None) -> bool:
    """Whether every server says exactly this; `ttl_s` None: with whatever TTL."""
    return all(not answer.error and answer.values == values and ttl_s in (None, answer.ttl_s) for answer in answers)
