"""Plan files: warm-up plans as JSON, out of one platform and into another.

Promises: what is wrong is named with its place, all of it at once, and then nothing is brought in. A version that is here already with the same figures is
left alone; with other figures the plan comes in as the next version of its name: what ran stays readable. A shipped plan is never changed.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max

from warming.gates import Trouble
from warming.models import WarmupPlan

FIELDS = ("name", "version", "title", "unit", "scope", "daily", "facts", "source", "confidence")
FIGURES = ("unit", "scope", "daily", "facts")
MOST_DAYS, MOST_A_DAY = 366, 2_147_483_647
_TEXTS = {"title": 120, "unit": 60, "scope": 40, "source": 10_000, "confidence": 40}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,60}")


class PlansRefused(ValueError):
    """`problems`: what is wrong, and where."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a file would do with one of its plans: not saved. `here`: the same figures are there already, and nothing comes in."""

    plan: WarmupPlan
    here: bool


@dataclass(frozen=True, slots=True)
class Imported:
    made: tuple[str, ...]
    kept: int


def export(plans: Iterable[WarmupPlan]) -> str:
    """A file of these plans."""
    return json.dumps({"plans": [{name: getattr(plan, name) for name in FIELDS} for plan in plans]}, indent=1, ensure_ascii=False) + "\n"


def import_plans(text: str) -> Imported:
    """All of the file or nothing."""
    entries = _read(text)
    with transaction.atomic():
        made = [plan for plan in map(_bring_in, entries) if plan]
    return Imported(tuple(f"{plan.name}, version {plan.version}" for plan in made), len(entries) - len(made))


def preview(text: str) -> list[Outlook]:
    """What `import_plans` would do now; what is wrong is told the same way."""
    seen: dict[str, list[WarmupPlan]] = {}
    found = []
    for entry in _read(text):
        known = seen.setdefault(entry["name"], list(WarmupPlan.objects.filter(name=entry["name"])))
        found.append(_outlook(entry, known))
        if not found[-1].here:
            known.append(found[-1].plan)
    return found


def _read(text: str) -> list[dict[str, Any]]:
    try:
        file = json.loads(text)
    except (ValueError, RecursionError) as why:
        raise PlansRefused([f"This is no JSON: {why}."]) from None
    plans = file.get("plans") if isinstance(file, dict) else None
    if not isinstance(plans, list) or not plans:
        raise PlansRefused(['The file needs {"plans": [...]} with at least one plan.'])
    if wrong := [f"plans[{n}]{problem}" for n, plan in enumerate(plans) for problem in problems_of(plan)]:
        raise PlansRefused(wrong)
    return plans


def problems_of(plan: Any) -> list[str]:
    """Each begins with its place in the plan: `.daily[3]: …`."""
    if not isinstance(plan, Mapping):
        return [": a plan is an object."]
    wrong = [f".{name}: there is no such field." for name in plan if name not in FIELDS]
    if not isinstance(plan.get("name"), str) or not _NAME.fullmatch(plan["name"]):
        wrong.append(".name: up to 60 letters, digits, - and _.")
    if not isinstance(plan.get("title"), str) or not plan["title"].strip():
        wrong.append(".title: is missing.")
    wrong += [
        f".{name}: a text of at most {most} characters." for name, most in _TEXTS.items()
        if name in plan and (not isinstance(plan[name], str) or len(plan[name]) > most or "\0" in plan[name])
    ]  # fmt: skip
    version = plan.get("version", 1)
    if not _whole(version) or not 1 <= version <= 1_000_000:
        wrong.append(".version: a number from 1 on.")
    return [*wrong, *_daily_problems(plan.get("daily", [])), *_facts_problems(plan.get("facts", {}))]


def _daily_problems(daily: Any) -> list[str]:
    if not isinstance(daily, list):
        return [".daily: a list of messages a day."]
    if len(daily) > MOST_DAYS:
        return [f".daily: at most {MOST_DAYS} days."]
    wrong = [f".daily[{n}]: a whole number of messages from 1 on." for n, cap in enumerate(daily) if not _whole(cap) or not 1 <= cap <= MOST_A_DAY]
    if not wrong:
        wrong = [f".daily[{n}]: {cap} is less than the day before, {daily[n - 1]}." for n, cap in enumerate(daily) if n and cap < daily[n - 1]]
    return wrong


def _facts_problems(facts: Any) -> list[str]:
    if not isinstance(facts, Mapping):
        return [".facts: an object."]
    wrong = []
    if "hourly_cap_fraction" in facts and not _share(facts["hourly_cap_fraction"]):
        wrong.append(".facts.hourly_cap_fraction: above 0, at most 1.")
    factors = facts.get("provider_factor", {})
    if not isinstance(factors, Mapping):
        return [*wrong, ".facts.provider_factor: an object of factors by provider."]
    wrong += [f".facts.provider_factor.{key}: above 0, at most 100." for key, value in factors.items() if not _number(value) or not 0 < value <= 100]
    return [*wrong, *_gate_problems(facts.get("gates", {}))]


def _gate_problems(gates: Any) -> list[str]:
    if not isinstance(gates, Mapping):
        return [".facts.gates: an object of hold, back and pause."]
    wrong = [f".facts.gates.{name}: it is hold, back or pause." for name in gates if name not in ("hold", "back", "pause")]
    known = {what.value for what in Trouble}
    for name, shares in gates.items():
        if not isinstance(shares, Mapping):
            wrong.append(f".facts.gates.{name}: an object of shares.")
            continue
        wrong += [f".facts.gates.{name}.{what}: one of {', '.join(sorted(known))}." for what in shares if what not in known]
        wrong += [f".facts.gates.{name}.{what}: above 0, at most 1." for what, share in shares.items() if what in known and not _share(share)]
    return wrong


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _share(value: Any) -> bool:
    return _number(value) and 0 < value <= 1


def _bring_in(entry: dict[str, Any]) -> WarmupPlan | None:
    found = _outlook(entry, list(WarmupPlan.objects.filter(name=entry["name"])))
    if found.here:
        return None
    found.plan.save()
    return found.plan


def _outlook(entry: dict[str, Any], known: list[WarmupPlan]) -> Outlook:
    """`known`: the plans of its name that are there by then."""
    values = {name: entry[name] for name in FIELDS if name in entry}
    plan = WarmupPlan(**{**values, "version": entry.get("version", 1)})
    if any(all(getattr(row, name) == getattr(plan, name) for name in FIGURES) for row in known):
        return Outlook(plan, here=True)
    if plan.version in {row.version for row in known}:
        plan.version = max(row.version for row in known) + 1
    return Outlook(plan, here=False)


def next_version(name: str) -> int:
    return (WarmupPlan.objects.filter(name=name).aggregate(last=Max("version"))["last"] or 0) + 1
