"""Asking DNS about something: one look, bounded in questions and time.

Owns: what this look has asked already (each question once). Promises: never raises for what a name or a server answers; FAILED is said of
what could not be asked, and of nothing else: timeouts, SERVFAIL, aliases in a circle, the bounds of this look. An answer has at most MAX_ROWS rows.
Answers are hostile: they are text to compare and to quote, never anything else. Never: connects to what it found.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.reversename
import dns.rrset

MAX_QUESTIONS = 300
MAX_SECONDS = 20.0
MAX_ROWS = 200
MAX_ALIASES = 8
AT_ONCE = 10


class Status(StrEnum):
    FOUND = "found"
    EMPTY = "empty"  # the name exists and has no such record
    MISSING = "missing"  # no such name
    FAILED = "failed"  # could not be asked


@dataclass(frozen=True, slots=True)
class Answer:
    """`rows`: texts joined, addresses, host names, `preference host`. `why`: what kept us from asking. `canonical`: where aliases led."""

    status: Status
    rows: tuple[str, ...] = ()
    why: str = ""
    canonical: str = ""

    @property
    def failed(self) -> bool:
        return self.status is Status.FAILED


class Ask(Protocol):
    """What every check is handed: a question, an answer."""

    async def __call__(self, name: str, kind: str) -> Answer: ...


def asker_of(server: str, timeout_s: float, lifetime_s: float) -> dns.asyncresolver.Resolver:
    """What asks `server`, host:port; empty: the machine's own resolvers. It keeps nothing."""
    asker = dns.asyncresolver.Resolver(configure=not server)
    if server:
        host, _, port = server.rpartition(":")
        asker.nameservers, asker.port = [host.strip("[]")], int(port)
    asker.timeout, asker.lifetime, asker.cache = timeout_s, lifetime_s, None
    return asker


class Asker:
    """One look. `server` is host:port; empty: the machine's own resolvers."""

    def __init__(
        self, server: str = "", *, timeout_s: float = 2.0, lifetime_s: float = 5.0, questions: int = MAX_QUESTIONS, seconds: float = MAX_SECONDS,
        at_once: int = AT_ONCE,
    ) -> None:  # fmt: skip
        self._dns = asker_of(server, timeout_s, lifetime_s)
        self._left = questions
        self._until: float | None = None
        self._seconds = seconds
        self._asked: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self._turn = asyncio.Semaphore(at_once)

    @property
    def questions(self) -> int:
        return len(self._asked)

    async def __call__(self, name: str, kind: str) -> Answer:
        key = (name.rstrip(".").lower(), kind)
        asking = self._asked.get(key)
        if asking is None:
            asking = self._asked[key] = asyncio.ensure_future(self._bounded(*key))
        return await asyncio.shield(asking)

    async def _bounded(self, name: str, kind: str) -> Answer:
        if self._left <= 0:
            return Answer(Status.FAILED, why="this look had asked its last question")
        self._left -= 1
        clock = asyncio.get_running_loop().time
        if self._until is None:
            self._until = clock() + self._seconds
        async with self._turn:
            try:
                async with asyncio.timeout_at(self._until):
                    return await self._ask(name, kind)
            except TimeoutError:
                return Answer(Status.FAILED, why=f"the whole look took longer than {self._seconds:.0f} s")

    async def _ask(self, name: str, kind: str) -> Answer:
        try:
            asked = dns.name.from_text(name)
        except (dns.exception.DNSException, ValueError):
            return Answer(Status.MISSING)  # what is no name has no records
        for _ in range(MAX_ALIASES):
            try:
                answer = await self._dns.resolve(asked, kind, raise_on_no_answer=False, search=False)
            except dns.resolver.NXDOMAIN:
                return Answer(Status.MISSING)
            except (dns.exception.DNSException, OSError, ValueError) as error:
                return Answer(Status.FAILED, why=_why(error))
            canonical = answer.canonical_name.to_text(omit_final_dot=True).lower()
            if answer.rrset is not None:
                return Answer(Status.FOUND, tuple(_rows(answer.rrset)[:MAX_ROWS]), canonical=canonical)
            if answer.canonical_name == asked:
                return Answer(Status.EMPTY, canonical=canonical)
            asked = answer.canonical_name  # a server that does not follow aliases itself
        return Answer(Status.FAILED, why="its aliases lead in a circle or too far")


async def in_turn(ask: Ask, questions: list[tuple[str, str]]) -> list[Answer]:
    """Several questions at once; the asker keeps how many go together."""
    return list(await asyncio.gather(*(ask(name, kind) for name, kind in questions)))


def reverse_name(address: str) -> str:
    return dns.reversename.from_address(address).to_text(omit_final_dot=True)


def _why(error: Exception) -> str:
    if isinstance(error, dns.resolver.LifetimeTimeout | dns.exception.Timeout):
        return "no answer came in time"
    if isinstance(error, dns.resolver.NoNameservers):
        codes = [str(entry[3]) for entry in error.kwargs.get("errors", ()) if len(entry) > 3]
        return f"the name server answered {codes[-1][:80]}" if codes else "no name server gave an answer"
    if isinstance(error, dns.resolver.YXDOMAIN | dns.resolver.NoMetaqueries | dns.message.ChainTooLong):
        return "its aliases lead in a circle or too far"
    return f"the answer was none ({type(error).__name__})"


def _rows(rrset: dns.rrset.RRset) -> list[str]:
    show: dict[int, Callable[..., str]] = {
        dns.rdatatype.TXT: lambda record: b"".join(record.strings).decode("utf-8", "replace"),
        dns.rdatatype.MX: lambda record: f"{record.preference} {record.exchange.to_text(omit_final_dot=True).lower() or '.'}",
        dns.rdatatype.PTR: lambda record: record.target.to_text(omit_final_dot=True).lower(),
        dns.rdatatype.CNAME: lambda record: record.target.to_text(omit_final_dot=True).lower(),
        dns.rdatatype.A: lambda record: record.address,
        dns.rdatatype.AAAA: lambda record: record.address,
    }
    return [show.get(rrset.rdtype, lambda record: record.to_text())(record) for record in rrset]
