"""Console pages of pools, sending IPs and providers: what serves what, what limits it, who owns it."""

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path as address

from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, back, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.switch import Switch
from mailplatform.shell.tables import named_page
from pools import figures
from pools.learned import from_json
from pools.live_score import live_score
from pools.models import Path, Pool, Provider, ResponseRule, SendingIP
from pools.pages import ip_page, pool_page
from pools.pages.matrix import BANDS
from pools.pages.why import why_of
from pools.path_minutes import last_hour
from pools.providers.profile import profile_of
from pools.providers.shipped import group_of
from pools.returning import limit_rows, returns
from pools.route_rows import route_rows
from pools.routes import EVERYTHING
from pools.ways import way_of, ways_of

RULES_SHOWN = 100
DOMAINS_SHOWN = 12
IP_STATE = Switch(
    "sending IP state", SendingIP, "state", (SendingIP.State.ACTIVE, SendingIP.State.PAUSED),
    done=lambda state: f"sending IP {state}", told=lambda ip: f"{ip} is {ip.state} now.", again=lambda ip: f"{ip} is {ip.state} again.",
)  # fmt: skip
PATH_STATE = Switch(
    "path state", Path, "state", (Path.State.OPEN, Path.State.PAUSED),
    done=lambda state: f"path {'paused' if state == Path.State.PAUSED else 'resumed'}",
    told=lambda path: f"{path} is {path.state} now.", again=lambda path: f"{path} is {path.state} again.",
)  # fmt: skip


@page(Permission.SEE)
def pools(request: HttpRequest) -> HttpResponse:
    """Every pool with its IPs."""
    rows = figures.pools()
    idle = [row for row in rows if row.ips and not row.sending]
    bare = [row for row in rows if not row.ips]
    return render(request, "pools/pools.html", {"rows": rows, "idle": idle, "bare": bare})


@page(Permission.SEE, under="pools")
def pool(request: HttpRequest, name: str) -> HttpResponse:
    """One pool: members, streams, fallback."""
    found = get_object_or_404(Pool.objects.select_related("tenant", "fallback"), name=name)
    row = next(row for row in figures.pools() if row.pool.pk == found.pk)
    context = {"row": row, "pool": found, "page": pool_page.read(found, now()), "streams": found.streams.select_related("tenant")[:200]}
    return render(request, "pools/pool.html", context)


@page(Permission.SEE, under="pools")
def ip(request: HttpRequest, pk: int) -> HttpResponse:
    """One sending IP: its paths, and what limits them."""
    found = get_object_or_404(SendingIP.objects.select_related("node__zone"), pk=pk)
    row = figures.ip_rows([found])[0]
    paths = figures.path_rows(ip=found)
    limited = [one for one in paths if one.state != "open"]
    context = {"row": row, "ip": found, "paths": paths, "limited": limited, "pools": found.pools.all(), "bands": BANDS[::-1]}
    return render(request, "pools/ip.html", {**context, "page": ip_page.read(found, paths, now())})


