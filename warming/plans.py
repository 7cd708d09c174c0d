"""The shipped warm-up plans (warming/data/plans.json) into WarmupPlan rows.

Promises: idempotent; a shipped version whose figures differ from the row of that name and version is a mistake in the data and refused:
changed figures need a new version, because what ran must stay readable. An operator's plans and `is_enabled` are left alone.
Never: deletes; a plan that is no longer shipped stays and is no longer marked as shipped.
"""

import json
from pathlib import Path
from typing import Any

from django.db import transaction

from warming.models import WarmupPlan

DATA = Path(__file__).resolve().parent / "data" / "plans.json"
_FIGURES = ("unit", "scope", "daily")


class PlanChanged(Exception):
    """The data changed a plan's figures without giving it a new version."""


@transaction.atomic
def load_plans() -> int:
    """Bring the shipped plans into the database; how many are shipped."""
    entries: list[dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))["plans"]
    for entry in entries:
        _load(entry)
    shipped = {(entry["name"], entry["version"]) for entry in entries}
    gone = [plan.pk for plan in WarmupPlan.objects.filter(is_shipped=True) if (plan.name, plan.version) not in shipped]
    WarmupPlan.objects.filter(pk__in=gone).update(is_shipped=False)
    return len(entries)


def _load(entry: dict[str, Any]) -> None:
    words = {name: value for name, value in entry.items() if name not in ("name", "version")}
    plan, made = WarmupPlan.objects.get_or_create(name=entry["name"], version=entry["version"], defaults={**words, "is_shipped": True})
    if made:
        return
    if plan.is_shipped and any(getattr(plan, name) != entry[name] for name in _FIGURES):
        raise PlanChanged(f"The figures of the warm-up plan '{plan.name}' changed; they need a version after {plan.version}.")
    if plan.is_shipped:
        WarmupPlan.objects.filter(pk=plan.pk).update(**words)
