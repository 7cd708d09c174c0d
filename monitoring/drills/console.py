"""Drills' pages: when each kind was last rehearsed, a preview before each start, the running one with its abort, and a report of each run."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.tables import keyset_page
from monitoring.drills import Refusal, allowed, report, start, stopwatch
from monitoring.drills.calendar import overdue_since
from monitoring.drills.kinds import KINDS
from monitoring.drills.models import Drill, DrillKind, DrillPolicy
from monitoring.drills.round import due_since, is_on, last_judged, moved_on, policies, schedule_row
from monitoring.drills.scopes import preview, unavailable

RUNNING_EVERY_S = 0.5


@page(Permission.SEE)
def drill_runs(request: HttpRequest) -> HttpResponse:
    """Kinds with when and how they were last rehearsed, then every run."""
    table = keyset_page(request, Drill.objects.all(), key="id")
    rows = [(drill, stopwatch.figures_of(drill)) for drill in table.rows]
    return render(request, "monitoring/drills.html", {"table": table, "rows": rows, **_kinds()})


@page(Permission.SEE, under="drills")
def drills_live(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/drills_now.html", _kinds())


@page(Permission.SEE, under="drills")
def drill_kind(request: HttpRequest, kind: str) -> HttpResponse:
    """What would happen, what is at risk, whether it would be started; then its history."""
    if kind not in KINDS:
        return redirect("drills")
    told = preview(kind, request.GET.get("scope", ""), _seconds(request.GET.get("lasts_s", "")))
    runs = report.earlier(kind)
    trends = [(words, report.trend(runs, figure)) for figure, words in (("found_ms", "found"), ("rerouted_ms", "rerouted"), ("recovery_ms", "recovered"))]
    policy = next(policy for policy in policies() if policy.kind == kind)
    context = {
        "told": told, "name": DrillKind(kind).label, "runs": [(run, report.figures(run.figures)) for run in runs], "policy": policy, "schedule": schedule_row(),
        "trends": [(words, values) for words, values in trends if sum(value is not None for value in values) > 1], "drills_allowed": allowed(),
    }  # fmt: skip
    return render(request, "monitoring/drill_kind.html", context)


@page(Permission.SEE, under="drills")
def drill_run(request: HttpRequest, pk: int) -> HttpResponse:
    """The report of one run; while it runs, its stopwatch."""
    return render(request, "monitoring/drill_run.html", _run(pk))


@page(Permission.SEE, under="drills")
def drill_run_live(request: HttpRequest, pk: int) -> HttpResponse:
    return fragment(request, "monitoring/drill_run_now.html", _run(pk))


@action(Permission.STEER)
def drill_start(request: HttpRequest, kind: str) -> HttpResponse:
    if kind not in KINDS:
        return redirect("drills")
    started = start.start(kind, str(request.user), request.POST.get("scope", ""), _seconds(request.POST.get("lasts_s", "")))
    if isinstance(started, Refusal):
        record_request(request, "drill refused", DrillKind(kind).label, f"Asked for the drill “{DrillKind(kind).label}”. {started.says}")
        messages.warning(request, started.says)
        return redirect("drill_kind", kind)
    record_request(request, "drill started", started, f"Started the drill “{started.get_kind_display()}” {started.scope}".strip() + ".", scope=started.scope)
    return redirect("drill_run", started.pk)


@action(Permission.STEER)
def drill_abort(request: HttpRequest, pk: int) -> HttpResponse:
    drill = get_object_or_404(Drill, pk=pk)
    if start.abort(drill, str(request.user)):
        record_request(request, "drill aborted", drill, f"Aborted the drill “{drill.get_kind_display()}” {drill.scope}".strip() + ".")
    else:
        messages.info(request, "It had ended already.")
    return redirect("drill_run", drill.pk)


@action(Permission.STEER)
def drill_skip(request: HttpRequest, kind: str) -> HttpResponse:
    """Leave the next date out, with a reason."""
    policy, why = get_object_or_404(DrillPolicy, kind=kind), request.POST.get("why", "").strip()[:300]
    if not why:
        messages.warning(request, "Say why it is left out.")
    elif policy.next_at and start.skip(kind, str(request.user), why, policy.next_at):
        left_out = policy.next_at
        DrillPolicy.objects.filter(pk=kind, next_at=left_out).update(next_at=moved_on(policy, schedule_row(), max(left_out, now())))
        record_request(request, "drill left out", DrillKind(kind).label, f"Left out the drill “{DrillKind(kind).label}” of {left_out:%Y-%m-%d}: {why}")
    return redirect("drill_kind", kind)


def _seconds(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 5 else 0


def _kinds() -> dict[str, Any]:
    schedule, at = schedule_row(), now()
    rows: list[dict[str, Any]] = []
    for policy in policies():
        last, due = last_judged(policy.kind), due_since(policy, schedule)
        late = overdue_since(due, schedule.overdue_days, at) if policy.planned and due else None
        rows.append({"policy": policy, "last": last, "late_s": late.total_seconds() if late else None, "unavailable": unavailable(KINDS[policy.kind])})
    running = Drill.objects.filter(state=Drill.State.RUNNING, kind__in=KINDS).order_by("-id").first()
    judged = [row for row in rows if row["last"] is not None]
    return {
        "kinds": rows, "schedule": schedule, "schedule_on": is_on(schedule),
        "running": running, "running_figures": report.figures(stopwatch.figures_of(running)),
        "overdue": [row for row in rows if row["late_s"] is not None], "missed": [row for row in judged if row["last"].verdict == "missed"],
        "never": [row for row in rows if row["last"] is None and not row["unavailable"]], "passed": [row for row in judged if row["last"].verdict == "passed"],
        "drills_allowed": allowed(), "every": RUNNING_EVERY_S if running else 5.0,
    }  # fmt: skip


def _run(pk: int) -> dict[str, Any]:
    drill = get_object_or_404(Drill, pk=pk)
    figures = stopwatch.figures_of(drill)
    runs = [run for run in report.earlier(drill.kind) if run.pk != drill.pk]
    return {
        "drill": drill, "figures": report.figures(figures), "lines": report.lines(drill), "timeline": report.timeline(drill), "every": RUNNING_EVERY_S,
        "runs": [(run, report.figures(run.figures)[:4]) for run in runs], "evidence": sorted(drill.evidence.items()) if drill.evidence else [],
        "at": now(), "what": KINDS.get(drill.kind), "missed": [line["name"].lower() for line in drill.objectives if not line["met"]],
    }  # fmt: skip


urlpatterns = [
    path("drills/", drill_runs, name="drills"),
    path("drills/live/", drills_live, name="drills_live"),
    path("drills/<int:pk>/", drill_run, name="drill_run"),
    path("drills/<int:pk>/live/", drill_run_live, name="drill_run_live"),
    path("drills/<int:pk>/abort/", drill_abort, name="drill_abort"),
    path("drills/<slug:kind>/", drill_kind, name="drill_kind"),
    path("drills/<slug:kind>/start/", drill_start, name="drill_start"),
    path("drills/<slug:kind>/skip/", drill_skip, name="drill_skip"),
]

register(Group.RESILIENCE, "Drills", "drills", Permission.SEE, 30)
