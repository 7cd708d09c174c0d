"""The console's page of what came back: how much of what, what was ignored, and the latest with their messages. For operators: it shows all tenants' mail."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from delivery.models import CameBack
from delivery.returns.figures import figures, told
from delivery.returns.finding import Kind
from mailplatform.shell.clock import now
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.tables import keyset_page

KINDS = (Kind.BOUNCE, Kind.COMPLAINT, Kind.AUTO_REPLY, Kind.REPORT, Kind.UNKNOWN)


@page(Permission.SEE)
def came_back(request: HttpRequest) -> HttpResponse:
    """Counts of the last hour and day, then the newest first; `?kind=` keeps to one."""
    kind = request.GET.get("kind", "")
    rows = CameBack.objects.filter(kind=kind) if kind in set(KINDS) else CameBack.objects.all()
    table = keyset_page(request, rows)
    context = {
        "figures": figures(now()),
        "table": table,
        "rows": told(table.rows),
        "kinds": [(each.value, each.value.replace("_", " ")) for each in KINDS],
        "kind": kind,
        "listens": settings.INCOMING,
        "domain": settings.RETURN_PATH_DOMAIN,
        "feedback": settings.FEEDBACK_ADDRESSES,
    }
    return render(request, "delivery/came_back.html", context)


register(Group.SENDING, "Came back", "came_back", Permission.SEE, 45)

urlpatterns = [path("came-back/", came_back, name="came_back")]
