"""Console pages of channels: how each stands, who is told of what and when, the mail route and the heartbeat; one channel; every notification.

Everybody of the platform looks; who may edit alerts changes and sends tests. Secrets go in and never come out, but a signing secret that was just made.
"""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from mailplatform.shell.audit import address_of
from mailplatform.shell.clock import now
from mailplatform.shell.live import fragment
from mailplatform.shell.models import Severity
from mailplatform.shell.navigation import Count, Group, register
from mailplatform.shell.pages import action, back, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.switch import Switch
from mailplatform.shell.tables import keyset_page
from monitoring.metrics.models import MonitoringPolicy
from monitoring.metrics.policy import policy
from monitoring.telling import channels, standing
from monitoring.telling.asked import send_test
from monitoring.telling.channels import ChannelRefused
from monitoring.telling.form import ChannelForm, HeartbeatForm, MailRouteForm
from monitoring.telling.heartbeat_url import end_heartbeat, keep_heartbeat, place_of
from monitoring.telling.models import Channel, MailRoute, Telling, TellStep
from monitoring.telling.steps import drop_step, keep_step

ENABLED = Switch(
    "channel", Channel, "enabled", (True, False), done=lambda on: f"channel switched {'on' if on else 'off'}",
    told=lambda one: f"{one} is told again." if one.enabled else f"{one} is told of nothing any more.",
    again=lambda one: f"{one} is {'told again' if one.enabled else 'told of nothing again'}.",
)  # fmt: skip
TELLING = Switch(
    "telling", MonitoringPolicy, "telling", (True, False), done=lambda on: f"telling switched {'on' if on else 'off'}",
    told=lambda row: "People are told of incidents." if row.telling else "Incidents are opened, and nobody is told of them.",
    again=lambda row: f"Telling people is {'on' if row.telling else 'off'} again.",
)  # fmt: skip


# -- all of them -------------------------------------------------------------------------------------------------------
@page(Permission.SEE)
def channel_list(request: HttpRequest) -> HttpResponse:
    return _list(request)


