"""The sandbox's front doors: two simulated ones that the demo's name points to, which a person may shut for a while to see the name move. Nowhere else."""

import httpx
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from mailplatform.shell.audit import record_request
from mailplatform.shell.pages import action, back
from mailplatform.shell.permissions import Permission
from monitoring.endpoints.models import Endpoint

PREFIX = "front door "  # of the endpoints that bin/up seeds for them
SHUT_S = 60


def doors() -> list[Endpoint]:
    """The simulated ones, in the sandbox."""
    if settings.MAIL_MODE != "sandbox" or not settings.SANDBOX_URL:
        return []
    return list(Endpoint.objects.filter(name__startswith=PREFIX, seeded=True))


@action(Permission.STEER)
def door(request: HttpRequest) -> HttpResponse:
    """Shut one for a minute, or open it again."""
    found = next((one for one in doors() if one.name == request.POST.get("door")), None)
    if found is None:
        raise PermissionDenied("This is the sandbox's.")
    seconds = 0 if request.POST.get("open") else SHUT_S
    order = {"action": "front", "address": found.host, "shut_s": seconds}
    try:
        httpx.post(f"{settings.SANDBOX_URL}/api/control", json=order, timeout=3).raise_for_status()
    except httpx.HTTPError as error:
        messages.error(request, f"The sandbox did not do it: {type(error).__name__}.")
        return back(request, "dns")
    sentence = f"The simulated {found.name} is {f'shut for {seconds} s' if seconds else 'open again'}."
    record_request(request, "sandbox door changed", found, sentence)
    messages.success(request, sentence)
    return back(request, "dns")
