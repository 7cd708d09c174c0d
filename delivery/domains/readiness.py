"""Readiness: what Gmail, Yahoo and Microsoft ask of bulk senders, held against what is known of a domain. Pure.

Promises: what could not be asked is `unknown`, never `met` and never `not met`; each requirement says what to do. `readiness` reads the verdict that
the last check left, in one column of one row: whoever decides about many messages may ask it. The rules, as the providers' own pages have them
(2025-2026), stand in RULES and nowhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from delivery.domains.finding import Answer
from mailplatform.shell.formats import listed
from mailplatform.tenants.models import SendingDomain

SPAM_RATE_MOST = 0.003
SPAM_RATE_AIM = 0.001
ENOUGH_DELIVERED = 1000  # below it a rate says nothing


class State(StrEnum):
    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    title: str
    link: str


SOURCES = (
    Source("gmail", "Gmail", "https://support.google.com/a/answer/81126"),
    Source("yahoo", "Yahoo", "https://senders.yahooinc.com/best-practices/"),
    Source(
        "microsoft", "Outlook.com",
        "https://techcommunity.microsoft.com/blog/microsoftdefenderforoffice365blog/"
        "strengthening-email-ecosystem-outlook%E2%80%99s-new-requirements-for-high%E2%80%90volume-senders/4399730",
    ),
)  # fmt: skip
# Which requirements a provider has, in the order in which they are shown. Microsoft asks for a working unsubscribe link, not for one click.
RULES: dict[str, tuple[str, ...]] = {
    "gmail": ("spf", "dkim", "dmarc", "alignment", "ptr", "tls", "unsubscribe", "spam_rate"),
    "yahoo": ("spf", "dkim", "dmarc", "alignment", "ptr", "from_domain", "unsubscribe", "spam_rate"),
    "microsoft": ("spf", "dkim", "dmarc", "alignment", "from_domain", "unsubscribe"),
}


@dataclass(frozen=True, slots=True)
class Requirement:
    name: str
    title: str
    state: State
    sentence: str
    to_do: str = ""


@dataclass(frozen=True, slots=True)
class ProviderVerdict:
    name: str
    title: str
    link: str
    requirements: tuple[Requirement, ...]

    @property
    def state(self) -> State:
        return _worst(one.state for one in self.requirements)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state`: met at every provider, not met at one, or unknown. `at`: when it was found out; None: never yet."""

    state: State
    sentence: str
    providers: tuple[ProviderVerdict, ...] = ()
    at: datetime | None = None

    @property
    def ready(self) -> bool:
        return self.state is State.MET


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known besides DNS. `spam`: (complaints, delivered) by provider of late, None where it could not be read."""

    is_verified: bool
    marketing_without_unsubscribe: tuple[str, ...]
    has_marketing: bool
    without_tls: Mapping[str, bool]
    spam: Mapping[str, tuple[int, int]] | None


@dataclass(frozen=True, slots=True)
class Known:
    """A finding as it stands: when it could not be asked just now, what was known before, for as long as that may count."""

    answer: Answer
    sentence: str


def judge(checks: Mapping[str, Sequence[Known]], facts: Facts, at: datetime) -> Verdict:
    """`checks` by kind; DKIM's are those of the keys that sign."""
    providers = tuple(
        ProviderVerdict(source.name, source.title, source.link, tuple(_requirement(rule, source.name, checks, facts) for rule in RULES[source.name]))
        for source in SOURCES
    )
    state = _worst(provider.state for provider in providers) if facts.is_verified else State.NOT_MET
    return Verdict(state, _sentence(state, providers, facts.is_verified), providers, at)


def readiness(domain: SendingDomain) -> Verdict:
    """As the last check left it: no DNS, no query beyond the row."""
    return read_verdict(domain.verdict)


def read_verdict(kept: Mapping[str, Any]) -> Verdict:
    if not kept:
        return Verdict(State.UNKNOWN, "Not checked yet.")
    providers = tuple(
        ProviderVerdict(one["name"], one["title"], one["link"], tuple(_read_requirement(each) for each in one["requirements"])) for one in kept["providers"]
    )
    return Verdict(State(kept["state"]), kept["sentence"], providers, datetime.fromisoformat(kept["at"]) if kept["at"] else None)


def as_json(verdict: Verdict) -> dict[str, Any]:
    return {**asdict(verdict), "at": verdict.at.isoformat() if verdict.at else None}


def _read_requirement(kept: Mapping[str, str]) -> Requirement:
    return Requirement(kept["name"], kept["title"], State(kept["state"]), kept["sentence"], kept["to_do"])


