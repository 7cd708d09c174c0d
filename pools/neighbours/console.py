"""Console pages of neighbours: everybody by standing, one tenant, moves between pools, the policy's words; and for a tenant's own people their own standing.

What a person does here is audited and goes before what was measured (pools.neighbours.word). A tenant user sees nobody else's row, by any address.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import path
from django.utils.safestring import SafeString

from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, back, page
from mailplatform.shell.permissions import Permission
from mailplatform.tenants import blocks
from mailplatform.tenants.models import Tenant
from mailplatform.tenants.scope import scope_of
from pools.models import Stream
from pools.neighbours import figures, newcomers, settle, word
from pools.neighbours.models import Level, Mode, NewcomerCap, PoolMove, StandingAction, TenantStanding
from pools.neighbours.policy import forget_cached, policy_now, rules_of
from pools.neighbours.standing import Measure
from pools.pages.why import made_of

HISTORY_SHOWN = 30
MOVES_SHOWN = 50
ADVICE = {
    Measure.BOUNCES: "Mail only addresses that you confirmed, and stop mailing those that bounced: they are on your suppression list.",
    Measure.COMPLAINTS: "Mail only people who asked for it, less often, and make leaving easy.",
    Measure.SUPPRESSED: "Take the addresses of your suppression list out of your own lists.",
}
MEANS = {
    Level.GOOD: "Nothing is held against it.",
    Level.WARNED: "Nothing is changed yet. Worse figures slow its mail, then hold it.",
    Level.SLOWED: "Marketing and notifications go at a lower rate. Transactional mail goes as ever.",
    Level.HELD: "Mail of the streams at fault is accepted and waits until the platform's operator releases it. Nothing accepted is lost.",
}


@page(Permission.MAIL)
def neighbours(request: HttpRequest) -> HttpResponse:
    """Everybody by standing; for a tenant's own people, their own."""
    scope = scope_of(request.user)  # type: ignore[arg-type]
    if scope.tenant_id is not None:
        return render(request, "pools/neighbours_own.html", _of(Tenant.objects.get(pk=scope.tenant_id)))
    policy, at = policy_now(), now()
    rows = figures.everybody(policy, at)
    bad = [row for row in rows if row.level != Level.GOOD or row.proposed]
    proposals = [each for row in rows for each in row.proposed]
    context = {
        "rows": rows, "bad": bad, "policy": policy, "proposals": proposals, "moves": PoolMove.objects.filter(state=PoolMove.State.PROPOSED).count(),
        "held": sum(row.level == Level.HELD for row in rows), "slowed": sum(row.level == Level.SLOWED for row in rows), "shown": figures.SHOWN,
        "warned": sum(row.level == Level.WARNED for row in rows), "tenants": Tenant.objects.count(), "means": MEANS, "at": at,
    }  # fmt: skip
    return render(request, "pools/neighbours.html", context)


@page(Permission.SEE, under="neighbours")
def tenant_standing(request: HttpRequest, name: str) -> HttpResponse:
    """One tenant: its figures, what was done, what may be done."""
    return render(request, "pools/neighbours_tenant.html", _of(get_object_or_404(Tenant, name=name)))


def _of(tenant: Tenant) -> dict[str, Any]:
    policy, at = policy_now(), now()
    standing = TenantStanding.objects.filter(tenant=tenant).first()
    level = Level(standing.level) if standing else Level.GOOD
    actions = StandingAction.objects.filter(tenant=tenant)
    found = (standing.figures.get("findings", []) if standing else [])[:3]
    return {
        "tenant": tenant, "level": level, "look": figures.LOOKS[level], "means": MEANS[level], "standing": standing, "policy": policy, "at": at,
        "streams": figures.of_streams(tenant.pk, policy, at), "active": actions.filter(state=StandingAction.State.ACTIVE).order_by("kind", "pk"),
        "proposed": actions.filter(state=StandingAction.State.PROPOSED), "ended": actions.filter(state=StandingAction.State.ENDED)[:HISTORY_SHOWN],
        "advice": [ADVICE[measure] for measure in dict.fromkeys(Measure(each["rate"]["measure"]) for each in found)],
        "all_streams": Stream.objects.filter(tenant=tenant).order_by("purpose", "name"), "newcomer": NewcomerCap.objects.filter(tenant=tenant).first(),
        "accepted": figures.accepted_today(tenant.pk, at) if tenant.daily_cap is not None else 0,
        "thresholds": _thresholds(), "made": made_of("tenant", at, tenant_id=tenant.pk),
    }  # fmt: skip


