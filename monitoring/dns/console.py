"""The pages DNS and one record set: what is published, what should be, why; switch, fail back, pause, decide about somebody else's edit."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path as address

from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.formats import listed
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Count, Group, register
from mailplatform.shell.pages import action, back, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.switch import Switch
from monitoring.dns import figures, notices, sandbox
from monitoring.dns.intend import UnderWay, intend
from monitoring.dns.models import DnsChange, RecordSet
from monitoring.dns.standing import all_sets

_MODES = {"off": "looked at, and changed by nobody", "propose": "changed when a person says so", "automatic": "changed by itself"}
MODE = Switch(
    "record set mode", RecordSet, "mode", tuple(RecordSet.Mode.values),
    done=lambda mode: "record set paused" if mode == RecordSet.Mode.OFF else f"record set set to {mode}",
    told=lambda row: f"{row} is {_MODES[row.mode]} now.",
    again=lambda row: f"{row} is {_MODES[row.mode]}, as it was.",
)  # fmt: skip


# -- pages --------------------------------------------------------------------------------------------------------------
@page(Permission.SEE)
def dns(request: HttpRequest) -> HttpResponse:
    """Do all names point only to what lives?"""
    return render(request, "monitoring/dns.html", _all())


@page(Permission.SEE, under="dns")
def dns_now(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/dns_now.html", _all())


@page(Permission.SEE, under="dns")
def dns_set(request: HttpRequest, pk: int) -> HttpResponse:
    """One set: its servers, a dry run of whatever is ticked, its history."""
    row = _row(pk)
    ticked = [value for value in request.GET.getlist("to") if value in {target.value for target in row.targets.all()}]
    decision = figures.if_chosen(row, ticked or row.chosen, now())
    found = figures.found_values(row)
    return render(request, "monitoring/dns_set.html", {
        "one": figures.set_rows([row])[0], "row": row, "ticked": ticked, "decision": decision, "history": figures.history(row), "found": found,
        "update": figures.dry_run(row, decision.wanted) if decision.wanted else "", "asks": "to" in request.GET,
        "same": sorted(decision.wanted) == sorted(row.published) and row.ttl_s == row.published_ttl_s,
        "over": figures.dry_run(row, decision.wanted, found) if row.state == RecordSet.State.FOREIGN and decision.wanted else "",
    })  # fmt: skip


def _all() -> dict[str, Any]:
    rows = figures.set_rows()
    look, words = figures.sentence(rows)
    return {"rows": rows, "look": look, "sentence": words, "doors": sandbox.doors()}


def _row(pk: int) -> RecordSet:
    found = next((row for row in all_sets() if row.pk == pk), None)
    return found or get_object_or_404(RecordSet, pk=pk)


def _edit_as_shown(request: HttpRequest, row: RecordSet) -> Sequence[str] | None:
    """What somebody else has published, if it is still what the person who decides was shown."""
    seen = figures.found_values(row)
    if row.state == RecordSet.State.FOREIGN and sorted(request.POST.getlist("seen")) == sorted(seen):
        return seen
    messages.warning(request, f"{row} has changed since the page was made: look again.")
    return None


def _open() -> Count | None:
    rows = figures.set_rows()
    ill = sum(one.look in ("broken", "limited") for one in rows)
    return Count(ill, "with trouble", "broken" if any(one.look == "broken" for one in rows) else "limited") if ill else None


# -- what people do -----------------------------------------------------------------------------------------------------
@action(Permission.STEER)
def dns_mode(request: HttpRequest, pk: int) -> HttpResponse:
    """Off, propose, automatic."""
    MODE.turn(request, request.POST.get("mode", ""), pk=pk)
    return back(request, "dns")


@action(Permission.STEER)
def dns_switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Point the name to what a person has chosen, until they fail it back."""
    row = _row(pk)
    known = {target.value for target in row.targets.all()}
    chosen = sorted(value for value in request.POST.getlist("to") if value in known)
    if not chosen:
        messages.error(request, "Tick at least one target: an empty set is never published.")
        return redirect("dns_set", pk)
    decision = figures.if_chosen(row, chosen, now())
    return _change(request, row, DnsChange.Kind.BY_HAND, decision.wanted, f"{request.user} switched it to {listed(chosen)}.", chosen)


