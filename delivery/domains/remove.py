"""Deleting a domain: never while mail of it waits, for without its keys that mail would go out unsigned.

Promises: first nothing more is accepted (its verification ends, and what accepting processes remember of it is waited out), then the queue is asked, and
only an empty one lets the rows go; mail that waits gives the verification back. Who dies in between leaves a domain that is not verified: the next
check of its ownership record verifies it again.
"""

import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import OperationalError, connection, transaction

from delivery.submit.facts import CACHE_S, forget_cached
from mailplatform.shell.clock import now
from mailplatform.tenants.models import SendingDomain

COUNT_LIMIT = 1000
COUNT_WITHIN_MS = 4000
MARGIN_S = 0.5
WAITING = """
    SELECT count(*)
      FROM (SELECT 1 FROM delivery_ready   WHERE tenant_id = %(tenant)s AND domain_id = %(domain)s
            UNION ALL
            SELECT 1 FROM delivery_waiting WHERE tenant_id = %(tenant)s AND domain_id = %(domain)s
            UNION ALL
            SELECT 1 FROM delivery_claimed WHERE tenant_id = %(tenant)s AND domain_id = %(domain)s
            LIMIT %(limit)s) AS found
"""


@dataclass(frozen=True, slots=True)
class Removal:
    """What deleting would do. `waiting` is None when the queues are too full to be asked in time."""

    waiting: int | None
    sentence: str

    @property
    def possible(self) -> bool:
        return self.waiting == 0


def preview(domain: SendingDomain) -> Removal:
    waiting = _waiting(domain)
    if waiting is None:
        return Removal(None, "Whether mail of it waits could not be counted in time. Try again when the queues are shorter.")
    if waiting:
        many = f"{COUNT_LIMIT} deliveries or more" if waiting >= COUNT_LIMIT else "1 delivery" if waiting == 1 else f"{waiting} deliveries"
        return Removal(waiting, f"Not possible now: {many} of {domain} still wait. They would go out unsigned. Cancel them, or wait until they are gone.")
    keys = domain.dkim_keys.count()
    return Removal(0, f"{domain} may not stand in From any more, and its {keys} DKIM keys are destroyed. What was sent stays in the history.")


def remove(domain: SendingDomain) -> Removal:
    """Delete it, if nothing waits; the removal says whether it was possible."""
    if not (first := preview(domain)).possible:
        return first
    verified_at = domain.verified_at
    if verified_at is not None:
        SendingDomain.objects.filter(pk=domain.pk).update(verified_at=None, next_check_at=now() + timedelta(minutes=5))
        forget_cached()
        time.sleep(CACHE_S + MARGIN_S)
    found = preview(domain)
    if found.possible:
        domain.delete()
    elif verified_at is not None:
        SendingDomain.objects.filter(pk=domain.pk, verified_at=None).update(verified_at=verified_at)
    forget_cached()
    return found


def _waiting(domain: SendingDomain) -> int | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {COUNT_WITHIN_MS}")
            cursor.execute(WAITING, {"tenant": domain.tenant_id, "domain": domain.pk, "limit": COUNT_LIMIT})
            count = int(cursor.fetchone()[0])
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
            return count
    except OperationalError:  # the statement took too long
        return None
