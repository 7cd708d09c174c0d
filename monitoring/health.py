"""Health, readiness and metrics: what machines ask.

`/healthz` says that this process answers and asks nobody. `/readyz` says whether the platform can take and deliver mail: database, engines,
watchers; 200 or 503. `/metrics` is Prometheus text. Details go to loopback or to the bearer of METRICS_TOKEN; others get one word.
"""

import secrets
from dataclasses import asdict, dataclass
from ipaddress import ip_address

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.views.decorators.http import require_safe

from mailplatform.shell.formats import plural
from mailplatform.shell.pages import open_to_all

ENGINE_FRESH_S = 2.0
WATCHER_FRESH_S = 5.0
_ENGINES = """
SELECT n.name || '/' || chr(97 + e.slot), extract(epoch FROM platform_now() - e.renewed_at)::float8
  FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id ORDER BY 1
"""
_WATCHERS = """
SELECT z.name, extract(epoch FROM platform_now() - b.at)::float8, b.longest_gap_ms
  FROM monitoring_watcherbeat b JOIN pools_zone z ON z.id = b.zone_id ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that must work, and what was seen of it."""

    ready: bool
    says: str
    seen: dict[str, float]


@dataclass(frozen=True, slots=True)
class Readiness:
    database: Part
    engines: Part
    watcher: Part

    @property
    def ready(self) -> bool:
        return self.database.ready and self.engines.ready and self.watcher.ready


def readiness() -> Readiness:
    """Ask the database what it knows. No database, no knowledge of the rest."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ENGINES)
            engines = {name: round(age_s, 2) for name, age_s in cursor.fetchall()}
            cursor.execute(_WATCHERS)
            watchers = {name: round(age_s, 2) for name, age_s, _ in cursor.fetchall()}
    except Error as error:
        unknown = Part(False, "not known without the database", {})
        return Readiness(Part(False, type(error).__name__, {}), unknown, unknown)
    return Readiness(
        Part(True, "answers", {}),
        _part(engines, ENGINE_FRESH_S, "engine", "renewed"),
        _part(watchers, WATCHER_FRESH_S, "watcher", "looked"),
    )


def _part(ages: dict[str, float], fresh_s: float, noun: str, did: str) -> Part:
    fresh = sum(age_s < fresh_s for age_s in ages.values())
    return Part(fresh > 0, f"{fresh} of {plural(len(ages), noun)} {did} in the last {fresh_s:.0f} s" if ages else f"there is no {noun}", ages)


def may_see_details(request: HttpRequest) -> bool:
    """Loopback itself, not what a proxy on loopback forwards; or who holds the token."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if settings.METRICS_TOKEN and given:
        return secrets.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip"))
    try:
        return not forwarded and ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


@open_to_all("a load balancer asks; it learns only that the process answers")
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@open_to_all("a load balancer asks; details need loopback or the token")
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    now = readiness()
    body: dict[str, object] = {"ready": now.ready}
    if may_see_details(request):
        body |= {name: asdict(part) for name, part in (("database", now.database), ("engines", now.engines), ("watcher", now.watcher))}
    return JsonResponse(body, status=200 if now.ready else 503)


@open_to_all("a Prometheus server asks, from loopback or with the token")
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    from monitoring.prometheus import exposition

    if not may_see_details(request):
        return HttpResponseForbidden("Ask from this machine, or with METRICS_TOKEN as bearer token.\n", content_type="text/plain")
    text, content_type = exposition()
    return HttpResponse(text, content_type=content_type)
