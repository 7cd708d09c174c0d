"""The console's page of one-click unsubscribe: which streams' mail carries links, exactly what it carries, and the switch. Operators and tenants."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from delivery.submit.facts import forget_cached
from delivery.unsubscribe.offer import can_be_served, customer_name, example, is_offered
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.switch import Switch
from mailplatform.tenants.scope import scope_of
from pools.models import Stream
from pools.purposes import Purpose

WORDS = {"on": True, "off": False, "purpose": None}
MOST = 500


def _told(stream: Stream) -> str:
    carries = "carries unsubscribe links now" if is_offered(stream.purpose, stream.one_click_unsubscribe) else "carries no unsubscribe links any more"
    return f"Mail of {stream.tenant}'s stream {stream} {carries}."


LINKS = Switch(
    "unsubscribe links", Stream, "one_click_unsubscribe", tuple(WORDS.values()), done=lambda on: f"unsubscribe links {'off' if on is False else 'on'}",
    told=_told, again=_told,
)  # fmt: skip


@page(Permission.MAIL)
def unsubscribe_links(request: HttpRequest) -> HttpResponse:
    """Streams, by tenant and purpose."""
    scope = scope_of(request.user)
    streams = Stream.objects.select_related("tenant").order_by("tenant__name", "-purpose", "name")
    if scope.tenant_id is not None:
        streams = streams.filter(tenant_id=scope.tenant_id)
    rows = [
        {
            "stream": stream,
            "on": is_offered(stream.purpose, stream.one_click_unsubscribe),
            "is_marketing": stream.purpose == Purpose.MARKETING,
            "example": example(stream.tenant_id, stream.purpose),
            "customer": customer_name(stream.tenant_id),
        }
        for stream in streams[:MOST]
    ]
    without = [row for row in rows if row["is_marketing"] and not row["on"]]
    context = {"rows": rows, "without": without, "served": can_be_served(), "url": settings.PUBLIC_URL, "many": scope.tenant_id is None}
    return render(request, "delivery/unsubscribe_links.html", context)


@action(Permission.STEER_MAIL)
def unsubscribe_links_set(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a stream's mail carry links, or not."""
    scope = scope_of(request.user)
    wanted = request.POST.get("links", "")
    if wanted in WORDS:
        LINKS.turn(request, WORDS[wanted], pk=pk, **({} if scope.tenant_id is None else {"tenant_id": scope.tenant_id}))
        forget_cached()  # other processes look again within two seconds
    return redirect("unsubscribe_links")


register(Group.TENANTS, "Unsubscribe", "unsubscribe_links", Permission.MAIL, 50)

urlpatterns = [
    path("unsubscribe/", unsubscribe_links, name="unsubscribe_links"),
    path("unsubscribe/<int:pk>/", unsubscribe_links_set, name="unsubscribe_links_set"),
]
