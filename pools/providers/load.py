"""Loading the catalogue: the shipped facts into Provider and ResponseRule rows, as often as one likes.

Promises: idempotent, one transaction. An operator's work survives an upgrade: `Provider.overrides`, rules with `edited`, providers
and rules of the operator's own. What is no longer shipped stops working instead of vanishing: rules are disabled, providers
lose their suffixes and domains (their paths and history keep a name). Never: deletes.
"""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction

from pools.models import Provider, ResponseRule
from pools.providers import shipped


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load came to."""

    providers: int
    rules: int
    kept: int
    retired: int

    def __str__(self) -> str:
        return f"{self.providers} providers, {self.rules} response rules; {self.kept} edited rules kept, {self.retired} retired."


@transaction.atomic
def load_catalogue() -> Loaded:
    """Bring Provider and ResponseRule to what is shipped."""
    _load_providers()
    return _load_rules()


def restore_rule(rule: ResponseRule) -> bool:
    """Give a rule its shipped form back; False when nothing of that id is shipped."""
    entry = next((entry for entry in shipped.rules() if entry.id == rule.id), None)
    if entry is None:
        return False
    for name, value in {**asdict(entry), "enabled": True, "edited": False}.items():
        setattr(rule, name, value)
    rule.save()
    return True


def _load_providers() -> None:
    entries = shipped.providers()
    rows = [
        Provider(
            key=entry["key"],
            name=entry["name"],
            kind=entry["kind"],
            is_tail=False,
            mx_suffixes=entry["mx_suffixes"],
            domains=entry["domains"],
            facts=_facts(entry),
        )
        for entry in entries
    ]
    names = ["name", "kind", "is_tail", "mx_suffixes", "domains", "facts"]
    Provider.objects.bulk_create(rows, update_conflicts=True, unique_fields=["key"], update_fields=names)
    gone = Provider.objects.filter(facts__has_key="shipped", is_tail=False).exclude(key__in=[entry["key"] for entry in entries])
    gone.exclude(key__contains=shipped.SITE).update(mx_suffixes=[], domains=[])
    for entry in entries:  # regions of a provider share its facts
        if entry.get("per_site"):
            Provider.objects.filter(key__startswith=entry["key"] + shipped.SITE).update(facts=_facts(entry))


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    kept = ("limits", "tls", "retry_after_block", "notes", "mx_confidence", "per_site")
    return {"shipped": True, **{name: entry[name] for name in kept if name in entry}}


def _load_rules() -> Loaded:
    entries = shipped.rules()
    edited = set(ResponseRule.objects.select_for_update().filter(edited=True).values_list("id", flat=True))
    rows = [ResponseRule(**asdict(entry), enabled=True, edited=False) for entry in entries if entry.id not in edited]
    names = [name for name in asdict(entries[0]) if name != "id"]
    ResponseRule.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=[*names, "enabled"])
    gone = ResponseRule.objects.filter(edited=False, enabled=True).exclude(id__in=[entry.id for entry in entries])
    return Loaded(providers=len(shipped.providers()), rules=len(entries), kept=len(edited), retired=gone.update(enabled=False))
