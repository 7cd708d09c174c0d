"""The shipped facts: pools/data/providers.json and responses.json, read once and checked by whoever loads them.

Owns: the paths and shapes of the two files. Promises: what it returns was parsed from the files as they are; the words in it
are the project's (pools.outcomes). Never: touches the database.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pools.outcomes import Reason

DATA = Path(__file__).resolve().parent.parent / "data"
SITE = "@"  # mimecast@eu: one region of a provider whose regions count by themselves


@dataclass(frozen=True, slots=True)
class ShippedRule:
    """A response rule as it is shipped; the fields of pools.models.ResponseRule without the operator's."""

    id: str
    provider_group: str
    position: int
    pattern: str
    reason: str
    disposition: str
    temporary_5xx: bool
    action: dict[str, Any]
    samples: list[str]
    source: str
    confidence: str
    note: str


@cache
def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return content


def providers() -> list[dict[str, Any]]:
    """The shipped providers, `default` first."""
    return list(_read("providers.json")["providers"])


@cache
def rules() -> tuple[ShippedRule, ...]:
    """The shipped response rules; positions leave room for an operator's own between them."""
    return tuple(
        ShippedRule(
            id=entry["id"],
            provider_group=entry["group"],
            position=10 * number,
            pattern=entry["pattern"],
            reason=str(Reason(entry["reason"])),
            disposition=entry["disposition"],
            temporary_5xx=entry.get("temporary_5xx", False),
            action=entry.get("action", {}),
            samples=entry["samples"],
            source=entry["source"],
            confidence=entry["confidence"],
            note=entry.get("note", ""),
        )
        for number, entry in enumerate(_read("responses.json")["rules"], start=1)
    )


@cache
def _groups() -> dict[str, str]:
    return {member: group for group, members in _read("responses.json")["groups"].items() for member in members}


def group_of(provider_key: str) -> str:
    """Whose response rules hold for a provider: microsoft's for both of its halves, otherwise its own."""
    key = provider_key.partition(SITE)[0]
    return _groups().get(key, key)


@cache
def enhanced_reasons() -> dict[tuple[int, str], Reason]:
    """(class, "subject.detail") of an enhanced status code (RFC 3463 and IANA's registry) to a reason."""
    table = _read("responses.json")["enhanced_status"]
    return {(int(kind), detail): Reason(reason) for detail, by_class in table.items() for kind, reason in by_class.items()}


def per_site(provider_key: str) -> bool:
    """Whether this provider's regions count by themselves."""
    return any(entry["key"] == provider_key and entry.get("per_site") for entry in providers())
