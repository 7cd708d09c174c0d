"""What the page of a domain shows, put together: each record with what was seen of it, other checks, keys with dates, requirements by provider. Words are
in the checks; here they are only placed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, IntegerField, QuerySet, Value, When

from delivery.domains import keys
from delivery.domains.plan import Plan, plan_of
from delivery.domains.readiness import ProviderVerdict, Requirement, State, Verdict, readiness
from delivery.domains.records import Need, Record, delegation_of, records_of
from mailplatform.shell.clock import now
from mailplatform.tenants.models import DkimKey, DomainCheck, SendingDomain

WORST_SHOWN = 50
LOOKS = {"right": "good", "wrong": "broken", "unknown": "limited", "": "stopped"}
STATE_LOOKS = {State.MET: "good", State.NOT_MET: "broken", State.UNKNOWN: "limited", State.NOT_APPLICABLE: "stopped"}
OTHERS = {
    "alignment": "Alignment with From", "spf": "SPF of the return path", "return_path": "The platform's return path", "from_domain": "The From domain",
    "ptr": "Names of the sending IPs",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """A check's row in the looks of the page; without a row nothing was asked yet."""

    word: str
    look: str
    row: DomainCheck | None

    @property
    def shows_what_was_seen(self) -> bool:
        return self.row is not None and self.word == "wrong" and bool(self.row.seen)

    @property
    def tree(self) -> list[dict[str, Any]]:
        """SPF's tree, flat, each with its depth."""
        return list(_flat((self.row.detail or {}).get("tree"), 0)) if self.row is not None else []


@dataclass(frozen=True, slots=True)
class RecordShown:
    record: Record
    seen: Seen
    instead: Record | None
    key: DkimKey | None

    @property
    def title(self) -> str:
        return {"ownership": "Ownership", "dmarc": "DMARC", "own_return_path": "Return path", "from_spf": "SPF of the From domain", "spf": "SPF"}.get(
            self.record.check, f"DKIM {self.record.subject}"
        )


@dataclass(frozen=True, slots=True)
class KeyShown:
    key: DkimKey
    state: str
    look: str
    needed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Cell:
    word: str
    look: str


@dataclass(frozen=True, slots=True)
class RequirementShown:
    title: str
    cells: tuple[Cell | None, ...]
    told: Requirement


@dataclass(frozen=True, slots=True)
class Page:
    plan: Plan
    verdict: Verdict
    look: str
    records: tuple[RecordShown, ...]
    platform: tuple[RecordShown, ...]
    others: tuple[tuple[str, Seen], ...]
    keys: tuple[KeyShown, ...]
    requirements: tuple[RequirementShown, ...]
    wrong: int


def page_of(domain: SendingDomain) -> Page:
    plan, verdict = plan_of(domain), readiness(domain)
    rows = {(row.kind, row.subject): row for row in domain.checks.all()}
    by_selector = {key.selector: key for key in domain.dkim_keys.defer("private_encrypted")}
    shown = [
        RecordShown(record, _seen(rows.get((record.check, record.subject))), delegation_of(plan, record), by_selector.get(record.subject))
        for record in records_of(plan)
    ]
    mine = [one for one in shown if not one.record.ours]
    return Page(
        plan=plan,
        verdict=verdict,
        look=STATE_LOOKS[verdict.state] if domain.verified_at else "limited",
        records=tuple(sorted(mine, key=_urgency)),
        platform=tuple(one for one in shown if one.record.ours),
        others=tuple((title, _seen(rows.get((kind, "")))) for kind, title in OTHERS.items()),
        keys=tuple(_key(key) for key in by_selector.values()),
        requirements=_requirements(verdict.providers),
        wrong=sum(row.answer == DomainCheck.Answer.WRONG for row in rows.values()),
    )


def worst_first(domains: QuerySet[SendingDomain]) -> list[SendingDomain]:
    """Those that somebody should look at: wrong and sending, then not verified, then not known."""
    rank = Case(
        When(verified_at__isnull=False, verdict__state="not met", then=Value(0)), When(verified_at=None, then=Value(1)),
        When(verdict__state="met", then=Value(9)), default=Value(2), output_field=IntegerField(),
    )  # fmt: skip
    return list(domains.annotate(rank=rank).filter(rank__lt=9).order_by("rank", "name")[:WORST_SHOWN])


def state_of_row(domain: SendingDomain) -> tuple[str, str]:
    """(word, look) for a list."""
    if domain.verified_at is None:
        return "unverified", "limited"
    verdict = readiness(domain)
    return {State.MET: ("ready", "good"), State.NOT_MET: ("not ready", "broken")}.get(verdict.state, ("verified", "good"))


def _seen(row: DomainCheck | None) -> Seen:
    word = row.answer if row is not None else ""
    return Seen({"unknown": "could not ask", "": "not asked yet"}.get(word, word), LOOKS[word], row)


def _urgency(one: RecordShown) -> tuple[int, int]:
    """What is wrong comes first, then what is needed most."""
    answer = one.seen.row.answer if one.seen.row else "unknown"
    return ("wrong", "unknown", "right").index(answer), list(Need).index(one.record.need)


def _key(key: DkimKey) -> KeyShown:
    state = keys.state_of(key, now())
    look = {keys.KeyState.ACTIVE: "good", keys.KeyState.WAITING: "limited"}.get(state, "stopped")
    return KeyShown(key, state.value, look, keys.needed_until(key.retired_at) if key.retired_at else None)


def _requirements(providers: tuple[ProviderVerdict, ...]) -> tuple[RequirementShown, ...]:
    names = list(dict.fromkeys(one.name for provider in providers for one in provider.requirements))
    found = []
    for name in names:
        each = [next((one for one in provider.requirements if one.name == name), None) for provider in providers]
        told = min((one for one in each if one), key=lambda one: (State.NOT_MET, State.UNKNOWN, State.MET, State.NOT_APPLICABLE).index(one.state))
        found.append(RequirementShown(told.title, tuple(Cell(one.state.value, STATE_LOOKS[one.state]) if one else None for one in each), told))
    return tuple(found)


def _flat(branch: dict[str, Any] | None, depth: int) -> Any:
    if not branch or depth > 12:
        return
    yield {"depth": "\u2003" * depth, **{name: branch.get(name, "") for name in ("domain", "record", "problem", "lookups")}}
    for below in branch.get("branches", ()):
        yield from _flat(below, depth + 1)
