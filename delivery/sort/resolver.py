"""The resolver: from a domain to its mail hosts (RFC 5321 §5.1), from a host to its addresses and TLSA records.

Owns: one DNS client, its cache, and what is being asked right now (the same question is asked once). Promises: never raises for
what a name or a server answers; `failed` is temporary and said of nothing else; at most 20 hosts and 20 addresses however
long the answer; no search list. Hostile answers (IP literals as hosts, names that are no host names) are left out. `secure` is said
only of what a validating resolver that we were told to trust found signed (its AD flag, RFC 4035 §3.2.3); what is bogus is `failed`.
Never: connects to what it found, or judges whether that is allowed (mailplatform.shell.addresses does, with the very address).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import dns.exception
import dns.flags
import dns.name
import dns.rdatatype
import dns.resolver
import dns.rrset

from delivery.sort.domains import ascii_domain, is_host_name
from mailplatform.shell.ask import asker_of

Status = Literal["found", "null_mx", "no_domain", "failed"]

MAX_HOSTS = 20
MAX_ADDRESSES = 20
MAX_TEXTS = 50
MAX_CNAMES = 8
SHORTEST_TTL_S, LONGEST_TTL_S = 60, 3600
NEGATIVE_TTL_S = 60
FAILED_TTL_S = 10  # short: a broken server is asked again soon, but not by every delivery
CACHE_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class MailHosts:
    """Hosts by preference, equal ones in random order. `null_mx`: takes no mail and says so (RFC 7505)."""

    hosts: tuple[tuple[int, str], ...]
    status: Status
    ttl_s: int
    secure: bool = False


@dataclass(frozen=True, slots=True)
class TlsaRecords:
    """A host's TLSA records as text, and the name that they stand under. `failed`: bogus or not to be had, the host must not be used."""

    texts: tuple[str, ...] = ()
    base: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Records:
    """What one question came to. `missing`: no such name; empty `rows` without it: the name has no such records."""

    rows: tuple[tuple[int, str], ...]
    ttl_s: int
    missing: bool = False
    failed: bool = False
    secure: bool = False
    canonical: str = ""  # where aliases led, if there were any


FAILED = _Records((), FAILED_TTL_S, failed=True)


