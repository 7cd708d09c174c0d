"""Zones & nodes, and Capacity: the pages, and the buttons that take a zone or node out of service and back.

Promises: what a drain or an evacuation will mean is shown in figures before it is pressed; both are audited with their reason; the return is a click.
"""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from mailplatform.shell.audit import record_request
from mailplatform.shell.confirm import offer_undo, undoer, withdraw_undo
from mailplatform.shell.formats import number
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission
from monitoring.models import Machine
from monitoring.zones import outage
from monitoring.zones.capacity import without_each_zone
from monitoring.zones.page import page_now
from pools.models import Node, PlaceState, Zone

_KINDS: dict[str, type[Zone] | type[Node]] = {"zone": Zone, "node": Node}
_HOW = {"drain": PlaceState.DRAINED, "evacuate": PlaceState.EVACUATED}
LONGEST_WHY = 200


@page(Permission.SEE)
def nodes(request: HttpRequest) -> HttpResponse:
    """Zones side by side, their nodes, engines and IPs."""
    return render(request, "monitoring/nodes.html", {"seen": page_now()})


@page(Permission.SEE, under="nodes")
def nodes_live(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/_nodes_full.html", {"seen": page_now()})


@page(Permission.SEE)
def capacity(request: HttpRequest) -> HttpResponse:
    """Could the remaining zones carry the present load without zone X?"""
    verdicts = without_each_zone()
    return render(request, "monitoring/nodes_capacity.html", {"verdicts": verdicts, "bad": [zone for zone, verdict in verdicts if not verdict.carries]})


@page(Permission.STEER, under="nodes")
def place_preview(request: HttpRequest, kind: str, name: str, how: str) -> HttpResponse:
    """What draining or evacuating it would mean, in figures."""
    place, state = _place(kind, name), _how(how)
    seen = outage.preview(place)
    context = {"kind": kind, "place": place, "how": how, "seen": seen, "sentences": seen.sentences(place, state), "longest": LONGEST_WHY}
    return render(request, "monitoring/nodes_out.html", context)


@action(Permission.STEER)
def place_out(request: HttpRequest, kind: str, name: str, how: str) -> HttpResponse:
    """Drain or evacuate."""
    place, state = _place(kind, name), _how(how)
    why = str(request.POST.get("why", "")).strip()[:LONGEST_WHY]
    before = place.state
    seen = outage.preview(place)
    if outage.take_out(place, state, why, str(request.user)):
        sentence = f"{state.capitalize()} {outage.name_of(place)}{f': {why}' if why else ''}."
        figures = {"in_hand": seen.in_hand, "per_s": round(seen.per_s, 2), "carries": seen.capacity.carries}
        record_request(request, f"{kind} {state}", place, sentence, why=why, before=before, figures=json.dumps(figures))
        offer_undo(request, "place out of service", outage.name_of(place), sentence, what=kind, name=name)
    return redirect("nodes")


@action(Permission.STEER)
def place_back(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Back in service."""
    place = _place(kind, name)
    if outage.give_back(place, str(request.user)):
        record_request(request, f"{kind} returned", place, f"Returned {outage.name_of(place)} to service.")
        withdraw_undo(request, "place out of service", outage.name_of(place))
        messages.success(request, f"{kind.capitalize()} {name} is in service again.")
    return redirect("nodes")


@undoer("place out of service")
def _take_back(request: HttpRequest, *, what: str, name: str) -> str:
    place = _place(what, name)
    outage.give_back(place, str(request.user))
    return f"{what.capitalize()} {name} is in service again."


@action(Permission.STEER)
def machine_forget(request: HttpRequest, pk: str) -> HttpResponse:
    """A machine that is no more: its nodes may be run by another."""
    machine = get_object_or_404(Machine, pk=pk)
    shown = next((one for one in page_now().machines if one.id == str(machine.pk)), None)
    if shown and not shown.is_silent:
        messages.warning(request, f"{machine.name} was heard of {number(shown.heard_s)} s ago: end bin/up there first.")
        return redirect("nodes")
    names = ", ".join(machine.nodes.values_list("name", flat=True)) or "no node"
    record_request(request, "machine forgotten", machine, f"Forgot the machine {machine.name}, which ran {names}.")
    machine.delete()
    return redirect("nodes")


def _place(kind: str, name: str) -> Any:
    if kind not in _KINDS:
        raise Http404
    return get_object_or_404(_KINDS[kind], name=name)


def _how(how: str) -> PlaceState:
    if how not in _HOW:
        raise Http404
    return _HOW[how]


urlpatterns = [
    path("nodes/", nodes, name="nodes"),
    path("nodes/live/", nodes_live, name="nodes_live"),
    path("nodes/capacity/", capacity, name="capacity"),
    path("nodes/machine/<uuid:pk>/forget/", machine_forget, name="machine_forget"),
    path("nodes/<str:kind>/<slug:name>/back/", place_back, name="place_back"),
    path("nodes/<str:kind>/<slug:name>/<slug:how>/", place_preview, name="place_preview"),
    path("nodes/<str:kind>/<slug:name>/<slug:how>/do/", place_out, name="place_out"),
]
register(Group.RESILIENCE, "Zones & nodes", "nodes", Permission.SEE, 10)
register(Group.RESILIENCE, "Capacity", "capacity", Permission.SEE, 15)
