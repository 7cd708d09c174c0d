"""The shell's own pages: one's account, undo, the audit log. Everything else belongs to an app."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme

from mailplatform.shell.confirm import take_back
from mailplatform.shell.models import AuditEntry
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.tables import keyset_page


@page(Permission.ACCOUNT)
def account(request: HttpRequest) -> HttpResponse:
    """Who one is here: role, password, second factor."""
    from allauth.mfa.models import Authenticator

    kinds = set(Authenticator.objects.filter(user=request.user).values_list("type", flat=True))
    return render(request, "shell/account.html", {"has_totp": Authenticator.Type.TOTP in kinds, "has_codes": Authenticator.Type.RECOVERY_CODES in kinds})


@action(Permission.ACCOUNT)
def undo(request: HttpRequest, offer: str) -> HttpResponse:
    """Take back what was just done, while the offer stands."""
    sentence = take_back(request, offer)
    if sentence:
        messages.success(request, sentence)
    else:
        messages.warning(request, "The time to undo this is over.")
    return redirect(safe_next(request))


@page(Permission.SEE)
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first; `who` is the beginning of a name, `what` of a target."""
    rows = AuditEntry.objects.all()
    if who := request.GET.get("who", "").strip():
        rows = rows.filter(actor__startswith=who.lower())
    if what := request.GET.get("what", "").strip():
        rows = rows.filter(target__startswith=what)
    table = keyset_page(request, rows)
    return render(request, "shell/audit.html", {"table": table, "who": who, "what": what, "newest": table.rows[0] if table else None})


def safe_next(request: HttpRequest, otherwise: str = "/") -> str:
    """Where a form wants to go back to, if that is on this host."""
    wanted = request.POST.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()) else otherwise


register(Group.SETTINGS, "Audit", "audit", Permission.SEE, 90)

urlpatterns = [
    path("account/", account, name="account"),
    path("undo/<str:offer>/", undo, name="undo"),
    path("audit/", audit, name="audit"),
]
