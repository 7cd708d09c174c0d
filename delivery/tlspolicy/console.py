"""The console's page of TLS: destinations whose TLS keeps mail waiting, and the exceptions that people made.

An exception is a person's, for one named destination, with a reason; it is audited, ends by itself if that was chosen, and can be taken back.
"""

from datetime import timedelta

from django.contrib import messages
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from delivery.engine.reach import TLS_SCOPE
from delivery.models import MtaStsPolicy
from delivery.tlspolicy.waiting import destinations, exceptions
from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.confirm import offer_undo, undoer
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission
from pools.forms import TlsExceptionForm
from pools.models import TlsException

POLICIES_SHOWN = 100
DAYS = {"1": 1, "7": 7, "30": 30, "": None}
# What waits for this destination's TLS is due at once; the engines hear of the exception within a second.
DUE_NOW = "UPDATE delivery_waiting SET due_at = platform_now() + interval '2 s' WHERE why = 'retry' AND scope = %s"


@page(Permission.SEE)
def tls(request: HttpRequest) -> HttpResponse:
    """What waits for TLS, what goes without it, and what domains ask."""
    waiting = destinations()
    context = {
        "waiting": waiting,
        "without": sum(not one.excepted for one in waiting),
        "exceptions": exceptions().order_by("match"),
        "policies": MtaStsPolicy.objects.order_by("domain")[:POLICIES_SHOWN],
    }
    return render(request, "delivery/tls.html", context)


@action(Permission.STEER)
def tls_except(request: HttpRequest) -> HttpResponse:
    """Let one destination have its mail without TLS."""
    days = DAYS.get(request.POST.get("days", "7"), 7)
    until = now() + timedelta(days=days) if days else None
    form = TlsExceptionForm({"match": request.POST.get("match", ""), "reason": request.POST.get("reason", ""), "expires_at": until})
    if not form.is_valid():
        for problems in form.errors.values():
            messages.error(request, " ".join(str(problem) for problem in problems))
        return redirect("tls")
    with transaction.atomic(), connection.cursor() as cursor:
        exception = form.save(commit=False)
        exception.created_by = str(getattr(request.user, "email", request.user))
        exception.save()
        cursor.execute(DUE_NOW, [f"{TLS_SCOPE}{exception.match}"])
        sentence = f"Mail for {exception.match} goes without TLS now, {f'for {days} days' if days else 'until somebody ends it'}: {exception.reason}"
        record_request(request, "TLS exception made", exception.match, sentence, deliveries=cursor.rowcount)
    offer_undo(request, "TLS exception", exception.match, f"{exception.match} gets its mail without TLS.", match=exception.match)
    return redirect("tls")


@action(Permission.STEER)
def tls_require(request: HttpRequest, pk: int) -> HttpResponse:
    """End an exception: its mail waits for TLS again."""
    with transaction.atomic():
        for exception in TlsException.objects.select_for_update().filter(pk=pk):
            exception.delete()
            record_request(request, "TLS exception ended", exception.match, f"Mail for {exception.match} goes with TLS only.")
    return redirect("tls")


@undoer("TLS exception")
def _required_again(request: HttpRequest, *, match: str) -> str:
    TlsException.objects.filter(match=match).delete()
    return f"Mail for {match} goes with TLS only."


register(Group.SENDING, "TLS", "tls", Permission.SEE, 50)

urlpatterns = [
    path("tls/", tls, name="tls"),
    path("tls/except/", tls_except, name="tls_except"),
    path("tls/exceptions/<int:pk>/end/", tls_require, name="tls_require"),
]
