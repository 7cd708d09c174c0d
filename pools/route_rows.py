"""Static routes as people read them: what each matches, what uses it, and which closer routes take mail from it.

Promises: small tables by whole; domains of a provider are counted to a limit. Never: decrypts a password, shows one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pools.models import DomainProvider, Provider, StaticRoute
from pools.routes import EVERYTHING, PROVIDER, is_local, problem_with

DOMAINS_COUNTED = 1_000
CLOSER_NAMED = 5


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One route. `domains` is how many known domains it takes; None: not known, or everything."""

    route: StaticRoute
    words: str
    provider: Provider | None
    domains: int | None
    closer: tuple[str, ...]
    problem: str

    @property
    def logs_in(self) -> bool:
        return bool(self.route.username)

    @property
    def in_the_clear(self) -> bool:
        return self.route.tls == StaticRoute.Tls.NONE

    @property
    def local(self) -> bool:
        return is_local(self.route.host)


def route_rows() -> list[RouteRow]:
    """All routes, the closest first: domains, providers, everything."""
    routes = list(StaticRoute.objects.all())
    domains = [route.match for route in routes if not route.match.startswith(PROVIDER) and route.match != EVERYTHING]
    of_domain = {one.domain: one.provider for one in DomainProvider.objects.filter(pk__in=domains).select_related("provider")}
    keys = [route.match.removeprefix(PROVIDER) for route in routes if route.match.startswith(PROVIDER)]
    providers = {provider.key: provider for provider in Provider.objects.filter(key__in=keys)}
    rows = [_row(route, of_domain, providers, routes) for route in routes]
    return sorted(rows, key=lambda row: (_reach(row.route), row.route.match))


def problem_with_match(match: str) -> str | None:
    """Why nothing would ever use a route; None when something may. A provider of the long tail is known by its key once mail went there."""
    key = match.removeprefix(PROVIDER)
    if not match.startswith(PROVIDER) or key.startswith("mx:") or Provider.objects.filter(key=key).exists():
        return None
    return f"There is no provider '{key}'; the console's Providers page names their keys."


def _row(route: StaticRoute, of_domain: dict[str, Provider], providers: dict[str, Provider], routes: Sequence[StaticRoute]) -> RouteRow:
    problem = problem_with(route.match, route.host, route.port, route.tls, route.username) or ""
    if route.match == EVERYTHING:
        return RouteRow(route, "Everything", None, None, tuple(other.match for other in routes if other is not route)[: CLOSER_NAMED + 1], problem)
    if not route.match.startswith(PROVIDER):
        return RouteRow(route, route.match, of_domain.get(route.match), 1, (), problem)
    provider = providers.get(route.match.removeprefix(PROVIDER))
    if provider is None:
        return RouteRow(route, route.match, None, 0, (), problem or "No such provider: nothing uses it.")
    known = DomainProvider.objects.filter(provider=provider).values("pk")[:DOMAINS_COUNTED].count()
    closer = tuple(domain for domain, its in of_domain.items() if its == provider)
    return RouteRow(route, str(provider), provider, known, closer[: CLOSER_NAMED + 1], problem)


def _reach(route: StaticRoute) -> int:
    return 2 if route.match == EVERYTHING else 1 if route.match.startswith(PROVIDER) else 0
