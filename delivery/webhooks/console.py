"""Console pages of webhooks: all endpoints and how they are doing, one endpoint with its log, a new one.

Operators see everybody's, a tenant's people their own.
Who may steer mail may change endpoints. Secrets are shown once, on the page that answers the form that made them.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse

from delivery.webhooks import endpoints, log, replay
from delivery.webhooks.endpoints import TooMany, of_tenant
from delivery.webhooks.figures import COUNT_TO, health_of
from delivery.webhooks.kinds import TEST, WORDS, EventKind
from delivery.webhooks.models import EndpointState, EventState, WebhookEndpoint, WebhookEvent
from mailplatform.shell import formats
from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission, may
from mailplatform.shell.tables import Cursor, newest_first
from mailplatform.tenants.models import Tenant
from mailplatform.tenants.scope import scope_of
from pools.models import Stream

SHOWN = 500
SINCE = {"1": "the last hour", "24": "the last day", "72": "the last three days", "": "all that is kept"}
LIVE_FOR_S = 60
_IDS = range(1, 2**63)


@page(Permission.MAIL)
def webhooks(request: HttpRequest) -> HttpResponse:
    """Endpoints, the worst first."""
    scope = scope_of(request.user)
    rows = sorted(health_of(list(of_tenant(scope.tenant_id)[:SHOWN])), key=lambda row: (row.rank, row.endpoint.tenant_id, row.endpoint.pk))
    unwell = [row for row in rows if row.word in ("broken", "disabled")]
    return render(request, "delivery/webhooks.html", {"rows": rows, "unwell": unwell, "all_tenants": scope.tenant_id is None, "to": COUNT_TO})


@page(Permission.MAIL, under="webhooks")
def webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """One endpoint: what is wrong, what can be done, every try."""
    endpoint = _found(request, pk)
    return render(request, "delivery/webhooks_one.html", {**_told(request, endpoint), "since_choices": SINCE.items(), "fields": _fields(endpoint)})


@page(Permission.MAIL, under="webhooks")
def webhook_log(request: HttpRequest, pk: int) -> HttpResponse:
    """The log, or what became of a test, for the live parts of the page."""
    told = _told(request, _found(request, pk))
    return fragment(request, "delivery/webhooks_test.html" if told["test"] and request.GET.get("part") == "test" else "delivery/webhooks_log.html", told)


@page(Permission.STEER_MAIL, under="webhooks")
def webhook_new(request: HttpRequest) -> HttpResponse:
    scope = scope_of(request.user)
    tenants = list(Tenant.objects.all()) if scope.tenant_id is None else []
    own = Tenant.objects.get(pk=scope.tenant_id) if scope.tenant_id is not None else None
    tenant = own or next((one for one in tenants if one.name == request.GET.get("tenant")), None)
    return render(request, "delivery/webhooks_new.html", {"tenants": tenants, "tenant": tenant, "fields": _fields(None, tenant)})


@action(Permission.STEER_MAIL)
def webhook_make(request: HttpRequest) -> HttpResponse:
    """Make one; the answer shows its secret."""
    scope = scope_of(request.user)
    wanted = {"pk": scope.tenant_id} if scope.tenant_id is not None else {"name": request.POST.get("tenant", "")}
    tenant = Tenant.objects.filter(**wanted).first()
    if tenant is None:
        raise Http404("There is no such tenant.")
    given = _given(request)
    looked_at = endpoints.checked(given, tenant.pk, is_new=True)
    if looked_at.problems:
        context = {"tenant": tenant, "fields": _fields(None, tenant, given), "problems": looked_at.problems}
        return render(request, "delivery/webhooks_new.html", context, status=422)
    try:
        made, secret = endpoints.create(tenant, looked_at.values)
    except TooMany as no:
        messages.error(request, str(no))
        return redirect("webhooks")
    _record(request, "made", made, f"Made the webhook {made.url} of {tenant}.")
    return render(request, "delivery/webhooks_secret.html", {"endpoint": made, "secret": secret, "is_new": True})


@action(Permission.STEER_MAIL)
def webhook_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Address, description, what it hears."""
    endpoint, given = _found(request, pk), _given(request)
    looked_at = endpoints.checked(given, endpoint.tenant_id, is_new=False)
    if looked_at.problems:
        context = {**_told(request, endpoint), "since_choices": SINCE.items(), "fields": _fields(endpoint, given=given), "problems": looked_at.problems}
        return render(request, "delivery/webhooks_one.html", context, status=422)
    endpoints.change(endpoint, looked_at.values)
    _record(request, "changed", endpoint, f"Changed the webhook {endpoint.url}.", url=endpoint.url, kinds=endpoint.kinds)
    messages.success(request, "It was changed.")
    return redirect("webhook", pk)


