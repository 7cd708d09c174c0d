"""What waits for its destination's TLS, for the console: by domain, with what was found there and what an exception would do.

Domains come from a skip scan of the index waiting_why (why, scope): one probe a domain; counts stop at a limit. The broken hosts are those
of the domain's MX. Never: changes anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from delivery.engine.reach import TLS_SCOPE
from delivery.models import BrokenTls, MtaStsPolicy
from mailplatform.shell.clock import now
from pools.models import DomainProvider, TlsException

DOMAINS_SHOWN = 100
COUNT_LIMIT = 10_000
_DOMAINS = """
    WITH RECURSIVE d AS (
        (SELECT scope FROM delivery_waiting WHERE why = 'retry' AND scope >= %(first)s AND scope < %(last)s ORDER BY scope LIMIT 1)
        UNION ALL
        SELECT next.scope FROM d CROSS JOIN LATERAL (
            SELECT w.scope FROM delivery_waiting w WHERE w.why = 'retry' AND w.scope > d.scope AND w.scope < %(last)s ORDER BY w.scope LIMIT 1) next)
    SELECT d.scope, few.waiting, few.due_at
      FROM (SELECT scope FROM d LIMIT %(domains)s) d
      CROSS JOIN LATERAL (SELECT count(*) AS waiting, min(due_at) AS due_at FROM (
           SELECT due_at FROM delivery_waiting w WHERE w.why = 'retry' AND w.scope = d.scope LIMIT %(limit)s) part) few
"""
# RFC 8461 and RFC 7672: the domain itself has asked that nobody delivers without proof.
_ASKED = {"enforce": "its MTA-STS policy asks for a proven host", "dane": "its DNS names the certificate"}


@dataclass(frozen=True, slots=True)
class Destination:
    """A domain that mail waits for, because of its TLS."""

    domain: str
    waiting: int
    due_at: datetime | None
    problem: str
    host: str
    since: datetime | None
    asked: str  # what the domain itself asks of senders; empty: nothing
    excepted: bool


def destinations() -> list[Destination]:
    """Those with waiting mail, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_DOMAINS, {"first": TLS_SCOPE, "last": TLS_SCOPE[:-1] + ";", "domains": DOMAINS_SHOWN, "limit": COUNT_LIMIT})
        rows = [(scope.removeprefix(TLS_SCOPE), waiting, due_at) for scope, waiting, due_at in cursor.fetchall()]
    names = [row[0] for row in rows]
    known = {row.domain: row for row in DomainProvider.objects.filter(domain__in=names)}
    hosts = {host for row in known.values() for _, host in row.hosts}
    broken = {row.host: row for row in BrokenTls.objects.filter(host__in=hosts)}
    enforced = set(MtaStsPolicy.objects.filter(domain__in=names, mode="enforce", expires_at__gt=now()).values_list("domain", flat=True))
    excepted = set(exceptions().filter(match__in=names).values_list("match", flat=True))
    return [
        _destination(domain, waiting, due_at, _first_broken(known.get(domain), broken), _asked(domain, known.get(domain), enforced), domain in excepted)
        for domain, waiting, due_at in rows
    ]


def exceptions():  # type: ignore[no-untyped-def]
    """Those that hold now."""
    return TlsException.objects.exclude(expires_at__lte=now())


def _destination(domain: str, waiting: int, due_at: datetime | None, broken: BrokenTls | None, asked: str, excepted: bool) -> Destination:
    problem = broken.detail or broken.failure.replace("_", " ") if broken else ""
    return Destination(domain, waiting, due_at, problem, broken.host if broken else "", broken.since if broken else None, asked, excepted)


def _first_broken(known: DomainProvider | None, broken: dict[str, BrokenTls]) -> BrokenTls | None:
    hosts: Sequence[list[object]] = known.hosts if known else ()
    return next((broken[str(host)] for _, host in hosts if str(host) in broken), None)


def _asked(domain: str, known: DomainProvider | None, enforced: set[str]) -> str:
    if domain in enforced:
        return _ASKED["enforce"]
    return _ASKED["dane"] if known and known.secure and BrokenTls.objects.filter(host__in=[host for _, host in known.hosts], proof="dane").exists() else ""
