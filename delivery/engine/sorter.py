"""Sorter: finds the provider of domains that nobody has sorted yet, or whose answer has expired, and what they ask of TLS.

Each domain is looked up by itself, MX and MTA-STS policy side by side: one that is slow keeps nobody else waiting. What was found meanwhile is
stored together, and the waiting deliveries move into their lanes at once. A domain that does not exist, or that says it takes no
mail, ends its deliveries; one whose DNS does not answer makes them wait, a little longer each time.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from psycopg import Error

from delivery.engine.hands import Hands
from delivery.engine.sites import Sites
from delivery.engine.waiting import wait_for
from delivery.queue import sort
from delivery.queue.wake import Lane, notify
from delivery.sort.resolver import MailHosts
from delivery.tlspolicy.mta_sts import Policy
from delivery.tlspolicy.policies import Policies
from delivery.tlspolicy.store import Kept, fetched, policies
from pools.outcomes import Reason

LOOK_UPS = 50
DOMAINS_AT_ONCE = 200
HEARS_EVERY_S = 5.0
FIRST_POSTPONE_S, LAST_POSTPONE_S = 5.0, 900.0
SHORTEST_TTL_S, LONGEST_TTL_S = 300, 3600
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is known of a domain now."""

    domain: str
    hosts: MailHosts
    policy: Policy | None


class Sorter:
    """`on_work` is told of lanes that got something to claim."""

    def __init__(self, hands: Hands, sites: Sites, found_policies: Policies) -> None:
        self._hands = hands
        self._sites = sites
        self._policies = found_policies
        self.on_work: Callable[[Iterable[Lane]], None] = lambda lanes: None
        self._news = asyncio.Event()
        self._at_once = asyncio.Semaphore(LOOK_UPS)
        self._failures: dict[str, int] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._answers: list[_Answer] = []
        self._hears_at_s = 0.0

    def wake(self) -> None:
        self._news.set()

    async def run(self) -> None:
        try:
            while True:
                await wait_for(self._news, 0.5)
                self._news.clear()
                try:
                    await self._hear_of_policies()
                    await self._ask_new()
                    await self._sort_answered()
                except Error as error:
                    log.warning("sort_failed", error=str(error))
                    await asyncio.sleep(0.2)
        finally:
            for task in self._asking.values():
                task.cancel()

    async def _hear_of_policies(self) -> None:
        """What other engines fetched too late for a domain's first mail."""
        if (now := time.monotonic()) < self._hears_at_s:
            return
        self._hears_at_s = now + HEARS_EVERY_S
        for domain, policy in (await self._hands.in_database(fetched, 3 * HEARS_EVERY_S)).items():
            self._sites.learn_policy(domain, policy)

    async def _ask_new(self) -> None:
        """Look up the domains that deliveries wait for and nobody asks about yet."""
        unsorted: list[str] = await self._hands.in_database(sort.unsorted_domains, DOMAINS_AT_ONCE + len(self._asking))
        new = [domain for domain in unsorted if domain not in self._asking]
        if new:
            kept: dict[str, Kept] = await self._hands.in_database(policies, new)
            for domain in new:
                self._asking[domain] = asyncio.create_task(self._ask(domain, kept.get(domain)))

    async def _ask(self, domain: str, kept: Kept | None) -> None:
        try:
            answer = await self._look_up(domain, kept)
        except Exception:
            log.exception("look_up_failed", domain=domain)
            answer = _Answer(domain, MailHosts((), "failed", 0), None)
        self._answers.append(answer)  # not in one expression with the await: the list is another one afterwards
        self._news.set()

    async def _sort_answered(self) -> None:
        answers, self._answers = self._answers, []
        try:
            if found := [answer for answer in answers if answer.hosts.status == "found"]:
                await self._move(found)
            for answer in answers:
                await self._not_found(answer.domain, answer.hosts)
        finally:
            for answer in answers:
                self._asking.pop(answer.domain, None)

    async def _move(self, answers: list[_Answer]) -> None:
        found = [self._sorted(answer) for answer in answers]
        providers = await self._hands.in_database(sort.remember, found)
        self._sites.learn(found, {answer.domain: answer.policy for answer in answers})
        lanes = await self._hands.in_database(sort.move_sorted, providers)
        self.on_work(lanes)
        await self._hands.in_database(notify, lanes)

    async def refresh(self, domain: str) -> None:
        """A known domain's answer has expired: ask again, keep the old one while DNS is silent."""
        kept: dict[str, Kept] = await self._hands.in_database(policies, [domain])
        answer = await self._look_up(domain, kept.get(domain))
        if answer.hosts.status == "found":
            found = [self._sorted(answer)]
            await self._hands.in_database(sort.remember, found)
            self._sites.learn(found, {domain: answer.policy})

    async def _look_up(self, domain: str, kept: Kept | None) -> _Answer:
        policy = None if self._sites.routed(domain) else asyncio.create_task(self._policies.of(domain, kept))
        try:
            async with self._at_once:
                hosts = await self._hands.resolver.mail_hosts(domain)
            if hosts.status != "found" and self._sites.routed(domain):  # an operator says where it goes, whatever DNS says of it
                hosts = MailHosts(((0, domain),), "found", SHORTEST_TTL_S)
            return _Answer(domain, hosts, await policy if policy and hosts.status == "found" else None)
        finally:
            if policy:
                policy.cancel()

    def _sorted(self, answer: _Answer) -> sort.Sorted:
        domain, found = answer.domain, answer.hosts
        self._failures.pop(domain, None)
        key = self._hands.world.catalogue.provider_of(domain, [host for _, host in found.hosts])
        return sort.Sorted(domain, key, found.hosts, min(max(found.ttl_s, SHORTEST_TTL_S), LONGEST_TTL_S), found.secure)

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
