"""Health, readiness and metrics: what machines ask.

`/healthz` says that this process answers and asks nobody. `/readyz` says whether the platform can take and deliver mail: database, engines,
watchers; 200 or 503. It is 503 as well while this machine's zone, or all of its nodes, are out of service, so that others get the traffic.
`/metrics` is Prometheus text. Details go to loopback or to the bearer of METRICS_TOKEN; others get one word.
"""

import secrets
from dataclasses import asdict
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.views.decorators.http import require_safe

from mailplatform.shell.pages import open_to_all
from monitoring.prometheus import exposition
from monitoring.readiness import readiness
from monitoring.zones.outage import why_out_here


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
    out = why_out_here() if now.database.ready else ""
    ready = now.ready and not out
    body: dict[str, object] = {"ready": ready}
    if may_see_details(request):
        body |= {name: asdict(part) for name, part in (("database", now.database), ("engines", now.engines), ("watcher", now.watcher))}
        body |= {"out_of_service": out} if out else {}
    return JsonResponse(body, status=200 if ready else 503)


@open_to_all("a Prometheus server asks, from loopback or with the token")
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not may_see_details(request):
        return HttpResponseForbidden("Ask from this machine, or with METRICS_TOKEN as bearer token.\n", content_type="text/plain")
    text, content_type = exposition()
    return HttpResponse(text, content_type=content_type)
