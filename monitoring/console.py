"""Monitoring's pages: the overview and its Try it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from mailplatform.shell import flow as drawing
from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission
from monitoring import break_drill, day_charts, figures, own_message, sandbox_order
from monitoring.drills import allowed, start, stopwatch
from monitoring.flow import make_flow
from monitoring.models import Drill
from monitoring.sentence import second_line, sentence

RUNNING_EVERY_S = 0.5
QUIET_EVERY_S = 2.0
BURST = 600
BURST_TAKEN_S = 1.0


# -- overview ------------------------------------------------------------------------------------------------------------
@page(Permission.SEE)
def overview(request: HttpRequest) -> HttpResponse:
    """How things are, in one page."""
    return render(request, "monitoring/overview.html", {**_head(), **_try(), **_flow(), **_charts(), **_nodes(), **_notices()})


@page(Permission.SEE, under="overview")
def overview_head(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/_head.html", _head())


@page(Permission.SEE, under="overview")
def overview_try(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/_try.html", _try())


@page(Permission.SEE, under="overview")
def overview_flow(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/_flow.html", _flow())


@page(Permission.SEE, under="overview")
def overview_nodes(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/_nodes.html", _nodes())


@page(Permission.SEE, under="overview")
def overview_notices(request: HttpRequest) -> HttpResponse:
    return fragment(request, "monitoring/_notices.html", _notices())


def _head() -> dict[str, Any]:
    seen = figures.overview()
    return {"now": seen, "sentence": sentence(seen.situation), "second_line": second_line(seen.situation)}


def _flow() -> dict[str, Any]:
    made = make_flow(figures.flow())
    heads = ("Purposes", "Pools", "Providers")
    return {"flow": drawing.render(made.links, made.labels, made.order, made.words, heads) if made else None}


def _charts() -> dict[str, Any]:
    bins, until = figures.day(), figures.simulated_until()
    return {"throughput": day_charts.throughput(bins, now(), until), "outcomes": day_charts.outcomes(bins, now(), until)}


def _nodes() -> dict[str, Any]:
    return {"zones": figures.zones()}


def _notices() -> dict[str, Any]:
    return {"incidents": figures.worst_incidents(), "asking": figures.needs_a_person(), "telling": figures.done_by_itself()}


# -- Try it ----------------------------------------------------------------------------------------------------------------
def _try() -> dict[str, Any]:
    last = stopwatch.last_of()
    send, kill, freeze = last[Drill.Kind.SEND_MESSAGE], last[Drill.Kind.KILL_ENGINE], last[Drill.Kind.FREEZE_NODE]
    running = any(drill is not None and drill.state == Drill.State.RUNNING for drill in last.values())
    broken = Drill.objects.filter(kind=Drill.Kind.BREAK_IP).order_by("-started_at").first() if sandbox_order.may_order() else None
    break_figures = break_drill.figures_of(broken)
    return {
        "break_allowed": sandbox_order.may_order(),
        "broken": broken,
        "break_figures": break_figures,
        "break_told": break_drill.told(break_figures, now()),
        "break_heals_s": break_drill.HEALS_AFTER_S,
        "drills_allowed": allowed(),
        "send": send,
        "send_figures": stopwatch.figures_of(send),
        "kill": kill,
        "kill_figures": stopwatch.figures_of(kill),
        "freeze": freeze,
        "freeze_figures": stopwatch.figures_of(freeze),
        "inbox_url": settings.SANDBOX_URL,
        "try_every": RUNNING_EVERY_S if running else QUIET_EVERY_S,
    }


@action(Permission.STEER)
def try_send(request: HttpRequest) -> HttpResponse:
    """Send yourself a message."""
    recipient = own_message.recipient_for(request.user.email)  # type: ignore[union-attr]
    started = stopwatch.start_send(str(request.user), recipient)
    if isinstance(started, Drill):
        record_request(request, "drill started", started, f"Sent a message to {recipient} from the overview.")
        answer = own_message.send(settings.DATA_DIR, settings.PUBLIC_URL, recipient)
        if isinstance(answer, str):
            stopwatch.failed(started, answer)
        else:
            stopwatch.sent(started, answer.message, answer.delivery)
        return _tried(request, answer if isinstance(answer, str) else "")
    return _tried(request, started.says)


@action(Permission.STEER)
def try_kill(request: HttpRequest) -> HttpResponse:
    """Kill an engine with SIGKILL, through its node's agent, while it has something in its hands."""
    if stopwatch.may_start(Drill.Kind.KILL_ENGINE) and not own_message.burst(settings.DATA_DIR, settings.PUBLIC_URL, BURST):
        stopwatch.wait_for_claims(BURST_TAKEN_S)
    started = stopwatch.start_kill(str(request.user))
    if isinstance(started, Drill):
        record_request(request, "drill started", started, f"Had the engine {started.scope} killed, as a drill.", engine=started.scope)
        return _tried(request, "")
    return _tried(request, started.says)


@action(Permission.STEER)
def try_freeze(request: HttpRequest) -> HttpResponse:
    """Stop all engines of the busiest node, through its agent, while they have something in their hands."""
    if stopwatch.may_start(Drill.Kind.FREEZE_NODE) and not own_message.burst(settings.DATA_DIR, settings.PUBLIC_URL, BURST):
        stopwatch.wait_for_claims(BURST_TAKEN_S)
    started = start.start(Drill.Kind.FREEZE_NODE, str(request.user))
    if isinstance(started, Drill):
        record_request(request, "drill started", started, f"Had the node {started.scope} frozen, as a drill.", node=started.scope)
        return _tried(request, "")
    return _tried(request, started.says)


@action(Permission.STEER)
def try_break(request: HttpRequest) -> HttpResponse:
    """Have the simulated Gmail refuse one busy IP, for a while."""
    started = break_drill.start(str(request.user))
    if isinstance(started, Drill):
        sentence = f"Had the simulated Gmail refuse {started.evidence['ip']} for {break_drill.HEALS_AFTER_S} s, as a drill."
        record_request(request, "drill started", started, sentence, ip=started.evidence["ip"])
        return _tried(request, "")
    return _tried(request, started.says)


@action(Permission.STEER)
def try_heal(request: HttpRequest) -> HttpResponse:
    """End the drill's fault at once; the platform still returns by evidence."""
    broken = Drill.objects.filter(kind=Drill.Kind.BREAK_IP, state=Drill.State.RUNNING).first()
    refused = break_drill.heal(broken) if broken else "Nothing is broken now."
    if broken and not refused:
        record_request(request, "drill healed", broken, f"Had the simulated Gmail take mail from {broken.evidence['ip']} again.")
    return _tried(request, refused)


def _tried(request: HttpRequest, refused: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return fragment(request, "monitoring/_try.html", {**_try(), "refused": refused})
    if refused:
        messages.warning(request, refused)
    return redirect("overview")


register(Group.NOW, "Overview", "overview", Permission.SEE, 10)
