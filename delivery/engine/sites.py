"""Sites: where a domain's mail is taken, from an operator's route or from its MX hosts.

Owns: the engine's memory of domains' hosts, filled a batch of domains at a time and refreshed when the answer has expired.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from psycopg import AsyncConnection

from delivery.engine.outbox import Site
from delivery.queue.sort import Sorted
from delivery.smtp.target import TlsMode
from mailplatform.shell.secrets import decrypt
from pools.routes import Route, route_for

HOSTS = """
    SELECT domain, hosts, extract(epoch FROM expires_at - platform_now())::float8
      FROM pools_domainprovider WHERE domain = ANY (%s)
"""
ASK_AGAIN_S = 60.0


class Sites:
    """`on_expired` is told of a domain whose answer is old; the old one is used until there is another."""

    def __init__(self, smtp_port: int) -> None:
        self.on_expired: Callable[[str], None] = lambda domain: None
        self.routes: dict[str, Route] = {}
        self.tls_exceptions: frozenset[str] = frozenset()
        self._smtp_port = smtp_port
        self._hosts: dict[str, tuple[tuple[str, ...], float]] = {}

    async def load(self, connection: AsyncConnection[Any], domains: Iterable[str]) -> None:
        """Make `of()` answer for these domains."""
        now = time.monotonic()
        missing = [domain for domain in domains if domain not in self._hosts]
        if missing:
            for domain, hosts, left_s in await (await connection.execute(HOSTS, [missing])).fetchall():
                self._hosts[domain] = (tuple(host for _, host in hosts), now + left_s)
        for domain in domains:
            if domain in self._hosts and self._hosts[domain][1] < now:
                self._refresh(domain)

    def learn(self, found: Sequence[Sorted]) -> None:
        for one in found:
            self._hosts[one.domain] = (tuple(host for _, host in one.hosts), time.monotonic() + one.ttl_s)

    def of(self, domain: str, provider_key: str) -> Site | None:
        """The site, or None when the domain's hosts are not known."""
        if route := route_for(domain, provider_key, self.routes):
            password = decrypt(bytes(route.password_encrypted)).decode() if route.password_encrypted else ""
            return Site((route.host,), route.port, TlsMode(route.tls), route.username, password)
        known = self._hosts.get(domain)
        if known is None:
            return None
        excepted = domain in self.tls_exceptions or f"provider:{provider_key}" in self.tls_exceptions
        return Site(known[0], self._smtp_port, TlsMode.NONE if excepted else TlsMode.REQUIRED)

    def _refresh(self, domain: str) -> None:
        self._hosts[domain] = (self._hosts[domain][0], time.monotonic() + ASK_AGAIN_S)
        self.on_expired(domain)