TITLES = {
    "spf": "SPF passes",
    "dkim": "DKIM signs, and its key is published",
    "dmarc": "DMARC has a policy",
    "alignment": "From is aligned with DKIM or SPF",
    "ptr": "Sending IPs have names that lead back",
    "tls": "Mail goes over TLS",
    "from_domain": "The From domain can be written to",
    "unsubscribe": "Marketing mail can be left with one click",
    "spam_rate": "Complaints stay below 0.3 %",
}
LACKS = {
    "spf": "SPF for the sending IPs",
    "dkim": "a DKIM key in DNS",
    "dmarc": "a DMARC policy",
    "alignment": "alignment with From",
    "ptr": "names of the sending IPs",
    "tls": "TLS",
    "from_domain": "a mail host of its own",
    "unsubscribe": "unsubscribe links",
    "spam_rate": "a complaint rate below 0.3 %",
}
TO_DO = {
    "spf": "The platform's operator adds the sending IPs to the return path's SPF record.",
    "dkim": "Publish the DKIM record as it stands here.",
    "dmarc": "Publish a DMARC record: v=DMARC1; p=none is enough.",
    "alignment": "Publish the DKIM record: its signature carries the From domain.",
    "ptr": "The platform's operator gives the sending IPs names, both ways.",
    "from_domain": "Give the From domain an MX record or an address.",
}


def _requirement(rule: str, provider: str, checks: Mapping[str, Sequence[Known]], facts: Facts) -> Requirement:
    if rule == "tls":
        return _tls(provider, facts)
    if rule == "unsubscribe":
        return _unsubscribe(provider, facts)
    if rule == "spam_rate":
        return _spam_rate(provider, facts)
    found = checks.get(rule, ())
    title = TITLES[rule]
    if not found:
        if rule == "dkim":
            return Requirement(rule, title, State.NOT_MET, "No key signs.", TO_DO[rule])
        return Requirement(rule, title, State.UNKNOWN, "It was not looked at yet.", "Check again.")
    # Of several keys one that verifies is enough: receivers take the signature that passes (RFC 6376 §4.2).
    best = min(found, key=lambda one: (Answer.RIGHT, Answer.UNKNOWN, Answer.WRONG).index(one.answer))
    state = {Answer.RIGHT: State.MET, Answer.WRONG: State.NOT_MET, Answer.UNKNOWN: State.UNKNOWN}[best.answer]
    return Requirement(rule, title, state, best.sentence, {State.NOT_MET: TO_DO[rule], State.UNKNOWN: "Check again."}.get(state, ""))


def _tls(provider: str, facts: Facts) -> Requirement:
    if facts.without_tls.get(provider):
        return Requirement("tls", TITLES["tls"], State.NOT_MET, "An operator let mail to this provider go without TLS.", "End that exception on the page TLS.")
    return Requirement("tls", TITLES["tls"], State.MET, "Nothing goes to this provider in the clear.")


def _unsubscribe(provider: str, facts: Facts) -> Requirement:
    title = TITLES["unsubscribe"] if provider != "microsoft" else "Marketing mail can be left"
    if not facts.has_marketing:
        return Requirement("unsubscribe", title, State.NOT_APPLICABLE, "The tenant has no marketing stream.")
    if without := facts.marketing_without_unsubscribe:
        told = f"Without unsubscribe links: {', '.join(without)}."
        return Requirement("unsubscribe", title, State.NOT_MET, told, "Let the stream's mail carry unsubscribe links, or make sure that yours does.")
    return Requirement("unsubscribe", title, State.MET, "Marketing streams carry List-Unsubscribe and List-Unsubscribe-Post (RFC 8058).")


def _spam_rate(provider: str, facts: Facts) -> Requirement:
    title = TITLES["spam_rate"]
    if facts.spam is None:
        return Requirement("spam_rate", title, State.UNKNOWN, "What was complained about could not be read.", "Check again.")
    complaints, delivered = facts.spam.get(provider, (0, 0))
    if delivered < ENOUGH_DELIVERED:
        return Requirement("spam_rate", title, State.NOT_APPLICABLE, f"{delivered} deliveries in 7 days are too few to tell a rate.")
    rate = complaints / delivered
    told = f"{rate * 100:.2f} % in 7 days: {complaints} of {delivered}, as far as complaints come back to us."
    if rate >= SPAM_RATE_MOST:
        return Requirement("spam_rate", title, State.NOT_MET, told, "Mail only who asked for it; stop what is complained about.")
    return Requirement("spam_rate", title, State.MET, told, "" if rate < SPAM_RATE_AIM else "Aim below 0.1 %.")


def _worst(states: Any) -> State:
    """Not met before unknown before met; what does not apply counts for nothing."""
    found = set(states)
    return State.NOT_MET if State.NOT_MET in found else State.UNKNOWN if State.UNKNOWN in found else State.MET


def _sentence(state: State, providers: Sequence[ProviderVerdict], is_verified: bool) -> str:
    missing = dict.fromkeys(LACKS[one.name] for provider in providers for one in provider.requirements if one.state is State.NOT_MET)
    where = [provider.title for provider in providers if provider.state is State.NOT_MET]
    if not is_verified:
        return "It is not verified: nothing goes out with it."
    if state is State.NOT_MET:
        return f"Not ready for bulk mail to {listed(where)}: it lacks {listed(list(missing))}."
    if state is State.UNKNOWN:
        return "Nothing is known to be missing, but not everything could be asked."
    return f"Ready for bulk mail to {listed([source.title for source in SOURCES])}."
