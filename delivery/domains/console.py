"""Console pages of sending domains, for the platform's people and for a tenant's own: the list, the worst first, and one domain.

Everything is read through the person's scope: another tenant's domain does not exist for a tenant user.
"""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from delivery.domains import keys, simulated
from delivery.domains.change import Change, change
from delivery.domains.claim import MOST_ROTATE_DAYS, CannotClaim, claim, readable_return_path
from delivery.domains.page import page_of, state_of_row, worst_first
from delivery.domains.readiness import SOURCES
from delivery.domains.remove import preview, remove
from delivery.domains.run import TooSoon, check_on_request
from delivery.domains.store import is_taken, verify
from delivery.submit.facts import forget_cached
from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission, may
from mailplatform.shell.tables import keyset_page
from mailplatform.tenants.models import SendingDomain, Tenant
from mailplatform.tenants.scope import scope_of

TENANTS_OFFERED = 200


@page(Permission.MAIL)
def domains(request: HttpRequest) -> HttpResponse:
    """The worst first, then all, the newest first."""
    rows = _mine(request).select_related("tenant")
    worst = worst_first(rows)
    if wanted := request.GET.get("name", "").strip().lower()[:253]:
        rows = rows.filter(name__startswith=wanted)
    table = keyset_page(request, rows)
    context = {
        "table": table, "shown": [(one, *state_of_row(one)) for one in table.rows], "worst": [(one, *state_of_row(one)) for one in worst],
        "unverified": sum(one.verified_at is None for one in worst), "not_ready": sum(one.verified_at is not None for one in worst), "wanted": wanted,
        "tenants": Tenant.objects.order_by("name")[:TENANTS_OFFERED] if may(request.user, Permission.SEE) else (),
    }  # fmt: skip
    return render(request, "tenants/domains.html", context)


@page(Permission.MAIL, under="domains")
def domain(request: HttpRequest, pk: int) -> HttpResponse:
    """One domain: what is right, what is wrong and was seen, what to publish."""
    found = _find(request, pk)
    about = request.GET.get("about", "")
    context = {
        "domain": found, "page": page_of(found), "sources": SOURCES, "can_publish": simulated.can_publish(),
        "removal": preview(found) if about == "removal" else None, "rotation": keys.waiting_keys(found).exists(),
        "rotations": _rotations(found.rotate_days), "is_taken": found.verified_at is None and _owns(found) and is_taken(found),
    }  # fmt: skip
    return render(request, "tenants/domain.html", context)


@action(Permission.STEER_MAIL)
def domain_add(request: HttpRequest) -> HttpResponse:
    """Claim one: for one's own tenant, or, by the platform's people, for the tenant that they name."""
    scope = scope_of(request.user)  # type: ignore[arg-type]
    tenant = Tenant.objects.filter(pk=scope.tenant_id).first() if scope.tenant_id else Tenant.objects.filter(name=request.POST.get("tenant", "")).first()
    if tenant is None:
        messages.error(request, "Name the tenant that it is for.")
        return redirect("domains")
    try:
        made, is_new = claim(tenant.pk, request.POST.get("name", ""))
    except CannotClaim as no:
        messages.error(request, str(no))
        return redirect("domains")
    if is_new:
        record_request(request, "domain claimed", made, f"Claimed {made} for {tenant}.")
    return redirect("domain", made.pk)