def _thresholds() -> list[tuple[str, float, float | None, float | None, int]]:
    rules = rules_of(policy_now())
    rows = []
    for measure in Measure:
        limits = rules.thresholds(measure)
        shown = [None if limit is None else 100 * limit for limit in (limits.warn, limits.slow, limits.hold)]
        rows.append((figures.NAMES[measure], shown[0] or 0.0, shown[1], shown[2], int(limits.floor)))
    return rows


@action(Permission.STEER)
def action_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """End what is in force."""
    row = get_object_or_404(StandingAction.objects.select_related("tenant"), pk=pk)
    sentence = word.cancel(row, str(request.user), now())
    record_request(request, f"standing {row.kind} cancelled", row.tenant, f"Cancelled for {row.tenant}: {row.sentence} {sentence}")
    messages.success(request, sentence)
    return back(request, "tenant_standing", row.tenant.name)


@action(Permission.STEER)
def action_apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Do what is proposed."""
    row = get_object_or_404(StandingAction.objects.select_related("tenant"), pk=pk)
    word.apply(row, str(request.user), now())
    record_request(request, f"standing {row.kind} applied", row.tenant, f"Applied for {row.tenant}: {row.sentence}")
    return back(request, "tenant_standing", row.tenant.name)


@action(Permission.STEER)
def action_decline(request: HttpRequest, pk: int) -> HttpResponse:
    """Do not."""
    row = get_object_or_404(StandingAction.objects.select_related("tenant"), pk=pk)
    word.decline(row, str(request.user), now())
    record_request(request, f"standing {row.kind} declined", row.tenant, f"Declined for {row.tenant}: {row.sentence}")
    return back(request, "tenant_standing", row.tenant.name)


@action(Permission.STEER)
def impose(request: HttpRequest, name: str) -> HttpResponse:
    """Warn, slow or hold by hand."""
    tenant = get_object_or_404(Tenant, name=name)
    kind, stream_id, why = request.POST.get("kind", ""), 0, request.POST.get("why", "").strip()[:200]
    if kind not in StandingAction.Kind.values:
        messages.error(request, "Say what is to be done: warn, slow or hold.")
        return redirect("tenant_standing", name)
    if kind == StandingAction.Kind.HOLD:
        stream_id = get_object_or_404(Stream, tenant=tenant, name=request.POST.get("stream", "")).pk
    word.impose(tenant, kind, stream_id, why, str(request.user), now())
    record_request(request, f"standing {kind} imposed", tenant, f"{kind.title()} of {tenant} by hand: {why or 'no reason given'}", stream_id=stream_id)
    return redirect("tenant_standing", name)


@action(Permission.STEER)
def cap(request: HttpRequest, name: str) -> HttpResponse:
    """Set a tenant's daily cap, or lift it (an empty field)."""
    tenant = get_object_or_404(Tenant, name=name)
    asked = request.POST.get("cap", "").replace(",", "").strip()
    if asked and not (asked.isdecimal() and len(asked) < 10):
        messages.error(request, "A cap is a whole number of deliveries in 24 hours; an empty field lifts it.")
        return redirect("tenant_standing", name)
    wanted = int(asked) if asked else None
    newcomers.set_cap(tenant, wanted, str(request.user), now())
    said = f"{tenant} may send {wanted:,} deliveries in 24 hours." if wanted is not None else f"{tenant} has no daily cap any more."
    record_request(request, "daily cap set", tenant, said, before=tenant.daily_cap, after=wanted)
    messages.success(request, said)
    return redirect("tenant_standing", name)


@page(Permission.SEE, under="neighbours")
def moves(request: HttpRequest) -> HttpResponse:
    """Who would move between graded pools, and why; what was moved."""
    policy, at = policy_now(), now()
    wanted = settle.planned(policy, at)
    known = {row.stream_id: row for row in PoolMove.objects.filter(state=PoolMove.State.PROPOSED)}
    context = {
        "policy": policy, "wanted": [(each, known.get(each.settler.stream_id)) for each in wanted], "pools": settle.graded(),
        "past": PoolMove.objects.exclude(state=PoolMove.State.PROPOSED).select_related("tenant", "stream", "from_pool", "to_pool")[:MOVES_SHOWN],
        "off": policy.moves == Mode.OFF,
    }  # fmt: skip
    return render(request, "pools/neighbours_moves.html", context)