@action(Permission.STEER)
def dns_fail_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the platform go back to what it prefers, now; also what publishes a proposal."""
    row = _row(pk)
    decision = figures.if_chosen(row, (), now())
    kind = DnsChange.Kind.FAIL_BACK if row.chosen or decision.kind is None else DnsChange.Kind(decision.kind.value)
    return _change(request, row, kind, decision.wanted, f"{request.user} published what is preferred: {decision.why}", [])


@action(Permission.STEER)
def dns_overwrite(request: HttpRequest, pk: int) -> HttpResponse:
    """Replace somebody else's edit, if it is still the one that was shown."""
    row = _row(pk)
    if (seen := _edit_as_shown(request, row)) is None:
        return redirect("dns_set", pk)
    decision = figures.if_chosen(row, row.chosen, now())
    why = f"{request.user} overwrote {listed(seen)}, which somebody else had published."
    notices.not_foreign(row)
    return _change(request, row, DnsChange.Kind.OVERWRITE, decision.wanted, why, row.chosen, before=seen)


@action(Permission.STEER)
def dns_adopt(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave somebody else's edit as it is. A set with values that are no targets is paused, or it would be changed back at once."""
    row = _row(pk)
    if (seen := _edit_as_shown(request, row)) is None:
        return redirect("dns_set", pk)
    ttl_s = next(iter(row.found.values()))["ttl_s"]
    stranger = not set(seen) <= {target.value for target in row.targets.all()} or not seen
    mode = RecordSet.Mode.OFF if stranger else row.mode
    RecordSet.objects.filter(pk=pk).update(
        published=sorted(seen), published_ttl_s=ttl_s, published_since=now(), state=RecordSet.State.AGREED, mode=mode, trouble="",
        chosen=[] if stranger else seen, chosen_by="" if stranger else str(request.user),
    )  # fmt: skip
    DnsChange.objects.create(
        record_set=row, kind=DnsChange.Kind.ADOPT, who=str(request.user), why=f"{request.user} left somebody else's edit as it is.",
        before=sorted(row.published), after=sorted(seen), state=DnsChange.State.VISIBLE, at=now(), visible_at=now(),
    )  # fmt: skip
    notices.not_foreign(row)
    sentence = f"{row} stays as somebody else has edited it: {listed(seen)}." + (" It is paused, because that is no target of it." if stranger else "")
    record_request(request, "record set's edit adopted", row, sentence)
    messages.success(request, sentence)
    return redirect("dns_set", pk)


@action(Permission.STEER)
def dns_look(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask its servers again, now."""
    row = _row(pk)
    RecordSet.objects.filter(pk=pk).update(asked_at=None)
    record_request(request, "record set looked at", row, f"Had the servers of {row} asked again.")
    return back(request, "dns")


def _change(
    request: HttpRequest, row: RecordSet, kind: str, after: tuple[str, ...], why: str, chosen: list[str], before: Sequence[str] | None = None
) -> HttpResponse:
    if not after:
        messages.error(request, f"None of the targets of {row} lives: what is published stays.")
        return redirect("dns_set", row.pk)
    try:
        with transaction.atomic():
            if sorted(after) != sorted(row.published) or before is not None:
                intend(row, kind, after, str(request.user), why, before=before)
            RecordSet.objects.filter(pk=row.pk).update(chosen=chosen, chosen_by=str(request.user) if chosen else "")
    except UnderWay as wait:
        messages.warning(request, f"{wait} Try again in a moment.")
        return redirect("dns_set", row.pk)
    sentence = f"{row} is to point to {listed(after)}."
    record_request(request, f"record set {DnsChange.Kind(kind).label}", row, f"{why} {sentence}", after=list(after), before=before or row.published)
    messages.success(request, sentence)
    return redirect("dns_set", row.pk)


register(Group.RESILIENCE, "DNS", "dns", Permission.SEE, 40, _open)

urlpatterns = [
    address("dns/", dns, name="dns"),
    address("dns/live/", dns_now, name="dns_now"),
    address("dns/doors/", sandbox.door, name="dns_door"),
    address("dns/<int:pk>/", dns_set, name="dns_set"),
    address("dns/<int:pk>/mode/", dns_mode, name="dns_mode"),
    address("dns/<int:pk>/switch/", dns_switch, name="dns_switch"),
    address("dns/<int:pk>/fail-back/", dns_fail_back, name="dns_fail_back"),
    address("dns/<int:pk>/overwrite/", dns_overwrite, name="dns_overwrite"),
    address("dns/<int:pk>/adopt/", dns_adopt, name="dns_adopt"),
    address("dns/<int:pk>/look/", dns_look, name="dns_look"),
]