@page(Permission.SEE, under="channels")
def channels_now(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/_channels_now.html", _now())


def _list(request: HttpRequest, route: MailRouteForm | None = None, heartbeat: HeartbeatForm | None = None) -> HttpResponse:
    asked, row = policy(), MailRoute.objects.filter(pk=1).first()
    severity, at = _asked(request)
    context = {
        **_now(), "kinds": Channel.Kind.choices, "routes": standing.routes(), "severities": list(reversed(Severity.choices)), "asked_severity": severity,
        "asked_at": at, "asked_told": standing.told_at(severity, at), "route": row, "route_form": route or MailRouteForm(row), "policy": asked,
        "heartbeat_place": place_of(asked), "heartbeat_form": heartbeat or HeartbeatForm(asked.heartbeat_every_s, bool(asked.heartbeat_url_encrypted)),
    }  # fmt: skip
    refused = any(form is not None for form in (route, heartbeat))
    return render(request, "monitoring/channels.html", context, status=422 if refused else 200)


def _now() -> dict[str, Any]:
    at, asked = now(), policy()
    rows = standing.standings(at)
    look, words = standing.sentence(rows, standing.told_at(Severity.CRITICAL, at), asked.telling, at)
    return {"rows": rows, "look": look, "sentence": words, "telling": asked.telling}


def _asked(request: HttpRequest) -> tuple[int, datetime]:
    """Of whom and when somebody asks who would be told; a critical one in the night when nobody says."""
    said = request.GET.get("severity", "")
    try:
        at = datetime.fromisoformat(request.GET.get("at", "")).replace(tzinfo=UTC)
        in_range = 2000 < at.year < 9000
    except ValueError:
        in_range = False
    return int(said) if said in map(str, Severity.values) else Severity.CRITICAL, at if in_range else standing.night(now())


def _failing() -> Count | None:
    number = Channel.objects.filter(enabled=True).exclude(failing_since=None).count()
    return Count(number, "failing", "broken") if number else None


# -- one -----------------------------------------------------------------------------------------------------------------
@page(Permission.SEE, under="channels")
def channel(request: HttpRequest, pk: int) -> HttpResponse:
    one = _found(pk)
    return _one(request, one, ChannelForm(one.kind, one))


def _one(request: HttpRequest, one: Channel, form: ChannelForm, status: int = 200) -> HttpResponse:
    row = next(row for row in standing.standings(now()) if row.channel.pk == one.pk)
    return render(request, "monitoring/channel.html", {"row": row, "channel": one, "form": form, **_log(request, one)}, status=status)


@page(Permission.ALERTS, under="channels")
def channel_new(request: HttpRequest) -> HttpResponse:
    kind = _kind(request.GET.get("kind", Channel.Kind.EMAIL))
    return render(request, "monitoring/channel_new.html", {"form": ChannelForm(kind), "kind": kind, "words": Channel.Kind(kind).label})


@action(Permission.ALERTS)
def channel_make(request: HttpRequest) -> HttpResponse:
    """A new one that signs shows its secret, once."""
    kind = _kind(request.POST.get("kind", ""))
    form = ChannelForm(kind, data=request.POST)
    kept = _keep(request, form, None)
    if kept is None:
        return render(request, "monitoring/channel_new.html", {"form": form, "kind": kind, "words": Channel.Kind(kind).label}, status=422)
    made, secret = kept
    if secret:
        return render(request, "monitoring/channel_secret.html", {"channel": made, "secret": secret, "is_new": True})
    messages.success(request, f"{made} is there. Send it a test, and say below whom it is told of.")
    return redirect("channel", made.pk)


@action(Permission.ALERTS)
def channel_keep(request: HttpRequest, pk: int) -> HttpResponse:
    one = _found(pk)
    form = ChannelForm(one.kind, one, request.POST)
    if _keep(request, form, one) is None:
        return _one(request, _found(pk), form, 422)
    messages.success(request, "It was changed.")
    return redirect("channel", pk)


def _keep(request: HttpRequest, form: ChannelForm, one: Channel | None) -> tuple[Channel, str] | None:
    if not form.is_valid():
        return None
    try:
        return channels.keep(form.wish(), request.user, one, address_of(request))
    except ChannelRefused as no:
        form.add_error(None, str(no))
        return None


@action(Permission.ALERTS)
def channel_delete(request: HttpRequest, pk: int) -> HttpResponse:
    one = _found(pk)
    channels.delete(one, request.user, address_of(request))
    messages.success(request, f"{one.name} is gone.")
    return redirect("channels")


@action(Permission.ALERTS)
def channel_switch(request: HttpRequest, pk: int) -> HttpResponse:
    ENABLED.turn(request, request.POST.get("on") == "yes", pk=pk)
    return back(request, "channel", pk)


@action(Permission.ALERTS)
def channel_renew(request: HttpRequest, pk: int) -> HttpResponse:
    one = _found(pk)
    if one.kind != Channel.Kind.WEBHOOK:
        raise Http404("Only signed webhooks have a signing secret.")
    secret = channels.renew(one, request.user, address_of(request))
    return render(request, "monitoring/channel_secret.html", {"channel": one, "secret": secret, "is_new": False})


@action(Permission.ALERTS)
def channel_test(request: HttpRequest, pk: int) -> HttpResponse:
    """At once; what was answered is said."""
    one = _found(pk)
    row = send_test(one, str(request.user))
    if row.state == Telling.State.TOLD:
        messages.success(request, f"The test reached {one}: {row.answer}.")
    else:
        messages.error(request, f"The test did not reach {one}: {row.answer}.")
    return back(request, "channel", pk)


# -- who is told, and by which way ---------------------------------------------------------------------------------------
@action(Permission.ALERTS)
def channel_step_make(request: HttpRequest) -> HttpResponse:
    severity, minutes, pk = (request.POST.get(name, "").strip() for name in ("severity", "after_minutes", "channel"))
    one = Channel.objects.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 16 else None
    if one is None or severity not in map(str, Severity.values) or not (minutes or "0").isdecimal() or len(minutes) > 5:
        messages.error(request, "Choose a channel, a severity, and after how many minutes (0 to 1440).")
        return redirect("channels")
    try:
        keep_step(int(severity), int(minutes or 0), one, request.user, address_of(request))
    except ChannelRefused as no:
        messages.error(request, str(no))
    return redirect("channels")


@action(Permission.ALERTS)
def channel_step_drop(request: HttpRequest, pk: int) -> HttpResponse:
    drop_step(get_object_or_404(TellStep.objects.select_related("channel"), pk=pk), request.user, address_of(request))
    return redirect("channels")


@action(Permission.ALERTS)
def channel_telling(request: HttpRequest) -> HttpResponse:
    MonitoringPolicy.objects.get_or_create(pk=1)
    TELLING.turn(request, request.POST.get("on") == "yes", pk=1)
    return redirect("channels")


@action(Permission.ALERTS)
def channel_route(request: HttpRequest) -> HttpResponse:
    """The mail route; mail channels show whether it works."""
    form = MailRouteForm(MailRoute.objects.filter(pk=1).first(), request.POST)
    if form.is_valid():
        try:
            channels.keep_mail_route(who=request.user, address=address_of(request), **form.cleaned_data)
        except ChannelRefused as no:
            form.add_error(None, str(no))
        else:
            messages.success(request, "The mail route was changed. Send a test to a mail channel to see that it works.")
            return redirect("channels")
    return _list(request, route=form)


@action(Permission.ALERTS)
def channel_heartbeat(request: HttpRequest) -> HttpResponse:
    asked = policy()
    if request.POST.get("end") == "yes":
        end_heartbeat(request.user, address_of(request))
        return redirect("channels")
    form = HeartbeatForm(asked.heartbeat_every_s, bool(asked.heartbeat_url_encrypted), request.POST)
    if form.is_valid():
        try:
            keep_heartbeat(form.cleaned_data["url"].strip(), form.cleaned_data["every_s"], request.user, address_of(request))
        except ChannelRefused as no:
            form.add_error("url", str(no))
        else:
            messages.success(request, "It is called within seconds; what came of it stands here.")
            return redirect("channels")
    return _list(request, heartbeat=form)


# -- every notification ----------------------------------------------------------------------------------------------------
@page(Permission.SEE, under="channels")
def channel_log(request: HttpRequest) -> HttpResponse:
    return render(request, "monitoring/channels_log.html", {"channels": Channel.objects.all(), **_log(request)})


def _log(request: HttpRequest, one: Channel | None = None) -> dict[str, Any]:
    rows = Telling.objects.select_related("channel", "incident")
    said = {name: request.GET.get(name, "") for name in ("channel", "state", "kind")}
    if one is not None:
        rows, said = rows.filter(channel=one), {**said, "channel": ""}
    elif said["channel"].isdecimal() and len(said["channel"]) < 16:
        rows = rows.filter(channel=int(said["channel"]))
    if said["state"] in Telling.State.values:
        rows = rows.filter(state=said["state"])
    if said["kind"] in Telling.Kind.values:
        rows = rows.filter(kind=said["kind"])
    words = {"states": Telling.State.values, "log_kinds": Telling.Kind.values}
    return {"table": keyset_page(request, rows), "asked": said, "filtered": any(said.values()), **words}


def _found(pk: int) -> Channel:
    return get_object_or_404(Channel, pk=pk)


def _kind(said: str) -> str:
    if said not in Channel.Kind.values:
        raise Http404("There is no such kind of channel.")
    return said


register(Group.SETTINGS, "Channels", "channels", Permission.SEE, 20, _failing)

urlpatterns = [
    path("channels/", channel_list, name="channels"),
    path("channels/live/", channels_now, name="channels_now"),
    path("channels/log/", channel_log, name="channel_log"),
    path("channels/new/", channel_new, name="channel_new"),
    path("channels/make/", channel_make, name="channel_make"),
    path("channels/steps/make/", channel_step_make, name="channel_step_make"),
    path("channels/steps/<int:pk>/drop/", channel_step_drop, name="channel_step_drop"),
    path("channels/telling/", channel_telling, name="channel_telling"),
    path("channels/route/", channel_route, name="channel_route"),
    path("channels/heartbeat/", channel_heartbeat, name="channel_heartbeat"),
    path("channels/<int:pk>/", channel, name="channel"),
    path("channels/<int:pk>/keep/", channel_keep, name="channel_keep"),
    path("channels/<int:pk>/delete/", channel_delete, name="channel_delete"),
    path("channels/<int:pk>/switch/", channel_switch, name="channel_switch"),
    path("channels/<int:pk>/renew/", channel_renew, name="channel_renew"),
    path("channels/<int:pk>/test/", channel_test, name="channel_test"),
]