class Resolver:
    """One for an engine. `server` is `host:port`; empty: the machine's own resolvers. `trusted`: it validates, and its AD flag is believed."""

    def __init__(
        self,
        server: str = "",
        *,
        trusted: bool = False,
        timeout_s: float = 2.0,
        lifetime_s: float = 6.0,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dns = asker_of(server, timeout_s, lifetime_s)
        self._trusted = trusted
        if trusted:  # AD alone asks for the verdict (RFC 6840 §5.7), DO for resolvers that know only that; 1232 bytes come in one piece
            self._dns.flags = dns.flags.RD | dns.flags.AD
            self._dns.use_edns(0, dns.flags.DO, 1232)
        self._rng = rng or random.Random()  # noqa: S311  spreads load, keeps no secret
        self._clock = clock
        self._cache: dict[tuple[str, str], tuple[float, _Records]] = {}
        self._asking: dict[tuple[str, str], asyncio.Future[_Records]] = {}

    async def mail_hosts(self, domain: str) -> MailHosts:
        name = ascii_domain(domain)
        if name is None:
            return MailHosts((), "no_domain", NEGATIVE_TTL_S)
        found = await self._records(name, "MX")
        if found.failed:
            return MailHosts((), "failed", found.ttl_s)
        if found.missing:
            return MailHosts((), "no_domain", found.ttl_s)
        if not found.rows:
            return await self._implicit(name, found)
        return self._ranked(found)

    async def _implicit(self, name: str, mx: _Records) -> MailHosts:
        """No MX at all: the domain is its own host, if it has an address (RFC 5321 §5.1)."""
        four, six = await asyncio.gather(self._records(name, "A"), self._records(name, "AAAA"))
        if four.rows or six.rows:
            return MailHosts(((0, name),), "found", min(mx.ttl_s, max(four.ttl_s, six.ttl_s)), mx.secure)
        failed = four.failed or six.failed
        return MailHosts((), "failed" if failed else "no_domain", FAILED_TTL_S if failed else NEGATIVE_TTL_S)

    def _ranked(self, found: _Records) -> MailHosts:
        if all(host == "." for _, host in found.rows):
            return MailHosts((), "null_mx", found.ttl_s)
        usable = [(preference, host) for preference, host in found.rows if is_host_name(host)]
        if not usable:  # a mistake in their zone: temporary, for zones are mended
            return MailHosts((), "failed", found.ttl_s)
        self._rng.shuffle(usable)
        usable.sort(key=lambda row: row[0])
        return MailHosts(tuple(usable[:MAX_HOSTS]), "found", found.ttl_s, found.secure)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IPv4 first, then IPv6; empty when there are none or none could be learned."""
        name = ascii_domain(host)
        if name is None:
            return ()
        four, six = await asyncio.gather(self._records(name, "A"), self._records(name, "AAAA"))
        return tuple(address for _, address in (four.rows + six.rows))[:MAX_ADDRESSES]

    async def texts(self, name: str) -> tuple[str, ...] | None:
        """The TXT records under a name, their strings joined; None when that could not be learned."""
        found = await self._records(name, "TXT")
        return None if found.failed else tuple(text for _, text in found.rows[:MAX_TEXTS])

    async def tlsa(self, host: str, port: int) -> TlsaRecords:
        """A host's TLSA records (RFC 7672 §2.2): under the name that its aliases lead to, else under its own; only where all of it is signed."""
        name = ascii_domain(host)
        if name is None or not self._trusted:
            return TlsaRecords()
        for base in await self._tlsa_bases(name):
            found = await self._records(f"_{port}._tcp.{base}", "TLSA")
            if found.failed:
                return TlsaRecords(base=base, failed=True)
            if found.rows and found.secure:
                return TlsaRecords(tuple(text for _, text in found.rows), base)
        return TlsaRecords()

    async def _tlsa_bases(self, name: str) -> tuple[str, ...]:
        """Hosts in unsigned zones are not asked for TLSA: some of their servers do not answer such questions at all (RFC 7672 §2.2.2)."""
        both = await asyncio.gather(self._records(name, "A"), self._records(name, "AAAA"))
        answers = [answer for answer in both if answer.rows]
        canonical = next((answer.canonical for answer in answers if answer.canonical), "")
        if answers and all(answer.secure for answer in answers):
            return (canonical, name) if canonical else (name,)
        if canonical and (await self._records(name, "CNAME")).secure:
            return (name,)
        return ()

    # -- asking -----------------------------------------------------------------------------------------------

    async def _records(self, name: str, kind: str) -> _Records:
        key = (name, kind)
        cached = self._cache.get(key)
        if cached is not None and cached[0] > self._clock():
            return cached[1]
        return await self._once(key, lambda: self._ask(name, kind))

    async def _once(self, key: tuple[str, str], ask: Callable[[], Awaitable[_Records]]) -> _Records:
        """Who asks what is being asked waits for that answer; cancelling one of them stops nobody else's."""
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.ensure_future(ask())
            asking.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(asking)

    def _keep(self, key: tuple[str, str], done: "asyncio.Future[_Records]") -> None:
        del self._asking[key]
        if done.cancelled() or done.exception() is not None:
            return
        if len(self._cache) >= CACHE_LIMIT:
            for oldest in list(self._cache)[: CACHE_LIMIT // 10]:
                del self._cache[oldest]
        self._cache.pop(key, None)
        self._cache[key] = (self._clock() + done.result().ttl_s, done.result())

    async def _ask(self, name: str, kind: str) -> _Records:
        asked = dns.name.from_text(name)
        shortest, secure, first = LONGEST_TTL_S, self._trusted, asked
        for _ in range(MAX_CNAMES):
            try:
                answer = await self._dns.resolve(asked, kind, raise_on_no_answer=False, search=False)
            except dns.resolver.NXDOMAIN:
                return _Records((), NEGATIVE_TTL_S, missing=True)
            except (dns.exception.DNSException, OSError, ValueError):
                return FAILED  # SERVFAIL, REFUSED, timeouts, answers that are no DNS
            shortest = min(shortest, answer.chaining_result.minimum_ttl)
            secure = secure and bool(answer.response.flags & dns.flags.AD)
            if answer.rrset is not None:
                alias = "" if answer.canonical_name == first else answer.canonical_name.to_text(omit_final_dot=True).lower()
                return _Records(_rows(answer.rrset), max(SHORTEST_TTL_S, min(shortest, LONGEST_TTL_S)), secure=secure, canonical=alias)
            if answer.canonical_name == asked:
                return _Records((), NEGATIVE_TTL_S, secure=secure)
            asked = answer.canonical_name  # a server that does not follow CNAMEs itself
        return FAILED


def _rows(rrset: dns.rrset.RRset) -> tuple[tuple[int, str], ...]:
    """(preference, host) of MX records, (0, address) or (0, text) of others."""
    match rrset.rdtype:
        case dns.rdatatype.MX:
            return tuple((record.preference, record.exchange.to_text(omit_final_dot=True).lower() or ".") for record in rrset)
        case dns.rdatatype.TXT:
            return tuple((0, b"".join(record.strings).decode("utf-8", "replace")) for record in rrset)
        case dns.rdatatype.A | dns.rdatatype.AAAA:
            return tuple((0, record.address) for record in rrset)
        case _:
            return tuple((0, record.to_text()) for record in rrset)