@action(Permission.STEER_MAIL)
def webhook_state(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause it, or let it go on."""
    endpoint, wanted = _found(request, pk), request.POST.get("state", "")
    if wanted not in (EndpointState.ACTIVE, EndpointState.PAUSED):
        raise Http404("There is no such state.")
    endpoints.change(endpoint, {"state": wanted})
    _record(request, "resumed" if wanted == EndpointState.ACTIVE else "paused", endpoint, f"The webhook {endpoint.url} is {wanted} now.")
    messages.success(request, f"It is {wanted}.")
    return redirect("webhook", pk)


@action(Permission.STEER_MAIL)
def webhook_rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """A new secret, shown once."""
    endpoint = _found(request, pk)
    secret = endpoints.rotate(endpoint)
    _record(request, "secret rotated", endpoint, f"Made a new secret for the webhook {endpoint.url}; both sign for 24 hours.")
    return render(request, "delivery/webhooks_secret.html", {"endpoint": endpoint, "secret": secret, "is_new": False})


@action(Permission.STEER_MAIL)
def webhook_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a test; the page shows what is answered as it comes."""
    endpoint = _found(request, pk)
    try:
        event = endpoints.test(endpoint)
    except TooMany as no:
        messages.warning(request, str(no))
        return redirect("webhook", pk)
    return redirect(f"{reverse('webhook', args=[pk])}?test={event.pk}")


@action(Permission.STEER_MAIL)
def webhook_replay(request: HttpRequest, pk: int) -> HttpResponse:
    """Count what would go again; with `sure` send it. One event needs no preview."""
    endpoint = _found(request, pk)
    event = request.POST.get("event", "")
    if event.isdecimal() and int(event) in _IDS:
        if replay.one_again(endpoint, int(event)):
            _record(request, "event replayed", endpoint, f"Sends event {event} to {endpoint.url} again.")
            messages.success(request, "It goes again.")
        else:
            messages.warning(request, "It is on its way already.")
        return redirect("webhook", pk)
    hours = request.POST.get("hours", "")
    if hours not in SINCE:
        raise Http404("There is no such time.")
    since = now() - timedelta(hours=int(hours)) if hours else datetime.min.replace(year=1971, tzinfo=now().tzinfo)
    if request.POST.get("sure") != "yes":
        count = replay.failed_since(endpoint, since)
        return render(request, "delivery/webhooks_replay.html", {"endpoint": endpoint, "count": count, "hours": hours, "words": SINCE[hours]})
    count = replay.again_since(endpoint, since)
    _record(request, "events replayed", endpoint, f"Sends {count} events of {SINCE[hours]} to {endpoint.url} again.", events=count)
    messages.success(request, f"{formats.plural(count, 'event')} {'goes' if count == 1 else 'go'} again.")
    return redirect("webhook", pk)


@action(Permission.STEER_MAIL)
def webhook_remove(request: HttpRequest, pk: int) -> HttpResponse:
    endpoint = _found(request, pk)
    _record(request, "removed", endpoint, f"Removed the webhook {endpoint.url} of {endpoint.tenant}.")
    endpoints.remove(endpoint)
    messages.success(request, f"{endpoint.url} is told no more.")
    return redirect("webhooks")


# -- pieces --------------------------------------------------------------------------------------------------------------
def _found(request: HttpRequest, pk: int) -> WebhookEndpoint:
    endpoint = of_tenant(scope_of(request.user).tenant_id).filter(pk=pk).first() if pk in _IDS else None
    if endpoint is None:
        raise Http404("There is no such endpoint, or it is not yours to see.")
    return endpoint


def _told(request: HttpRequest, endpoint: WebhookEndpoint) -> dict[str, Any]:
    failed = request.GET.get("failed") == "yes"
    (health,) = health_of([endpoint])
    table = newest_first(request, lambda cursor: _entries(endpoint, failed, cursor), lambda row: row.id)
    return {"endpoint": endpoint, "health": health, "table": table, "failed": failed, "test": _test(request, endpoint), "kinds": endpoint.kinds or [],
            "streams": Stream.objects.filter(pk__in=endpoint.streams, tenant_id=endpoint.tenant_id), "to": COUNT_TO,
            "steers": may(request.user, Permission.STEER_MAIL)}  # fmt: skip


def _entries(endpoint: WebhookEndpoint, failed: bool, cursor: Cursor) -> list[log.Entry]:
    below, above = (int(text) if text.isdecimal() and int(text) in _IDS else None for text in (cursor.below, cursor.above))
    return log.entries(endpoint.pk, failed=failed, below=below, above=above, limit=cursor.size + 1)


def _test(request: HttpRequest, endpoint: WebhookEndpoint) -> dict[str, Any] | None:
    """The test that was just asked for: on its way, or what was answered."""
    asked = request.GET.get("test", "")
    if not asked.isdecimal() or int(asked) not in _IDS:
        return None
    event = WebhookEvent.objects.filter(pk=int(asked), endpoint_id=endpoint.pk, kind=TEST).first()
    if event is None:
        return None
    answered = next(iter(log.entries(endpoint.pk, event=event.pk, limit=1)), None)
    waits = event.state == EventState.PENDING and now() - event.at < timedelta(seconds=LIVE_FOR_S)
    return {"event": event, "answered": answered, "waits": waits}


def _given(request: HttpRequest) -> dict[str, Any]:
    """The form in the API's own words."""
    given: dict[str, Any] = {"url": request.POST.get("url", "").strip(), "description": request.POST.get("description", "")}
    given["events"] = request.POST.getlist("events") if len(request.POST.getlist("events")) < len(EventKind) else []
    given["streams"] = request.POST.getlist("streams")
    return given


def _fields(endpoint: WebhookEndpoint | None, tenant: Tenant | None = None, given: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the form shows: what was given, or what is."""
    tenant_id = endpoint.tenant_id if endpoint else tenant.pk if tenant else None
    streams = list(Stream.objects.filter(tenant_id=tenant_id)) if tenant_id else []
    chosen = set(given["streams"]) if given else {stream.name for stream in streams if endpoint and stream.pk in endpoint.streams}
    kinds = set(given["events"]) if given else set(endpoint.kinds if endpoint else [])
    said = given or {"url": endpoint.url if endpoint else "", "description": endpoint.description if endpoint else ""}
    return {
        "url": said["url"], "description": said["description"], "kinds": [(kind.value, WORDS[kind], not kinds or kind in kinds) for kind in EventKind],
        "streams": [(stream.name, stream.name in chosen) for stream in streams],
    }  # fmt: skip


def _record(request: HttpRequest, done: str, endpoint: WebhookEndpoint, sentence: str, **detail: Any) -> None:
    record_request(request, f"webhook {done}", f"webhook {endpoint.pk}", sentence, tenant_id=endpoint.tenant_id, **detail)


register(Group.TENANTS, "Webhooks", "webhooks", Permission.MAIL, 40)

urlpatterns = [
    path("webhooks/", webhooks, name="webhooks"),
    path("webhooks/new/", webhook_new, name="webhook_new"),
    path("webhooks/make/", webhook_make, name="webhook_make"),
    path("webhooks/<int:pk>/", webhook, name="webhook"),
    path("webhooks/<int:pk>/log/", webhook_log, name="webhook_log"),
    path("webhooks/<int:pk>/change/", webhook_change, name="webhook_change"),
    path("webhooks/<int:pk>/state/", webhook_state, name="webhook_state"),
    path("webhooks/<int:pk>/rotate/", webhook_rotate, name="webhook_rotate"),
    path("webhooks/<int:pk>/test/", webhook_test, name="webhook_test"),
    path("webhooks/<int:pk>/replay/", webhook_replay, name="webhook_replay"),
    path("webhooks/<int:pk>/remove/", webhook_remove, name="webhook_remove"),
]
