"""Pages of reputation's policy: what other thresholds would have done, and the switch between off, propose and automatic.

Promises: nothing is saved without a preview of it; what is saved is checked as the core checks it, and audited with old and new values.
"""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path as address
from django.urls import reverse

from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission
from pools.models import Path, Provider, SendingIP
from pools.pages.what_if import FIELDS, Outcome, compare, read_policy, words
from pools.pages.what_if_rows import happened, history
from pools.reputation.models import Mode, ReputationPolicy
from pools.reputation.policy import of_row, policy_now
from pools.reputation.thresholds import Policy

_MODES = {
    Mode.OFF: "Paths are scored; nothing is done and nothing is proposed. What is in force stays until a person cancels it.",
    Mode.PROPOSE: "What would be done is written down with its evidence; a person does or refuses it.",
    Mode.AUTOMATIC: "Paths leave and return by themselves; each action has its evidence, its end and a cancel button.",
}


@page(Permission.SEE, under="deeds")
def what_if(request: HttpRequest) -> HttpResponse:
    """Other thresholds over the last week."""
    row, at = policy_now(), now()
    today = of_row(row)
    asked, wrong = read_policy(request.GET, today)
    outcome = None if wrong else compare(history(at), asked, today, happened(at))
    changed = [] if wrong else _changes(today, asked)
    context = {
        "fields": [_field(one, asked, today, request, wrong) for one in FIELDS], "wrong": wrong, "outcome": outcome, "changed": changed,
        "sentence": outcome.sentence(same=asked == today) if outcome else "", "rows": _told(outcome) if outcome else [], "mode": row.mode,
        "modes": [(mode, words_, mode == row.mode) for mode, words_ in _MODES.items()],
        "save": {one.name: getattr(asked, one.name) / one.scale for one in FIELDS},
    }  # fmt: skip
    return render(request, "pools/what_if.html", context)


@action(Permission.STEER)
def policy_save(request: HttpRequest) -> HttpResponse:
    """Make the thresholds that were tried the platform's."""
    with transaction.atomic():
        row = _locked()
        today = of_row(row)
        asked, wrong = read_policy(request.POST, today)
        changed = _changes(today, asked)
        if wrong:
            messages.error(request, f"Nothing was saved: {' '.join(wrong.values())}")
            return redirect(f"{reverse('what_if')}?{urlencode({one.name: request.POST.get(one.name, '') for one in FIELDS})}")
        if changed:
            for one in FIELDS:
                setattr(row, one.name, getattr(asked, one.name))
            row.save()
            told = "; ".join(f"{label.lower()} {new} instead of {old}" for label, old, new in changed)
            record_request(request, "reputation policy changed", row, f"Changed when paths leave and return: {told}.", changes=changed)
            messages.success(request, f"Saved: {told}.")
    return redirect("what_if")


@action(Permission.STEER)
def policy_mode(request: HttpRequest) -> HttpResponse:
    """Off, propose or automatic."""
    wanted = request.POST.get("mode", "")
    with transaction.atomic():
        row = _locked()
        if wanted in Mode.values and row.mode != wanted:
            before, row.mode = row.mode, wanted
            row.save(update_fields=["mode", "updated_at"])
            record_request(request, "reputation switched", row, f"Switched reputation from {before} to {wanted}.", before=before, after=wanted)
            messages.success(request, f"Reputation is {'off' if wanted == Mode.OFF else f'set to {wanted}'}. {_MODES[Mode(wanted)]}")
    return redirect("what_if")


def _locked() -> ReputationPolicy:
    ReputationPolicy.objects.get_or_create(pk=1, defaults={"mode": Mode.OFF})
    return ReputationPolicy.objects.select_for_update().get(pk=1)


def _changes(today: Policy, asked: Policy) -> list[tuple[str, str, str]]:
    """(threshold, was, is to be)."""
    pairs = [(one, getattr(today, one.name) / one.scale, getattr(asked, one.name) / one.scale) for one in FIELDS]
    return [(one.label, f"{was:g} {one.unit}", f"{now_:g} {one.unit}") for one, was, now_ in pairs if was != now_]


def _field(one: Any, asked: Policy, today: Policy, request: HttpRequest, wrong: dict[str, str]) -> dict[str, Any]:
    said = request.GET.get(one.name, "") if one.name in wrong else f"{getattr(asked, one.name) / one.scale:g}"
    return {
        "name": one.name, "label": one.label, "unit": one.unit, "hint": one.hint, "value": said, "wrong": wrong.get(one.name, ""),
        "today": f"{getattr(today, one.name) / one.scale:g}",
    }  # fmt: skip


def _told(outcome: Outcome) -> list[dict[str, Any]]:
    """Rows with names; two statements for all of them."""
    at = now()
    ips = dict(SendingIP.objects.filter(pk__in={row.path[0] for row in outcome.rows}).values_list("pk", "address"))
    providers = dict(Provider.objects.filter(pk__in={row.path[1] for row in outcome.rows}).values_list("pk", "name"))
    pages = {(one.ip_id, one.provider_id): one.pk for one in Path.objects.filter(ip_id__in=ips, provider_id__in=providers).only("ip_id", "provider_id")}
    return [
        {
            "name": f"{ips.get(row.path[0], '?')} at {providers.get(row.path[1], '?')}", "path_id": pages.get(row.path), "why": row.asked.why or row.today.why,
            "asked": words(row.asked, at), "today": words(row.today, at), "real": words(row.real, at), "differs": row.differs, "left": bool(row.asked.left),
        }
        for row in outcome.rows
    ]  # fmt: skip


urlpatterns = [
    address("what-if/", what_if, name="what_if"),
    address("what-if/save/", policy_save, name="policy_save"),
    address("what-if/mode/", policy_mode, name="policy_mode"),
]
