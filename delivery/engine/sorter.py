"""Sorter: finds the provider of domains that nobody has sorted yet, or whose answer has expired.

MX look-ups run side by side; what is found is stored and the waiting deliveries move into their lanes at once. A domain that does not
exist, or that says it takes no mail, ends its deliveries; one whose DNS does not answer makes them wait, a little longer each time.
"""

import asyncio
from collections.abc import Callable, Iterable

import structlog
from psycopg import Error

from delivery.engine.hands import Hands
from delivery.engine.sites import Sites
from delivery.queue import sort
from delivery.queue.wake import notify
from delivery.sort.resolver import MailHosts
from pools.outcomes import Reason

LOOK_UPS = 50
FIRST_POSTPONE_S, LAST_POSTPONE_S = 5.0, 900.0
SHORTEST_TTL_S, LONGEST_TTL_S = 300, 3600
log = structlog.get_logger(__name__)


class Sorter:
    """`on_work` is told of lanes that got something to claim."""

    def __init__(self, hands: Hands, sites: Sites) -> None:
        self._hands = hands
        self._sites = sites
        self.on_work: Callable[[Iterable[tuple[int, int]]], None] = lambda lanes: None
        self._news = asyncio.Event()
        self._at_once = asyncio.Semaphore(LOOK_UPS)
        self._failures: dict[str, int] = {}

    def wake(self) -> None:
        self._news.set()

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(0.5):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            try:
                await self._sort_some()
            except Error as error:
                log.warning("sort_failed", error=str(error))
                await asyncio.sleep(0.2)

    async def _sort_some(self) -> None:
        domains: list[str] = await self._hands.in_database(sort.unsorted_domains)
        if not domains:
            return
        answers = dict(zip(domains, await asyncio.gather(*map(self._look_up, domains)), strict=True))
        found = [self._sorted(domain, answer) for domain, answer in answers.items() if answer.status == "found"]
        if found:
            providers = await self._hands.in_database(sort.remember, found)
            self._sites.learn(found)
            lanes = await self._hands.in_database(sort.move_sorted, providers)
            self.on_work(lanes)
            await self._hands.in_database(notify, lanes)
        for domain, answer in answers.items():
            await self._not_found(domain, answer)

    async def refresh(self, domain: str) -> None:
        """A known domain's answer has expired: ask again, keep the old one while DNS is silent."""
        answer = await self._look_up(domain)
        if answer.status == "found":
            found = [self._sorted(domain, answer)]
            await self._hands.in_database(sort.remember, found)
            self._sites.learn(found)

    async def _look_up(self, domain: str) -> MailHosts:
        async with self._at_once:
            return await self._hands.resolver.mail_hosts(domain)

    def _sorted(self, domain: str, answer: MailHosts) -> sort.Sorted:
        self._failures.pop(domain, None)
        key = self._hands.world.catalogue.provider_of(domain, [host for _, host in answer.hosts])
        return sort.Sorted(domain, key, answer.hosts, min(max(answer.ttl_s, SHORTEST_TTL_S), LONGEST_TTL_S))

    async def _not_found(self, domain: str, answer: MailHosts) -> None:
        if answer.status == "null_mx":
            said = f"{domain} takes no mail: it publishes a null MX (RFC 7505)."
            await self._hands.in_database(sort.end, domain, Reason.HARD_INVALID_DOMAIN, said)
        elif answer.status == "no_domain":
            await self._hands.in_database(sort.end, domain, Reason.HARD_INVALID_DOMAIN, f"{domain} does not exist in DNS.")
        elif answer.status == "failed":
            failures = self._failures[domain] = self._failures.get(domain, 0) + 1
            delay_s = min(LAST_POSTPONE_S, FIRST_POSTPONE_S * 2 ** (failures - 1))
            await self._hands.in_database(sort.postpone, domain, "its DNS does not answer", delay_s)
