"""Console pages of who is who: tenants, one tenant, people; sending domains are in delivery.domains. What is edited at length is edited in the admin."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.switch import Switch
from mailplatform.shell.tables import named_page
from mailplatform.tenants.blocks import blocks
from mailplatform.tenants.figures import domains_of, keys_of, with_counts
from mailplatform.tenants.models import Tenant, User

PAUSED_MEANS = {
    Tenant.State.ACTIVE: "Its mail is accepted and sent.",
    Tenant.State.PAUSED: "Its mail is accepted and held.",
    Tenant.State.SUSPENDED: "Its mail is refused.",
}
TENANT_STATE = Switch(
    "tenant state", Tenant, "state", Tenant.State.values,
    done=lambda state: f"tenant {state}",
    told=lambda tenant: f"{tenant} is {tenant.state} now. {PAUSED_MEANS[Tenant.State(tenant.state)]}",
    again=lambda tenant: f"{tenant} is {tenant.state} again.",
)  # fmt: skip


def _may_sign_in(person: User) -> str:
    return f"{person.email} may {'sign in again' if person.is_active else 'no longer sign in'}."


PERSON_ACTIVE = Switch(
    "person active", User, "is_active", (True, False),
    done=lambda active: "person enabled" if active else "person disabled", told=_may_sign_in, again=_may_sign_in,
)  # fmt: skip


@page(Permission.SEE)
def tenants(request: HttpRequest) -> HttpResponse:
    """All tenants, by name."""
    table = named_page(request, with_counts(Tenant.objects.all()))  # type: ignore[arg-type]
    stopped = Tenant.objects.exclude(state=Tenant.State.ACTIVE).count()
    return render(request, "tenants/tenants.html", {"table": table, "stopped": stopped})


@page(Permission.SEE, under="tenants")
def tenant(request: HttpRequest, name: str) -> HttpResponse:
    """One tenant: streams, domains, keys, people."""
    found = get_object_or_404(Tenant, name=name)
    context = {
        "tenant": found, "means": PAUSED_MEANS[Tenant.State(found.state)], "streams": found.streams.select_related("pool"), "domains": domains_of(found),
        "keys": keys_of(found), "people": found.users.all(), "others": [state for state in Tenant.State if state != found.state],
        "blocks": blocks(request, found),
    }  # fmt: skip
    return render(request, "tenants/tenant.html", context)


@action(Permission.PEOPLE)
def tenant_state(request: HttpRequest, name: str) -> HttpResponse:
    """Pause, suspend or resume a tenant."""
    TENANT_STATE.turn(request, request.POST.get("state", ""), name=name)
    return redirect("tenant", name)


@page(Permission.PEOPLE)
def people(request: HttpRequest) -> HttpResponse:
    """Who may come in, with which role."""
    from allauth.mfa.models import Authenticator

    table = named_page(request, User.objects.select_related("tenant"), key="email")
    with_factor = set(Authenticator.objects.filter(user__in=[user.pk for user in table.rows], type=Authenticator.Type.TOTP).values_list("user_id", flat=True))
    powerful = User.objects.filter(is_active=True, role__in=[User.Role.ADMINISTRATOR, User.Role.OPERATOR])
    bare = powerful.exclude(pk__in=Authenticator.objects.filter(type=Authenticator.Type.TOTP).values("user_id")).count()
    roles = [(role.value, ROLE_WORDS[role]) for role in User.Role]
    return render(request, "tenants/people.html", {"table": table, "with_factor": with_factor, "bare": bare, "roles": roles})


@action(Permission.PEOPLE)
def person_active(request: HttpRequest, pk: int) -> HttpResponse:
    """Let somebody in, or not; never oneself."""
    if pk == request.user.pk:
        messages.warning(request, "You cannot disable yourself.")
    else:
        PERSON_ACTIVE.turn(request, request.POST.get("active") == "yes", pk=pk)
    return redirect("people")


ROLE_WORDS = {
    User.Role.VIEWER: "sees everything that an operator sees, changes nothing",
    User.Role.OPERATOR: "steers pools, IPs, queues and mail; may read bodies",
    User.Role.STAFF: "sees everything, sets alerts and who is told",
    User.Role.ADMINISTRATOR: "everything, people and tenants included",
    User.Role.TENANT: "their own tenant's mail; never the admin",
}

register(Group.TENANTS, "All tenants", "tenants", Permission.SEE, 10)
register(Group.SETTINGS, "People", "people", Permission.PEOPLE, 80)

urlpatterns = [
    path("tenants/", tenants, name="tenants"),
    path("tenants/<slug:name>/", tenant, name="tenant"),
    path("tenants/<slug:name>/state/", tenant_state, name="tenant_state"),
    path("people/", people, name="people"),
    path("people/<int:pk>/active/", person_active, name="person_active"),
]
