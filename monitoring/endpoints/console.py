"""The page Endpoints: which doors answer, from where; the last verdicts."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path as address

from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Count, Group, register
from mailplatform.shell.pages import page
from mailplatform.shell.permissions import Permission
from monitoring.endpoints.figures import matrix
from monitoring.endpoints.models import Endpoint
from monitoring.endpoints.verdicts import out_of_service


@page(Permission.SEE)
def endpoints(request: HttpRequest) -> HttpResponse:
    """Every endpoint from every vantage point."""
    return render(request, "monitoring/endpoints.html", _now())


@page(Permission.SEE, under="endpoints")
def endpoints_now(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/endpoints_now.html", _now())


def _now() -> dict[str, Any]:
    seen = matrix()
    look, words = seen.sentence
    return {"matrix": seen, "look": look, "sentence": words}


def _dead() -> Count | None:
    down = set(Endpoint.objects.filter(enabled=True, state=Endpoint.State.DOWN).values_list("pk", flat=True))
    dead = len(down - out_of_service()) if down else 0
    return Count(dead, "dead", "broken") if dead else None


register(Group.RESILIENCE, "Endpoints", "endpoints", Permission.SEE, 35, _dead)

urlpatterns = [
    address("endpoints/", endpoints, name="endpoints"),
    address("endpoints/live/", endpoints_now, name="endpoints_now"),
]
