"""What a person does about reputation's actions: cancel one, do or refuse what is proposed, probe a path that is out sooner."""

from django.contrib import messages
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path as address

from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.pages import action, back
from mailplatform.shell.permissions import Permission
from pools.models import Path
from pools.reputation.models import Action, PathStanding
from pools.reputation.people import cancel, confirm


@action(Permission.STEER)
def deed_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo an action, or refuse a proposal; reputation keeps the audit."""
    found = get_object_or_404(Action, pk=pk)
    if cancel(found, request.user, now()):
        messages.success(request, "It was refused." if found.state == Action.State.PROPOSED else "It was cancelled: what it had changed is as before.")
    else:
        messages.warning(request, "It was over already; nothing was changed.")
    return back(request, "deeds")


@action(Permission.STEER)
def deed_confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Do what was proposed."""
    found = get_object_or_404(Action, pk=pk)
    if confirm(found, request.user, now()):
        messages.success(request, "It was done.")
    else:
        messages.warning(request, "Things are not as they were when this was proposed; nothing was changed.")
    return back(request, "deeds")


@action(Permission.STEER)
def path_probe(request: HttpRequest, pk: int) -> HttpResponse:
    """End a path's minimum stay now: the next round probes it, and its answers decide."""
    at = now()
    with transaction.atomic():
        path = get_object_or_404(Path.objects.select_for_update(of=("self",)).select_related("ip", "provider"), pk=pk)
        waiting = PathStanding.objects.filter(path=path, state=Path.State.QUARANTINED, until__gt=at)
        if path.state == Path.State.QUARANTINED and waiting.update(until=at, version=F("version") + 1, updated_at=at):
            record_request(request, "path probed sooner", path, f"Ended the minimum stay of {path}: it is probed with the next round.")
            messages.success(request, f"{path} is probed with the next round.")
        else:
            messages.warning(request, "It does not wait for its stay to end; nothing was changed.")
    return back(request, "path", pk)


urlpatterns = [
    address("actions/<int:pk>/cancel/", deed_cancel, name="deed_cancel"),
    address("actions/<int:pk>/confirm/", deed_confirm, name="deed_confirm"),
    address("paths/<int:pk>/probe/", path_probe, name="path_probe"),
]
