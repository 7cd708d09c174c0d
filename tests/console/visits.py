"""Which addresses a console has: every page of the URL conf with arguments from the world."""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from pools.models import Path
from tests.console.world import World

# Machines' doors and APIs: they ask for keys or answer loopback, and show no page.
MACHINES = ("healthz", "readyz", "metrics", "api/")


def patterns(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every view of the URL conf with its address pattern."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry, prefix + str(entry.pattern))
        else:
            yield prefix + str(entry.pattern), entry


def pages(world: World) -> list[str]:
    """Addresses of pages and live fragments that a person may look at."""
    some = world.deliveries
    fixed = [
        "/account/", "/audit/", "/tenants/", "/tenants/harbour/", "/domains/", "/people/", "/pools/", "/pools/harbour/", "/pools/shared-marketing/",
        f"/ips/{world.ips[0].pk}/", f"/ips/{world.ips[7].pk}/", "/providers/", "/providers/?tail=yes", f"/providers/{world.providers['microsoft'].pk}/",
        "/messages/", "/messages/?state=bounced", "/messages/?recipient=nobody@nowhere.example", "/queues/", "/queues/now/",
        f"/messages/{some['delivered']}/content/", "/accounts/2fa/", "/accounts/password/change/", "/accounts/logout/", "/no-such-page/",
    ]  # fmt: skip
    fixed += [f"/paths/{path.pk}/" for path in Path.objects.all()[:2]]
    fixed += [f"/messages/{id_}/" for id_ in some.values()] + [f"/messages/{some['deferred']}/now/"]
    bare = [f"/{route}" for route, pattern in patterns() if "<" not in route and "(" not in route and route != "search/" and _is_console(route, pattern)]
    return sorted({*fixed, *bare})


def _is_console(route: str, pattern: URLPattern) -> bool:
    from mailplatform.shell.permissions import Permission

    declared = getattr(pattern.callback, "declared_permission", None)
    return isinstance(declared, Permission) and not route.startswith(MACHINES) and "GET" in getattr(pattern.callback, "methods", ())
