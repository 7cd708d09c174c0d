"""Finding a domain's MTA-STS policy, beside sorting.

Checklist of RFC 8461 §3: the TXT record says that there is a policy and which; the kept one holds while its id is the same and it is not a
day old (§10.2 asks for a look before it expires); else it is fetched. Promises: no mail waits longer than `FIRST_MAIL_WAITS_S` for it;
who is late is told to `on_late` and holds for the next; a fetch that fails, or a record that is gone, leaves a kept
policy as it is until that expires (§5.1); a domain is fetched at most every five minutes. Never: blocks a message.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from psycopg import Error

from delivery.tlspolicy import store
from delivery.tlspolicy.fetch import FetchFailed
from delivery.tlspolicy.mta_sts import Policy, Unreadable, read_policy, record_id
from delivery.tlspolicy.store import Kept

FIRST_MAIL_WAITS_S = 5.0
REFRESH_S = 86_400.0
FETCH_AGAIN_S = 300.0  # RFC 8461 §3.3
FETCHES = 20
log = structlog.get_logger(__name__)


class Policies:
    """`texts` asks DNS for TXT records, `fetch` gets a policy file, `in_database` runs a function with a connection."""

    def __init__(
        self,
        texts: Callable[[str], Awaitable[tuple[str, ...] | None]],
        fetch: Callable[[str], Awaitable[bytes]],
        in_database: Callable[..., Awaitable[Any]],
        on_late: Callable[[str, Policy | None], None],
        first_mail_waits_s: float = FIRST_MAIL_WAITS_S,
    ) -> None:
        self._texts, self._fetch, self._in_database, self._on_late = texts, fetch, in_database, on_late
        self._first_mail_waits_s = first_mail_waits_s
        self._finding: dict[str, asyncio.Task[Policy | None]] = {}
        self._at_once = asyncio.Semaphore(FETCHES)

    async def of(self, domain: str, kept: Kept | None) -> Policy | None:
        """The domain's policy, or the kept one when it cannot be had in time."""
        task = self._finding.get(domain)
        if task is None:
            task = self._finding[domain] = asyncio.create_task(self._find(domain, kept))
            task.add_done_callback(lambda _: self._finding.pop(domain, None))
        done, _ = await asyncio.wait({task}, timeout=self._first_mail_waits_s)
        if done:
            return task.result()
        task.add_done_callback(lambda late: None if late.cancelled() else self._on_late(domain, late.result()))
        return kept.policy if kept else None

    async def _find(self, domain: str, kept: Kept | None) -> Policy | None:
        try:
            return await self._look(domain, kept)
        except Exception:  # a surprise: what was known before holds on, and the mail goes
            log.exception("mta_sts_look_failed", domain=domain)
            return kept.policy if kept else None

    async def _look(self, domain: str, kept: Kept | None) -> Policy | None:
        before = kept.policy if kept else None
        texts = await self._texts(f"_mta-sts.{domain}")
        policy_id = record_id(texts) if texts else None
        if policy_id is None or (kept and kept.tried_s_ago < FETCH_AGAIN_S):
            return before
        if before is not None and before.id == policy_id and kept is not None and kept.age_s < REFRESH_S:
            return before
        try:
            async with self._at_once:
                policy = read_policy(await self._fetch(domain), policy_id)
        except (FetchFailed, Unreadable) as failure:
            log.warning("mta_sts_policy_not_had", domain=domain, why=str(failure))
            await self._keep(store.keep_problem, domain, str(failure))
            return before
        await self._keep(store.keep_policy, domain, policy)
        return policy

    async def _keep(self, function: Callable[..., None], *arguments: Any) -> None:
        """The policy holds in this engine although the database is away."""
        try:
            await self._in_database(function, *arguments)
        except Error as error:
            log.warning("mta_sts_policy_not_kept", domain=arguments[0], error=str(error))
