"""Pages of incidents: what is open, the worst first, with what ended lately; one incident with all that is known of it and what a person can do."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse

from mailplatform.shell.audit import address_of
from mailplatform.shell.clock import now
from mailplatform.shell.live import fragment
from mailplatform.shell.models import Severity
from mailplatform.shell.navigation import Count, Group, register
from mailplatform.shell.pages import action, back, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.tables import keyset_page
from monitoring.alerts import incident_rows as rows
from monitoring.alerts import incidents as acts
from monitoring.alerts.around import around
from monitoring.alerts.incident_chart import chart_of
from monitoring.alerts.models import AlertRule, Incident, Silence
from monitoring.alerts.sources import GROUP, NOTICE

MORNING_H = 8  # UTC
PARTS = {part: f"monitoring/_incident_{part}.html" for part in ("now", "lines", "told", "chart")}


# -- the list ----------------------------------------------------------------------------------------------------------
@page(Permission.SEE)
def incidents(request: HttpRequest) -> HttpResponse:
    asked = _asked(request)
    choices = {"rules": AlertRule.objects.values_list("pk", "name"), "severities": Severity.labels, "states": Incident.State.values}
    context = {**_open(asked), **choices, "silences": rows.silences(now())}
    if asked["state"] in ("", Incident.State.RESOLVED):
        context["table"] = keyset_page(request, rows.ended(now(), asked["severity"], asked["rule"]))
    return render(request, "monitoring/incidents.html", context)


@page(Permission.SEE, under="incidents")
def incidents_now(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/_incidents_now.html", _open(_asked(request)))


def _asked(request: HttpRequest) -> dict[str, Any]:
    """The filters; what is none is as none."""
    severity, state, rule = (request.GET.get(name, "") for name in ("severity", "state", "rule"))
    return {
        "severity": Severity[severity.upper()].value if severity in Severity.labels else None, "state": state if state in Incident.State.values else "",
        "rule": int(rule) if rule.isdecimal() and len(rule) < 16 else None,
    }  # fmt: skip


def _open(asked: dict[str, Any]) -> dict[str, Any]:
    at = now()
    shown = rows.open_rows(at, **asked) if asked["state"] != Incident.State.RESOLVED else []
    filtered = any(value not in (None, "") for value in asked.values())
    everything = rows.open_rows(at) if filtered else shown
    look, words = rows.sentence(everything)
    query = {"severity": Severity(asked["severity"]).label if asked["severity"] is not None else "", "state": asked["state"], "rule": asked["rule"] or ""}
    refresh = f"{reverse('incidents_now')}?{urlencode({name: value for name, value in query.items() if value != ''})}"
    last = None if everything else rows.ended(at).order_by("-resolved_at").first()
    return {
        "rows": shown, "look": look, "sentence": words, "filtered": filtered, "asked": query, "refresh": refresh, "off": rows.switched_off(), "last": last,
        "hides_open": asked["state"] == Incident.State.RESOLVED,
    }  # fmt: skip


def _count() -> Count | None:
    number, worst = rows.how_many()
    return Count(number, "open", Severity(worst).label) if number else None


# -- one incident ------------------------------------------------------------------------------------------------------
@page(Permission.SEE, under="incidents")
def incident(request: HttpRequest, pk: int) -> HttpResponse:
    one = _found(pk)
    changes = around(one)
    lettered = [(chr(ord("A") + n), change) for n, change in enumerate(changes)]
    count, earlier = rows.earlier(one, now())
    more = {"changes": lettered, "chart": chart_of(one, changes, now()), "earlier": earlier, "earlier_count": count}
    return render(request, "monitoring/incident.html", {**_one(one), **more})


@page(Permission.SEE, under="incidents")
def incident_part(request: HttpRequest, pk: int, part: str) -> HttpResponse:
    """What changes while somebody looks."""
    if part not in PARTS:
        raise Http404
    one = _found(pk)
    more = {"chart": chart_of(one, around(one), now())} if part == "chart" else {}
    return fragment(request, PARTS[part], {**_one(one), **more})


def _found(pk: int) -> Incident:
    return get_object_or_404(Incident.objects.select_related("rule", "parent"), pk=pk)


def _one(one: Incident) -> dict[str, Any]:
    at = now()
    silence = acts.silenced(one, at) if one.resolved_at is None else None
    told = rows.told(one, at, silence is not None)
    parts = list(one.parts.order_by("-severity", "resolved_at", "-opened_at")[: rows.MOST_PARTS])
    return {
        "incident": one, "rule": one.rule, "silence": silence, "told": told, "next_step": rows.next_step(told, at), "figures": rows.figures(one),
        "heard": sum(row.state == "told" for row in told), "unheard": sum(row.state == "failed" for row in told),
        "lines": rows.lines(one), "parts": parts, "live": one.resolved_at is None,
        "lasted_s": ((one.resolved_at or at) - one.since).total_seconds(), "morning": _morning(at), "evidence": _evidence(one), "at": at,
        "of_group": one.source.startswith(GROUP), "of_notice": one.source.startswith(NOTICE), "off": rows.switched_off(),
    }  # fmt: skip


def _evidence(one: Incident) -> list[tuple[str, str]]:
    """What a notice brought with it, as far as it is words or figures."""
    said = ((name, value) for name, value in sorted(one.evidence.items()) if isinstance(value, str | int | float) and name != "notice")
    return [(name.replace("_", " "), str(value)[:300]) for name, value in said]


# -- what a person does --------------------------------------------------------------------------------------------------
@action(Permission.INCIDENTS)
def incident_acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    return _came(request, pk, acts.acknowledge(_found(pk), request.user, address_of(request)))


@action(Permission.INCIDENTS)
def incident_silence(request: HttpRequest, pk: int) -> HttpResponse:
    until = _until(request, now())
    if until is None:
        return _came(request, pk, acts.Came(False, "Say until when it is to be silent: a day and a time.", refused=True))
    return _came(request, pk, acts.silence(_found(pk), until, request.user, request.POST.get("why", "").strip(), address_of(request)))


@action(Permission.INCIDENTS)
def incident_unsilence(request: HttpRequest, pk: int) -> HttpResponse:
    return _came(request, pk, acts.end_silence(_found(pk), request.user, address_of(request)))


@action(Permission.INCIDENTS)
def silence_end(request: HttpRequest, pk: int) -> HttpResponse:
    came = acts.end(get_object_or_404(Silence, pk=pk), request.user, address_of(request))
    messages.success(request, came.says)
    return redirect("incidents")


@action(Permission.INCIDENTS)
def incident_resolve(request: HttpRequest, pk: int) -> HttpResponse:
    return _came(request, pk, acts.resolve(_found(pk), request.user, address_of(request)))


@action(Permission.INCIDENTS)
def incident_note(request: HttpRequest, pk: int) -> HttpResponse:
    return _came(request, pk, acts.note(_found(pk), request.user, request.POST.get("text", ""), address_of(request)))


def _until(request: HttpRequest, at: datetime) -> datetime | None:
    chosen = request.POST.get("for", "")
    if chosen in ("1h", "4h"):
        return (at + timedelta(hours=int(chosen[0]))).replace(microsecond=0)
    if chosen == "morning":
        return _morning(at)
    try:
        return datetime.fromisoformat(request.POST.get("until", "")).replace(tzinfo=UTC)
    except ValueError:
        return None


def _morning(at: datetime) -> datetime:
    """The next one: at three in the night it is today's."""
    today = at.astimezone(UTC).replace(hour=MORNING_H, minute=0, second=0, microsecond=0)
    return today if today > at + timedelta(hours=1) else today + timedelta(days=1)


def _came(request: HttpRequest, pk: int, came: acts.Came) -> HttpResponse:
    tell = messages.warning if came.refused else messages.success
    tell(request, came.says)
    return back(request, "incident", pk)


register(Group.NOW, "Incidents", "incidents", Permission.SEE, 40, _count)

urlpatterns = [
    path("incidents/", incidents, name="incidents"),
    path("incidents/live/", incidents_now, name="incidents_now"),
    path("incidents/silences/<int:pk>/end/", silence_end, name="silence_end"),
    path("incidents/<int:pk>/", incident, name="incident"),
    path("incidents/<int:pk>/live/<slug:part>/", incident_part, name="incident_part"),
    path("incidents/<int:pk>/acknowledge/", incident_acknowledge, name="incident_acknowledge"),
    path("incidents/<int:pk>/silence/", incident_silence, name="incident_silence"),
    path("incidents/<int:pk>/unsilence/", incident_unsilence, name="incident_unsilence"),
    path("incidents/<int:pk>/resolve/", incident_resolve, name="incident_resolve"),
    path("incidents/<int:pk>/note/", incident_note, name="incident_note"),
]
