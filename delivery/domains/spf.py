"""SPF as a receiver evaluates it (RFC 7208 §4), and a survey of the whole tree for people.

`check_host` is the receiver: first match decides, ten terms that ask DNS (§4.6.4), two answers without records, ten names of an mx or ptr. `survey`
walks everything that could be asked when nothing matches: the worst case, and what the tree looks like. Pure but for the asker that is handed in.
Promises: ends, whatever records say: circles and deep trees run into the limits. TEMPERROR is said of nothing but what could not be asked.
"""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum

from delivery.domains.spf_terms import Malformed, Record, Term, expand, is_spf, parse
from mailplatform.shell.ask import Answer, Ask, Status, in_turn, reverse_name

MOST_LOOKUPS, MOST_VOID, MOST_NAMES = 10, 2, 10
SURVEY_LOOKUPS = 40

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Result(StrEnum):
    PASS = "pass"  # noqa: S105  a result (§2.6.3)
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    PERMERROR = "permerror"
    TEMPERROR = "temperror"


OF_QUALIFIER = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why`: the term that matched, or what went wrong. `lookups`, `voids`: as far as this evaluation went."""

    result: Result
    why: str
    lookups: int
    voids: int


@dataclass(slots=True)
class Branch:
    """One record of the tree and what it refers to; `problem` in place of branches that could not be walked."""

    domain: str
    record: str = ""
    lookups: int = 0  # of its own terms
    branches: "list[Branch]" = field(default_factory=list)
    problem: str = ""

    @property
    def total(self) -> int:
        return self.lookups + sum(branch.total for branch in self.branches)

    def told(self) -> dict[str, object]:
        """As JSON, within bounds."""
        told: dict[str, object] = {"domain": self.domain, "record": self.record[:1000], "lookups": self.lookups}
        if self.problem:
            told["problem"] = self.problem
        if self.branches:
            told["branches"] = [branch.told() for branch in self.branches]
        return told


class _Stop(Exception):
    """The whole evaluation ends with this."""

    def __init__(self, result: Result, why: str) -> None:
        super().__init__(why)
        self.result, self.why = result, why


class _Count:
    """What one evaluation has used of its limits."""

    def __init__(self, most_lookups: int, most_void: int) -> None:
        self.lookups = self.voids = 0
        self.most_lookups, self.most_void = most_lookups, most_void

    def lookup(self) -> None:
        self.lookups += 1
        if self.lookups > self.most_lookups:
            raise _Stop(Result.PERMERROR, f"more than {self.most_lookups} terms ask DNS")

    def void(self) -> None:
        self.voids += 1
        if self.voids > self.most_void:
            raise _Stop(Result.PERMERROR, f"more than {self.most_void} lookups find nothing")


async def check_host(ask: Ask, address: str, domain: str, sender: str = "", helo: str = "") -> Verdict:
    """What a receiver makes of mail from this address with this domain in MAIL FROM."""
    count = _Count(MOST_LOOKUPS, MOST_VOID)
    look = _Look(ask, ipaddress.ip_address(address), sender or f"postmaster@{domain}", helo or domain, count)
    try:
        result, why = await look.check(domain)
    except _Stop as stop:
        result, why = stop.result, stop.why
    return Verdict(result, why, count.lookups, count.voids)


class _Look:
    """One evaluation of one address."""

    def __init__(self, ask: Ask, address: Address, sender: str, helo: str, count: _Count) -> None:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        self.address: Address = mapped or address
        self.ask, self.sender, self.helo, self.count = ask, sender, helo, count

    async def check(self, domain: str) -> tuple[Result, str]:
        texts = await record_of(self.ask, domain)
        if texts.failed:
            return Result.TEMPERROR, f"{domain}: {texts.why}"
        found = [text for text in texts.rows if is_spf(text)]
        if not found:
            return Result.NONE, f"{domain} has no SPF record"
        if len(found) > 1:
            return Result.PERMERROR, f"{domain} has {len(found)} SPF records"
        try:
            record = parse(found[0])
        except Malformed as mistake:
            return Result.PERMERROR, f"{domain}: {mistake}"
        for term in record.terms:
            if await self._matches(term, domain):
                return OF_QUALIFIER[term.qualifier], f"{term.text[:200]} of {domain}"
        if record.redirect:
            return await self._redirected(record, domain)
        return Result.NEUTRAL, f"nothing of {domain} matches"

    async def _redirected(self, record: Record, domain: str) -> tuple[Result, str]:
        self.count.lookup()
        target = await self._target(record.redirect, domain)
        result, why = await self.check(target)
        return (Result.PERMERROR, f"redirect to {target}, which has no SPF record") if result is Result.NONE else (result, why)

    async def _matches(self, term: Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.network is not None:
            return self.address.version == term.network.version and self.address in term.network
        self.count.lookup()
        target = await self._target(term.target, domain) if term.target else domain
        match term.name:
            case "include":
                return await self._included(target)
            case "a":
                return self._within(await self._addresses(target), term)
            case "mx":
                return await self._mx(target, term)
            case "exists":
                return bool(self._rows(await self.ask(target, "A")))
            case _:
                names = await self._validated_names()
                return any(name == target.lower() or name.endswith("." + target.lower()) for name in names)

    async def _included(self, target: str) -> bool:
        result, why = await self.check(target)
        if result is Result.TEMPERROR:
            raise _Stop(Result.TEMPERROR, why)
        if result in (Result.PERMERROR, Result.NONE):  # §5.2
            raise _Stop(Result.PERMERROR, f"include of {target}: {why}")
        return result is Result.PASS

    async def _mx(self, target: str, term: Term) -> bool:
        hosts = [row.partition(" ")[2] for row in self._rows(await self.ask(target, "MX"))]
        if len(hosts) > MOST_NAMES:
            raise _Stop(Result.PERMERROR, f"{target} has more than {MOST_NAMES} mail hosts")
        for host in hosts:
            if host != "." and self._within(self._rows(await self.ask(host, self._kind), counts=False), term):
                return True
        return False

    async def _validated_names(self) -> list[str]:
        """Names of the address that lead back to it (§5.5); what cannot be asked is no match."""
        reverse = await self.ask(reverse_name(str(self.address)), "PTR")
        if reverse.status in (Status.EMPTY, Status.MISSING):
            self.count.void()
        names = list(reverse.rows[:MOST_NAMES])
        back = await in_turn(self.ask, [(name, self._kind) for name in names])
        return [name for name, answer in zip(names, back, strict=True) if str(self.address) in answer.rows]

    async def _target(self, spec: str, domain: str) -> str:
        local, _, host = self.sender.rpartition("@")
        is_four = self.address.version == 4
        dotted = str(self.address) if is_four else ".".join(f"{int(self.address):032x}")
        values = {"s": self.sender, "l": local or "postmaster", "o": host, "d": domain, "i": dotted, "h": self.helo, "v": "in-addr" if is_four else "ip6"}
        if "%{p" in spec.lower():
            names = await self._validated_names()
            values["p"] = next((name for name in names if name == domain or name.endswith("." + domain)), names[0] if names else "unknown")
        return expand(spec, values)

    async def _addresses(self, name: str) -> tuple[str, ...]:
        return self._rows(await self.ask(name, self._kind))

    def _rows(self, answer: Answer, counts: bool = True) -> tuple[str, ...]:
        if answer.failed:
            raise _Stop(Result.TEMPERROR, answer.why)
        if not answer.rows and counts:
            self.count.void()
        return answer.rows

    def _within(self, rows: tuple[str, ...], term: Term) -> bool:
        prefix = term.prefix4 if self.address.version == 4 else term.prefix6
        return any(self.address in ipaddress.ip_network(f"{row}/{prefix}", strict=False) for row in rows)

    @property
    def _kind(self) -> str:
        return "A" if self.address.version == 4 else "AAAA"


async def record_of(ask: Ask, domain: str) -> Answer:
    """The TXT records of a name; what can be no domain has none (§4.3)."""
    labels = domain.rstrip(".").split(".")
    if len(domain) > 254 or any(not 1 <= len(label) <= 63 for label in labels) or len(labels) < 2:
        return Answer(Status.MISSING)
    return await ask(domain, "TXT")


async def survey(ask: Ask, domain: str, address: str) -> Branch:
    """The whole tree as it would be walked if nothing in it matched; macros are filled in for this address."""
    count = _Count(SURVEY_LOOKUPS, SURVEY_LOOKUPS)
    return await _walk(_Look(ask, ipaddress.ip_address(address), f"postmaster@{domain}", domain, count), domain, ())


async def _walk(look: _Look, domain: str, above: tuple[str, ...]) -> Branch:
    branch = Branch(domain)
    if domain.lower() in above:
        branch.problem = "leads in a circle"
        return branch
    texts = await record_of(look.ask, domain)
    found = [text for text in texts.rows if is_spf(text)]
    branch.record = found[0] if found else ""
    if texts.failed or len(found) != 1:
        branch.problem = texts.why or (f"{len(found)} SPF records" if found else "no SPF record")
        return branch
    try:
        record = parse(found[0])
    except Malformed as mistake:
        branch.problem = str(mistake)
        return branch
    try:
        for spec, follows in _asking(record):
            branch.lookups += 1
            look.count.lookup()
            if follows:
                branch.branches.append(await _walk(look, await look._target(spec, domain), (*above, domain.lower())))
    except _Stop as stop:
        branch.problem = stop.why
    return branch


def _asking(record: Record) -> list[tuple[str, bool]]:
    """The terms that ask DNS: (what they name, whether another record is read there)."""
    asking = [(term.target, term.name == "include") for term in record.terms if term.name not in ("all", "ip4", "ip6")]
    return [*asking, (record.redirect, True)] if record.redirect else asking
