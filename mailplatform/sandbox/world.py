"""The simulated world: everything together, in one event loop.

`World(data)` with `start()` and `stop()` is what `python -m mailplatform.sandbox` runs and what tests start on free ports.
Owns the list of providers and sessions; hands every accepted message to the store.
"""

import asyncio
import json
import resource
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from .addresses import Addresses
from .certificates import Certificates
from .control import Control
from .dns import Directory, DnsServer
from .form import faults_of
from .fronts import Fronts
from .habits import BIG, load
from .inbox import Inbox
from .names import Site, normal, site_of, site_of_host
from .policies import ADDRESS, PolicyFiles
from .post import Post
from .provider import Provider
from .returns import Taken, compose
from .session import Session
from .store import Store
from .updates import Updates
from .web import WebServer
from .zones import BlockLists, Zones


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


class World:
    """A whole simulated internet; port 0 means any free port."""

    def __init__(
        self, data: Path | str, dns: str = "127.0.0.1:0", smtp_port: int = 0, http: str = "127.0.0.1:0", zones: Path | str | None = None, https_port: int = 0,
        returns_port: int = 0, feedback: str = "", fronts: str = "",
    ) -> None:  # fmt: skip
        self.data = Path(data)
        self.data.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o700)
        self.lists = BlockLists()
        self.zones = Zones(Path(zones) if zones else None)
        self.certificates = Certificates(self.data)
        self.store = Store(self.data / "accepted.sqlite3")
        self.providers: dict[str, Provider] = {}
        self.sessions: set[Session] = set()
        self._sessions_ever = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self.addresses = Addresses(smtp_port, lambda: Session(self), self.data / "hosts.json")
        self.directory = Directory(self.zones, self.lists, self.addresses.address_of, self.certificates.tlsa, Updates(self.data / "updates.json"))
        self.dns = DnsServer(self.directory, *_split(dns))
        self.post = Post(self.directory.records, returns_port, feedback)
        self.control = Control(self)
        self.inbox = Inbox(self)
        self.web = WebServer(self.inbox, *_split(http))
        self.fronts = Fronts(_split(fronts) if fronts else None, _split(http)[1])
        self.policies = WebServer(PolicyFiles(), ADDRESS, https_port, self.certificates.policy_context())

    # -- life -----------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Listen everywhere and write ports.json."""
        _raise_file_limit()
        (self.data / "ports.json").unlink(missing_ok=True)  # the last run's ports are nobody's now
        await self.addresses.start()
        for name in BIG:
            profile = load(name)
            for host in dict.fromkeys(h for rows in (profile.mx, profile.hosted_mx, *profile.domain_mx.values()) for _, h in rows):
                if "{" not in host:
                    self.addresses.address_of(host, site_of_host(host) or Site(name, profile, ()))
        self.addresses.address_of("mx1.anydomain.test", _known("anydomain.test"))
        self.addresses.listen_v6("mx1.v6.test", _known("v6.test"))
        await self.dns.start()
        await self.web.start()
        await self.policies.start()
        await self.fronts.start()
        self.spawn(self.store.keep_writing())
        ports = {
            "dns": self.dns.port,
            "smtp": self.smtp_port,
            "http": self.web.port,
            "https": self.https_port,
            "url": self.url,
            "resolver": self.resolver,
            "ca_file": str(self.ca_file),
        }
        part = self.data / "ports.json.part"
        part.write_text(json.dumps(ports, indent=1) + "\n", "utf-8")
        part.replace(self.data / "ports.json")

    async def stop(self) -> None:
        """Stop listening, cut what is open, write what was accepted."""
        await self.addresses.stop()
        await self.dns.stop()
        await self.web.stop()
        await self.policies.stop()
        await self.fronts.stop()
        for session in list(self.sessions):
            session.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.store.close()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something that ends with the world."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- where it is -------------------------------------------------------------------------------------------------------
    @property
    def smtp_port(self) -> int:
        """The port at which every mail host listens."""
        return self.addresses.port

    @property
    def https_port(self) -> int:
        """The port at which MTA-STS policies are served."""
        return self.policies.port

    @property
    def resolver(self) -> str:
        """host:port of the DNS server."""
        return f"{self.dns.host}:{self.dns.port}"

    @property
    def url(self) -> str:
        """The inbox page and the JSON API."""
        return f"http://{self.web.host}:{self.web.port}"

    @property
    def ca_file(self) -> Path:
        """The authority that signed every mail host's certificate."""
        return self.certificates.ca_file

    # -- what sessions need -------------------------------------------------------------------------------------------------
    def provider(self, site: Site) -> Provider:
        """The one provider object of a site."""
        known = self.providers.get(site.key)
        if known is None:
            known = self.providers[site.key] = Provider(site, self.lists)
            self.control.prepare(known)
        return known

    def provider_named(self, name: str) -> Provider:
        """A provider by its name (gmail) or by a domain that it hosts."""
        if name in BIG:
            return self.big()[BIG.index(name)]
        site = site_of(normal(name))
        if site is None:
            raise ValueError(f"There is no provider and no domain '{name}'; the providers are {', '.join(BIG)}.")
        return self.provider(site)

    def big(self) -> list[Provider]:
        """The big providers, met or not."""
        return [self.provider(Site(name, load(name), load(name).mx)) for name in BIG]

    def small(self) -> list[Provider]:
        """The small servers met so far."""
        return [one for one in self.providers.values() if not one.profile.block]

    def server_at(self, address: str) -> tuple[str, Provider]:
        """Which mail host listens at an address."""
        host, site = self.addresses.by_address[address]
        return host, self.provider(site)

    def serves(self, provider: Provider, site: Site) -> bool:
        """Whether a provider takes mail for a site; small servers that share an address serve each other's domains."""
        if site.key == provider.site.key:
            return True
        shared = {self.addresses.by_host.get(h) for _, h in provider.site.mx} - {None}
        return any(self.addresses.by_host.get(h) in shared for _, h in site.mx)

    def opened(self, session: Session) -> int:
        """A connection came; its number."""
        self.sessions.add(session)
        self._sessions_ever += 1
        return self._sessions_ever

    def closed(self, session: Session) -> None:
        """A connection is over."""
        self.sessions.discard(session)

    def accept(self, session: Session, body: bytes) -> None:
        """Record a message for each of its recipients, before the client hears of it."""
        provider, at_ms = session.provider, int(time.time() * 1000)
        parameters = session.parameters
        for fault in faults_of(body, eight_bit=b"BODY=8BITMIME" in parameters, utf8=b"SMTPUTF8" in parameters):
            provider.violations[fault] += 1
        if not session.tls:
            provider.counts["accepted in the clear"] += 1
        for rcpt, behaviour in session.recipients:
            row = self.store.add(
                body,
                at_ms=at_ms,
                provider=provider.profile.name if provider.profile.block else provider.site.key,
                mx_host=session.host,
                source_ip=session.ip,
                ehlo=session.ehlo,
                mail_from=session.sender or "",
                rcpt=rcpt,
                tls=session.tls,
                session=session.number,
            )
            if row.copy > 1:
                provider.counts["doubled"] += 1
            if behaviour is not None and behaviour.complains:
                self.spawn(self._complain(provider, session.ip, row.n))
            if behaviour is not None and behaviour.returns and session.sender:  # never to the null sender (RFC 5321 §4.5.5)
                taken = Taken(provider.profile.name, session.host, session.sender, rcpt, body, session.ip, at_ms / 1000)
                self.spawn(self._send_back(behaviour.returns, provider, taken))

    async def _send_back(self, kind: str, provider: Provider, taken: Taken) -> None:
        await asyncio.sleep(provider.habits.complaint_after_s if kind == "complaint" else provider.habits.return_after_s)
        to = self.post.feedback_for(taken.sender) if kind == "complaint" else taken.sender
        await self.post.bring(kind, taken.rcpt, to, compose(kind, taken), taken.rcpt if kind == "vacation" else "")

    async def _complain(self, provider: Provider, ip: str, n: int) -> None:
        await asyncio.sleep(provider.habits.complaint_after_s)
        provider.complaint(ip)
        self.store.complain(n, int(time.time() * 1000))


def _known(domain: str) -> Site:
    site = site_of(domain)
    assert site is not None
    return site


def _raise_file_limit() -> None:
    """Each small server that was ever asked for is a listening socket."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16_384 if hard == resource.RLIM_INFINITY else min(hard, 16_384)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
