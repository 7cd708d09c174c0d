"""The page Health: the platform by zone and node at a glance; who looks after it, and what engines were found dead."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from mailplatform.shell.clock import now
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import page
from mailplatform.shell.permissions import Permission
from monitoring.alerts.incident_rows import switched_off
from monitoring.health_page.board import board
from monitoring.health_page.sentence import sentence
from monitoring.models import Verdict, WatcherBeat
from monitoring.readiness import readiness

SHOWN = 8  # of what is open, and of what is beyond a limit


@page(Permission.SEE)
def health(request: HttpRequest) -> HttpResponse:
    """What is well, what is not."""
    beats = list(WatcherBeat.objects.select_related("zone").order_by("zone__name"))
    return render(request, "monitoring/health.html", {**_now(), "verdicts": list(Verdict.objects.select_related("node")[:30]), "beats": beats})


@page(Permission.SEE, under="health")
def health_live(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/_health.html", _now())


def _now() -> dict[str, Any]:
    seen, ready = board(now()), readiness()
    parts = [("Database", ready.database), ("Engines", ready.engines), ("Watchers", ready.watcher)]
    not_ready = " ".join(f"{name}: {part.says}." for name, part in parts[:2] if not part.ready)
    look, words = sentence(seen, not_ready, "" if ready.watcher.ready else ready.watcher.says)
    more = {"incidents": seen.incidents[:SHOWN], "unwell": seen.unwell[:SHOWN], "off": switched_off()}
    return {"board": seen, "parts": parts, "look": look, "sentence": words, **more}


register(Group.NOW, "Health", "health", Permission.SEE, 15)

urlpatterns = [path("health/", health, name="health"), path("health/live/", health_live, name="health_live")]
