"""Looks at domains: one that a person or a program asks for, and those that are due.

Owns: `next_check_at`. Promises: a due domain is claimed by moving its time on in one statement, so that two jobs never look at the same one and a job that
dies is made good ten minutes later; DNS is asked outside of any transaction; a round ends within ROUND_S.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from delivery.domains import keys
from delivery.domains.finding import Finding
from delivery.domains.look import look
from delivery.domains.plan import Plan, plan_of
from delivery.domains.slots import turn
from delivery.domains.store import keep, tell_rotation
from mailplatform.shell.ask import MAX_SECONDS, Asker
from mailplatform.shell.clock import now
from mailplatform.tenants.models import SendingDomain

log = logging.getLogger(__name__)

ROUND_S = 10.0
REQUEST_S = 6.0  # a request waits so long
LOOK_S = 8.0  # in a round: the cluster of jobs has one worker, and others wait for it
A_TURN = 8
AGAIN_AFTER_S = 10  # a domain is looked at on request at most this often
MOST_ROTATIONS = 20


@dataclass(frozen=True, slots=True)
class TooSoon:
    """Not looked at now; when to ask again."""

    wait_s: int
    sentence: str


TAKE_DUE = """
    UPDATE tenants_sendingdomain
       SET next_check_at = platform_now() + interval '10 minutes'
     WHERE id IN (SELECT id
                    FROM tenants_sendingdomain
                   WHERE next_check_at IS NULL OR next_check_at <= platform_now()
                   ORDER BY next_check_at NULLS FIRST
                   LIMIT %s
                     FOR UPDATE SKIP LOCKED)
 RETURNING id
"""


def check(domain: SendingDomain, seconds: float = MAX_SECONDS) -> SendingDomain | None:
    """Look now, whatever the time; the domain as it is then, None when it was deleted meanwhile."""
    findings = asyncio.run(_look_at([plan_of(domain)], seconds))
    return keep(domain.pk, findings[0], now())


def check_on_request(domain: SendingDomain) -> SendingDomain | TooSoon:
    """The same for who waits for the answer: not too often, not too many at once, not for long."""
    if wait_s := _too_soon(domain, now()):
        return TooSoon(wait_s, f"It was looked at a moment ago. Ask again in {wait_s} s.")
    with turn(domain.tenant_id) as mine:
        if mine:
            return check(domain, REQUEST_S) or domain
    SendingDomain.objects.filter(pk=domain.pk).update(next_check_at=now())
    return TooSoon(60, "Other domains are being looked at just now. This one is looked at within a minute or two.")


def _too_soon(domain: SendingDomain, at: datetime) -> int:
    """Seconds until the domain may be looked at on request; 0: now."""
    if domain.checked_at is None:
        return 0
    return max(0, int((domain.checked_at + timedelta(seconds=AGAIN_AFTER_S) - at).total_seconds() + 0.999))


def check_due(round_s: float = ROUND_S) -> int:
    """All that are due, as far as the round goes. Gives how many."""
    until, done = time.monotonic() + round_s, 0
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(TAKE_DUE, [A_TURN])
            ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            break
        plans = [plan_of(domain) for domain in SendingDomain.objects.select_related("tenant").filter(pk__in=ids)]
        for plan, findings in zip(plans, asyncio.run(_look_at(plans, LOOK_S)), strict=True):
            try:
                keep(plan.domain_id, findings, now())
            except Exception:  # one domain's trouble is not the others'; it is looked at again in ten minutes
                log.exception("what was seen of the domain %s could not be kept", plan.name)
            done += 1
    return done


def rotate_due() -> int:
    """New keys where the domain's own rhythm says so. They wait for their records; nothing is switched here."""
    at, made_for = now(), 0
    wanted = SendingDomain.objects.select_related("tenant").filter(rotate_days__gt=0, verified_at__isnull=False)
    for domain in wanted.filter(dkim_keys__active=True).distinct()[:1000]:
        newest = max((key.activated_at or key.created_at for key in domain.dkim_keys.filter(active=True).defer("private_encrypted")), default=None)
        if newest is None or at - newest < timedelta(days=domain.rotate_days) or keys.waiting_keys(domain).exists():
            continue
        if made := keys.add_keys(domain):
            tell_rotation(domain, made, f"Its keys are {(at - newest).days} days old, and are to be replaced after {domain.rotate_days}.")
            made_for += 1
        if made_for >= MOST_ROTATIONS:
            break
    return made_for


async def _look_at(plans: list[Plan], seconds: float) -> list[tuple[Finding, ...]]:
    """Each domain with questions and time of its own."""
    return list(await asyncio.gather(*(look(plan, Asker(settings.RESOLVER, seconds=seconds)) for plan in plans)))