@action(Permission.STEER_MAIL)
def domain_check(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask DNS now."""
    found = check_on_request(_find(request, pk))
    if isinstance(found, TooSoon):
        messages.info(request, found.sentence)
    return redirect("domain", pk)


@action(Permission.STEER_MAIL)
def domain_rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """New keys, that wait for their records."""
    found = _find(request, pk)
    try:
        made = keys.rotate(found)
    except keys.CannotRotate as no:
        messages.warning(request, str(no))
    else:
        told = f"Made {', '.join(key.selector for key in made)} for {found}: they sign once their records are seen."
        record_request(request, "DKIM keys made", found, told)
        messages.success(request, told)
    return redirect("domain", pk)


@action(Permission.STEER_MAIL)
def domain_drop_keys(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget the keys that wait."""
    found = _find(request, pk)
    if dropped := keys.drop_waiting(found):
        record_request(request, "DKIM keys dropped", found, f"Dropped {dropped} keys of {found} that waited for their records.")
    return redirect("domain", pk)


@action(Permission.STEER_MAIL)
def domain_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Its return path, and the rhythm of its keys."""
    found = _find(request, pk)
    days = request.POST.get("rotate_days", "")
    try:
        wanted = Change(
            readable_return_path(request.POST["return_path"], found.name) if "return_path" in request.POST else None,
            min(int(days), MOST_ROTATE_DAYS) if days.isdecimal() and len(days) < 6 else None,
        )
    except CannotClaim as no:
        messages.error(request, str(no))
        return redirect("domain", pk)
    if told := change(found, wanted):
        record_request(request, "domain changed", found, told)
        messages.success(request, told)
    return redirect("domain", pk)


@action(Permission.STEER)
def domain_verify(request: HttpRequest, pk: int) -> HttpResponse:
    """A person of the platform vouches for it."""
    with transaction.atomic():
        found = get_object_or_404(SendingDomain.objects.select_for_update(), pk=pk)
        done = found.verified_at is None and verify(found, now())
        if done:
            record_request(request, "domain verified", found, f"Verified {found} by hand: its ownership record was not seen.")
    forget_cached()
    if not done:
        messages.warning(request, "It is verified already, by this tenant or another one.")
    return redirect("domain", pk)


@action(Permission.STEER_MAIL)
def domain_publish(request: HttpRequest, pk: int) -> HttpResponse:
    """In the sandbox: let the simulated DNS say what is asked for, as a DNS panel would."""
    found = _find(request, pk)
    if names := simulated.publish(found):
        messages.success(request, f"The simulated DNS says it now, under {names} names. Check to see it.")
    return redirect("domain", pk)


@action(Permission.STEER_MAIL)
def domain_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete it, unless mail of it waits."""
    found = _find(request, pk)
    name, removal = found.name, remove(found)
    if not removal.possible:
        messages.error(request, removal.sentence)
        return redirect("domain", pk)
    record_request(request, "domain deleted", f"sending domain {name}", f"Deleted {name} and its keys.")
    messages.success(request, f"{name} is deleted.")
    return redirect("domains")


def _rotations(days: int) -> list[tuple[int, str]]:
    offered = {0: "when somebody asks for them", 90: "every 90 days", 180: "every 180 days", 365: "every 365 days"}
    return sorted({**offered, days: offered.get(days, f"every {days} days")}.items())


def _mine(request: HttpRequest):  # type: ignore[no-untyped-def]
    scope = scope_of(request.user)  # type: ignore[arg-type]
    rows = SendingDomain.objects.all()
    return rows if scope.tenant_id is None else rows.filter(tenant_id=scope.tenant_id)


def _find(request: HttpRequest, pk: int) -> SendingDomain:
    return get_object_or_404(_mine(request).select_related("tenant"), pk=pk)


def _owns(found: SendingDomain) -> bool:
    """Its ownership record is right: only then is it told that somebody else has the name."""
    return found.checks.filter(kind="ownership", answer="right").exists()


register(Group.TENANTS, "Domains", "domains", Permission.MAIL, 20)

urlpatterns = [
    path("domains/", domains, name="domains"),
    path("domains/add/", domain_add, name="domain_add"),
    path("domains/<int:pk>/", domain, name="domain"),
    path("domains/<int:pk>/check/", domain_check, name="domain_check"),
    path("domains/<int:pk>/rotate/", domain_rotate, name="domain_rotate"),
    path("domains/<int:pk>/drop-keys/", domain_drop_keys, name="domain_drop_keys"),
    path("domains/<int:pk>/change/", domain_change, name="domain_change"),
    path("domains/<int:pk>/verify/", domain_verify, name="domain_verify"),
    path("domains/<int:pk>/publish/", domain_publish, name="domain_publish"),
    path("domains/<int:pk>/remove/", domain_remove, name="domain_remove"),
]