@action(Permission.STEER)
def ip_state(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause a sending IP, or let it send again."""
    IP_STATE.turn(request, request.POST.get("state", ""), pk=pk)
    return back(request, "ip", pk)


@page(Permission.SEE, under="pools")
def path(request: HttpRequest, pk: int) -> HttpResponse:
    """One way out: what holds it, its limits and how they come back, its last hour."""
    found = get_object_or_404(Path.objects.select_related("ip__node__zone", "provider"), pk=pk)
    at = now()
    learned, profile = from_json(found.learned), profile_of(found.provider, figures.default_provider())
    context = {
        "path": found, "way": way_of(found), "why": why_of(found, at), "live": live_score(found), "pools": found.ip.pools.all(), "chart": last_hour(found, at),
        "limits": limit_rows(profile, learned, found.limits_now, at.timestamp()), "returns": returns(learned, at.timestamp()),
    }  # fmt: skip
    return render(request, "pools/path.html", context)


@action(Permission.STEER)
def path_state(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause a path, or let it send again. Its engine hears it within a second."""
    PATH_STATE.turn(request, request.POST.get("state", ""), pk=pk)
    return back(request, "path", pk)


@action(Permission.STEER)
def path_lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Lift what limits a path: back-off, learned limits, circuit. Its engine hears it within a second."""
    with transaction.atomic():
        _lift(request, get_object_or_404(_locked_paths(), pk=pk))
    return back(request, "path", pk)


@action(Permission.STEER)
def lane_lift(request: HttpRequest, pool: int, provider: int) -> HttpResponse:
    """The same for every path of a lane that has learned something."""
    lane = (pool, provider)
    learned = [way.path_id for way in ways_of([lane])[lane] if way.path_id is not None and way.may_lift]
    with transaction.atomic():
        for found in _locked_paths().filter(pk__in=learned).order_by("ip_id"):
            _lift(request, found)
    return back(request, "provider", provider)


def _locked_paths() -> QuerySet[Path]:
    return Path.objects.select_for_update(of=("self",)).select_related("ip", "provider")


def _lift(request: HttpRequest, found: Path) -> None:
    was = found.why
    found.suspended_until, found.learned, found.circuit_failures, found.why, found.lifted_at = None, {}, 0, "", now()
    found.binds, found.binds_until = "", None  # until its engine says what binds next
    found.save(update_fields=["suspended_until", "learned", "circuit_failures", "why", "lifted_at", "binds", "binds_until"])
    record_request(request, "path lifted", found, f"{found} was opened again; it had been limited because: {was or 'nothing'}.")


@page(Permission.SEE)
def providers(request: HttpRequest) -> HttpResponse:
    """Mailbox providers with the limits that hold there; the long tail can be asked for."""
    tail = request.GET.get("tail") == "yes"
    table = named_page(request, Provider.objects.filter(is_tail=tail), key="key")
    context = {"table": table, "rows": figures.provider_rows(table.rows), "tail": tail, "rules": ResponseRule.objects.filter(enabled=True).count()}
    return render(request, "pools/providers.html", context)


@page(Permission.SEE, under="providers")
def provider(request: HttpRequest, pk: int) -> HttpResponse:
    """One provider: limits, paths to it, the rules for its replies."""
    found = get_object_or_404(Provider, pk=pk)
    group = group_of(found.key)
    context = {
        "provider": found, "row": figures.provider_rows([found])[0], "paths": figures.path_rows(provider=found), "overridden": sorted(found.overrides),
        "rules": ResponseRule.objects.filter(provider_group=group)[:RULES_SHOWN],
        "general": ResponseRule.objects.filter(provider_group="").count(),
        "domains": (found.domains or list(found.sorted_domains.values_list("domain", flat=True)[: DOMAINS_SHOWN + 1]))[: DOMAINS_SHOWN + 1],
    }  # fmt: skip
    return render(request, "pools/provider.html", context)


@page(Permission.SEE)
def routes(request: HttpRequest) -> HttpResponse:
    """Static routes: what goes elsewhere than to its MX."""
    rows = route_rows()
    return render(request, "pools/routes.html", {"rows": rows, "everything": next((row for row in rows if row.route.match == EVERYTHING), None)})


register(Group.SENDING, "Pools & IPs", "pools", Permission.SEE, 10)
register(Group.SENDING, "Providers", "providers", Permission.SEE, 30)
register(Group.SENDING, "Routes", "routes", Permission.SEE, 40)

urlpatterns = [
    address("pools/", pools, name="pools"),
    address("pools/<slug:name>/", pool, name="pool"),
    address("ips/<int:pk>/", ip, name="ip"),
    address("ips/<int:pk>/state/", ip_state, name="ip_state"),
    address("paths/<int:pk>/", path, name="path"),
    address("paths/<int:pk>/state/", path_state, name="path_state"),
    address("paths/<int:pk>/lift/", path_lift, name="path_lift"),
    address("routes/", routes, name="routes"),
    address("lanes/<int:pool>/<int:provider>/lift/", lane_lift, name="lane_lift"),
    address("providers/", providers, name="providers"),
    address("providers/<int:pk>/", provider, name="provider"),
]
