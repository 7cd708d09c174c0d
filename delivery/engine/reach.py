"""Reach: from a path and a site to a session.

Checklist of a connection (RFC 5321 §5.1): hosts in order of preference, equal ones in an order drawn anew each time, each host's addresses
in turn; what its TLS has to prove is settled before it is dialled (DANE, then the domain's MTA-STS policy, then the provider's
or route's word), and a host whose TLS is known to be broken waits. Who says no before the hello is over speaks for its whole house; a host of
another name is still asked. Owns: the memory of broken TLS. How it fails: with the last `ConnectFailure`, which says for how long to wait.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from delivery.engine.outbox import Site
from delivery.engine.path import Path
from delivery.queue.claim import Claim
from delivery.queue.settled import Settled
from delivery.smtp.connect import ConnectFailure, connect
from delivery.smtp.session import Session
from delivery.smtp.target import Source, Target, Timeouts, TlsMode
from delivery.smtp.wire import Failure, Phase
from delivery.tlspolicy.broken import BrokenHosts, is_broken_tls
from delivery.tlspolicy.dane import Tlsa, usable
from delivery.tlspolicy.store import exchange_broken

if TYPE_CHECKING:
    from delivery.engine.hands import Hands

TLS_SCOPE = "tls:"  # of what waits for its destination's TLS: the console lists and counts it by the index waiting_why
EXCHANGE_EVERY = 5  # looks at the world; sooner when there is something to tell


class Reach:
    def __init__(self, hands: "Hands") -> None:
        self._hands = hands
        self._broken = BrokenHosts()
        self._looks = 0

    async def session(self, path: Path, site: Site) -> Session:
        """The first host that greets and proves what it has to."""
        last = ConnectFailure(Phase.CONNECT, Failure.DNS, detail="none of its mail hosts has an address")
        refused_by: set[str] = set()
        for host in in_order(site):
            if house_of(host) in refused_by:
                continue
            try:
                return await self._host(path, site, host)
            except ConnectFailure as failure:
                failure.host = host
                last = failure if failure.failure is not Failure.DNS or last.failure is Failure.DNS else last
                if failure.reply is not None and not is_broken_tls(failure):
                    refused_by.add(house_of(host))
        raise last

    async def _host(self, path: Path, site: Site, host: str) -> Session:
        """One host: what it has to prove, then its addresses."""
        proof, tlsa, base = await self._proof(site, host)
        now_s = self._now_s()
        if (known := self._broken.waits(host, proof, now_s)) is not None:
            raise known
        own = self._hands.world.ips[path.ip_id]
        last = ConnectFailure(Phase.CONNECT, Failure.DNS, detail=f"{host} has no address")
        for address in await self._hands.addresses(host, ipv6=":" in own.address):
            target = Target(host, address, site.port, proof, site.username, site.password, tlsa, base)
            try:
                session = await self._dial(path, target)
            except ConnectFailure as failure:
                last = failure
                if failure.reply is not None:
                    break
            else:
                self._broken.worked(host, proof)
                self._hands.vanish.answered(path.provider_id, host, address, site.port)
                return session
        if is_broken_tls(last):
            last.wait_s = self._broken.failed(host, proof, last, self._now_s(), path.profile.remember_broken_tls_s)
        raise last

    async def _dial(self, path: Path, target: Target) -> Session:
        hands, profile = self._hands, path.profile
        own = hands.world.ips[path.ip_id]
        timeouts = timeouts_for(hands.setup.timeouts, profile.data_timeout_s, profile.data_dot_timeout_s)
        async with hands.vanish.patience(path.ip_id, target.address):
            if hands.holes:
                await hands.holes.swallow(path.ip_id, target.address, hands.setup.timeouts.connect_s)
            return await connect(target, Source(own.address, own.ehlo_name, own.proxy), timeouts, hands.tls, hands.setup.policy)

    async def _proof(self, site: Site, host: str) -> tuple[TlsMode, tuple[Tlsa, ...], str]:
        """DANE wins where it can be had; records that prove nothing leave what else is asked (RFC 7672 §2.2, RFC 8461 §2)."""
        if site.secure and site.tls is not TlsMode.NONE:
            found = await self._hands.resolver.tlsa(host, site.port)
            if found.failed:
                raise ConnectFailure(Phase.STARTTLS, Failure.TLS_DANE, detail=f"the TLSA records of {host} cannot be had, or are bogus")
            if records := usable(found.texts):
                return TlsMode.DANE, records, found.base
        if host in site.barred:
            raise ConnectFailure(Phase.STARTTLS, Failure.TLS_MTA_STS, detail=f"the domain's MTA-STS policy does not name {host}")
        return site.tls, (), ""

    def _now_s(self) -> float:
        return self._hands.now().timestamp()

    async def exchange(self) -> None:
        """What was learned of broken TLS goes out, what other engines know comes in. Called once a second."""
        self._looks += 1
        if not self._broken.has_news and self._looks % EXCHANGE_EVERY != 1:
            return
        changed, mended = self._broken.take_news()
        try:
            self._broken.learn(await self._hands.in_database(exchange_broken, changed, mended))
        except BaseException:
            self._broken.untake(changed, mended)
            raise


def in_order(site: Site, shuffle: "random.Random | None" = None) -> Sequence[str]:
    """A site's hosts, equal preferences in random order (RFC 5321 §5.1: it spreads the load)."""
    if len(set(site.ranks)) == len(site.hosts) or not site.ranks:
        return site.hosts
    draw = shuffle or random
    order: list[str] = []
    for _, equal in groupby(zip(site.ranks, site.hosts, strict=True), key=lambda pair: pair[0]):
        hosts = [host for _, host in equal]
        draw.shuffle(hosts)
        order += hosts
    return order


def wait_for_tls(settled: Settled, claim: Claim, failure: ConnectFailure, now: datetime) -> Settled:
    """It waits under its domain's name until somebody tries again, but for what expires before: that keeps its own turn."""
    if settled.due_at is None:
        return settled
    next_try = now + timedelta(seconds=failure.wait_s)
    due_at = next_try if settled.due_at < next_try < claim.expires_at else settled.due_at
    return replace(settled, due_at=due_at, scope=f"{TLS_SCOPE}{claim.domain}"[:260])


def house_of(host: str) -> str:
    """Whose host it is, as far as its name tells at a glance."""
    return ".".join(host.rsplit(".", 2)[-2:])


@lru_cache(maxsize=256)
def timeouts_for(general: Timeouts, data_s: int, dot_s: int) -> Timeouts:
    """With a provider's own patience in the data phases."""
    return replace(general, data_s=float(data_s), final_s=float(dot_s))
