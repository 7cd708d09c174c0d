"""Sites: where a domain's mail is taken and what its TLS has to prove, from an operator's route or from its MX hosts and policies.

Owns: the engine's memory of domains' hosts, filled a batch of domains at a time and refreshed when an answer has expired. Promises:
`of()` costs a look into a dictionary; domains that ask for the same share a site, and so its connections. Never: asks DNS.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from psycopg import AsyncConnection

from delivery.engine.outbox import Site
from delivery.engine.world import World
from delivery.queue.sort import Sorted
from delivery.smtp.target import TlsMode
from delivery.tlspolicy.mta_sts import Mode, Policy
from mailplatform.shell.secrets import decrypt
from pools.routes import Route, route_for

HOSTS = """
    SELECT d.domain, d.hosts, d.secure, extract(epoch FROM d.expires_at - platform_now())::float8,
           p.policy_id, p.mode, p.mx, extract(epoch FROM p.expires_at - platform_now())::float8
      FROM pools_domainprovider d
      LEFT JOIN delivery_mtastspolicy p ON p.domain = d.domain AND p.expires_at > platform_now()
     WHERE d.domain = ANY (%s)
"""
ASK_AGAIN_S = 60.0
REMEMBERED = 200_000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """A domain's hosts in order, with their preferences as 0, 1, 2 …; `barred` are those outside its policy."""

    hosts: tuple[str, ...]
    ranks: tuple[int, ...]
    secure: bool
    policy: Mode
    barred: tuple[str, ...]
    until_s: float


class Sites:
    """`on_expired` is told of a domain whose answer is old; the old one is used until there is another."""

    def __init__(self, smtp_port: int) -> None:
        self.on_expired: Callable[[str], None] = lambda domain: None
        self._routes: dict[str, Route] = {}
        self._exceptions: frozenset[str] = frozenset()
        self._verified: tuple[frozenset[str], bool] = (frozenset(), False)
        self._smtp_port = smtp_port
        self._known: dict[str, _Known] = {}
        self._sites: dict[str, dict[str, Site]] = {}  # domain, provider's key
        self._shared: dict[Site, Site] = {}

    def look(self, world: World) -> None:
        """An operator's words as they are now: routes, exceptions, providers that have to be verified."""
        shipped = frozenset(key for key, profile in world.providers.values() if profile.tls_mode == TlsMode.VERIFIED)
        verified = (shipped, world.default_profile.tls_mode == TlsMode.VERIFIED)
        if (world.routes, world.tls_exceptions, verified) != (self._routes, self._exceptions, self._verified):
            self._routes, self._exceptions, self._verified = world.routes, world.tls_exceptions, verified
            self._sites.clear()

    def routed(self, domain: str) -> bool:
        """Whether an operator's route says it all."""
        return route_for(domain, None, self._routes) is not None

    async def load(self, connection: AsyncConnection[Any], domains: Iterable[str]) -> None:
        """Make `of()` answer for these domains."""
        now = time.monotonic()
        missing = [domain for domain in domains if domain not in self._known]
        if missing:
            for domain, hosts, secure, left_s, policy_id, mode, mx, policy_left_s in await (await connection.execute(HOSTS, [missing])).fetchall():
                policy = Policy(policy_id, Mode(mode), tuple(mx), round(policy_left_s)) if mode else None
                self._keep(domain, tuple((rank, host) for rank, host in hosts), secure, now + left_s, policy)
        for domain in domains:
            if domain in self._known and self._known[domain].until_s < now:
                self._refresh(domain)

    def learn(self, found: Sequence[Sorted], policies: Mapping[str, Policy | None]) -> None:
        """What was just looked up."""
        for one in found:
            self._keep(one.domain, one.hosts, one.secure, time.monotonic() + one.ttl_s, policies.get(one.domain))

    def learn_policy(self, domain: str, policy: Policy | None) -> None:
        """A policy that came too late for the domain's first mail, or that another engine fetched."""
        known = self._known.get(domain)
        mode = policy.mode if policy else Mode.NONE
        if known and (known.policy, known.barred) != (mode, policy.outside(known.hosts) if policy and mode is not Mode.NONE else ()):
            hosts = tuple(zip(known.ranks, known.hosts, strict=True))
            self._keep(domain, hosts, known.secure, known.until_s, policy)

    def of(self, domain: str, provider_key: str) -> Site | None:
        """The site, or None when the domain's hosts are not known."""
        made = self._sites.get(domain)
        found = made.get(provider_key) if made else None
        if found is None and (new := self._make(domain, provider_key)) is not None:
            if len(self._sites) >= REMEMBERED:
                self._sites.clear()
                self._shared.clear()
            found = self._shared.setdefault(new, new)
            self._sites.setdefault(domain, {})[provider_key] = found
        return found

    def _make(self, domain: str, provider_key: str) -> Site | None:
        if route := route_for(domain, provider_key, self._routes):
            password = decrypt(bytes(route.password_encrypted)).decode() if route.password_encrypted else ""
            return Site((route.host,), route.port, TlsMode(route.tls), route.username, password)
        known = self._known.get(domain)
        if known is None:
            return None
        if domain in self._exceptions or f"provider:{provider_key}" in self._exceptions:
            return Site(known.hosts, self._smtp_port, TlsMode.NONE, ranks=known.ranks)
        barred = known.barred if known.policy is Mode.ENFORCE else ()
        return Site(known.hosts, self._smtp_port, self._proof(known, provider_key), ranks=known.ranks, secure=known.secure, barred=barred)

    def _proof(self, known: _Known, provider_key: str) -> TlsMode:
        """The domain's policy, then what the provider's profile says; the long tail has the default's."""
        if known.policy is Mode.ENFORCE:
            return TlsMode.MTA_STS
        keys, tail = self._verified
        if provider_key in keys or (tail and provider_key.startswith("mx:")):
            return TlsMode.VERIFIED
        return TlsMode.TESTING if known.policy is Mode.TESTING else TlsMode.REQUIRED

    def _keep(self, domain: str, hosts: Sequence[tuple[int, str]], secure: bool, until_s: float, policy: Policy | None) -> None:
        """Equal preferences stand by name here: the same set of hosts is one site, however it was shuffled."""
        ordered = sorted(hosts)
        levels = {preference: level for level, preference in enumerate(dict.fromkeys(preference for preference, _ in ordered))}
        names = tuple(host for _, host in ordered)
        barred: tuple[str, ...] = ()
        mode = policy.mode if policy else Mode.NONE
        if policy and mode is not Mode.NONE:
            until_s = min(until_s, time.monotonic() + policy.max_age_s)
            barred = policy.outside(names)
            if barred:
                log.warning("mta_sts_hosts_not_named", domain=domain, mode=mode.value, hosts=",".join(barred))
        if len(self._known) >= REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[domain] = _Known(names, tuple(levels[preference] for preference, _ in ordered), secure, mode, barred, until_s)
        self._sites.pop(domain, None)

    def _refresh(self, domain: str) -> None:
        known = self._known[domain]
        self._known[domain] = _Known(known.hosts, known.ranks, known.secure, known.policy, known.barred, time.monotonic() + ASK_AGAIN_S)
        self.on_expired(domain)