@action(Permission.STEER)
def move_make(request: HttpRequest, stream: int) -> HttpResponse:
    """Make what the preview shows, if it is still so."""
    at = now()
    wanted = next((each for each in settle.planned(policy_now(), at) if each.settler.stream_id == stream), None)
    if wanted is None:
        messages.info(request, "That is no longer what the figures say; nothing was moved.")
        return redirect("neighbours_moves")
    row = settle.proposed(wanted, at)
    if settle.make(row, str(request.user), at):
        record_request(request, "stream moved", row.stream, f"Moved {row.stream} of {row.tenant} from {row.from_pool} to {row.to_pool}: {row.sentence}")
    return redirect("neighbours_moves")


@action(Permission.STEER)
def move_decline(request: HttpRequest, stream: int) -> HttpResponse:
    """Not this one, for as long as the minimum stay."""
    at = now()
    wanted = next((each for each in settle.planned(policy_now(), at) if each.settler.stream_id == stream), None)
    if wanted is not None and settle.decline(row := settle.proposed(wanted, at), str(request.user), at):
        record_request(request, "move declined", row.stream, f"Declined to move {row.stream} of {row.tenant}: {row.sentence}")
    return redirect("neighbours_moves")


@action(Permission.STEER)
def move_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Back to where it was."""
    row = get_object_or_404(PoolMove.objects.select_related("stream", "tenant", "from_pool", "to_pool"), pk=pk)
    if settle.undo(row, str(request.user), now()):
        record_request(request, "move undone", row.stream, f"Moved {row.stream} of {row.tenant} back from {row.to_pool} to {row.from_pool}.")
    else:
        messages.info(request, "The stream has moved on since; nothing was changed.")
    return redirect("neighbours_moves")


@action(Permission.STEER)
def mode(request: HttpRequest) -> HttpResponse:
    """Off, propose or automatic: of standing, or of moves. The rest of the policy is edited in the admin."""
    policy, field, wanted = policy_now(), request.POST.get("what", ""), request.POST.get("mode", "")
    if field in ("mode", "moves") and wanted in Mode.values and policy.pk and getattr(policy, field) != wanted:
        before = getattr(policy, field)
        setattr(policy, field, wanted)
        policy.save()
        forget_cached()
        what = "Warning, slowing and holding" if field == "mode" else "Moving between shared pools"
        record_request(request, "neighbours policy changed", policy, f"{what}: {before} → {wanted}.")
    return back(request, "neighbours")


def block(request: HttpRequest, tenant: Tenant) -> SafeString:
    """On the tenant's own page: one line and where to look."""
    standing = TenantStanding.objects.filter(tenant=tenant).first()
    level = Level(standing.level) if standing else Level.GOOD
    context = {"tenant": tenant, "standing": standing, "level": level, "look": figures.LOOKS[level], "means": MEANS[level]}
    return SafeString(render_to_string("pools/neighbours_block.html", context, request))


blocks.register(block, 10)
register(Group.TENANTS, "Neighbours", "neighbours", Permission.MAIL, 15)

urlpatterns = [
    path("neighbours/", neighbours, name="neighbours"),
    path("neighbours/mode/", mode, name="neighbours_mode"),
    path("neighbours/moves/", moves, name="neighbours_moves"),
    path("neighbours/moves/<int:stream>/make/", move_make, name="move_make"),
    path("neighbours/moves/<int:stream>/decline/", move_decline, name="move_decline"),
    path("neighbours/made/<int:pk>/undo/", move_undo, name="move_undo"),
    path("neighbours/actions/<int:pk>/cancel/", action_cancel, name="standing_cancel"),
    path("neighbours/actions/<int:pk>/apply/", action_apply, name="standing_apply"),
    path("neighbours/actions/<int:pk>/decline/", action_decline, name="standing_decline"),
    path("tenants/<slug:name>/standing/", tenant_standing, name="tenant_standing"),
    path("tenants/<slug:name>/standing/impose/", impose, name="standing_impose"),
    path("tenants/<slug:name>/cap/", cap, name="tenant_cap"),
]
