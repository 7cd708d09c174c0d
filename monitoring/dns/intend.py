"""Intend: write down that a record set is to change, before anything is sent. One open change a set.

Promises: an intention that has certainly not been sent gives way to a newer one; one that was taken is overtaken (its servers may lag, the next
change builds on it); one that may have been sent has to be settled first. In one transaction with the set's row locked.
"""

from collections.abc import Iterable, Sequence

from django.db import connection, transaction

from mailplatform.shell.clock import now
from monitoring.dns.models import DnsChange, RecordSet
from monitoring.dns.standing import OPEN, cause_of
from monitoring.endpoints.verdicts import CHANNEL

PLATFORM = "the platform"


class UnderWay(Exception):
    """Another change may just have been sent; it has to be settled first."""


def intend(row: RecordSet, kind: str, after: Sequence[str], who: str, why: str, before: Iterable[str] | None = None) -> DnsChange:
    """`before`: what must be there if it is not what we published."""
    with transaction.atomic():
        locked = RecordSet.objects.select_for_update(of=("self",)).get(pk=row.pk)
        for change in DnsChange.objects.filter(record_set=locked, state__in=OPEN):
            give_way(change)
        cause = cause_of(row, after)
        made = DnsChange.objects.create(
            record_set=locked, kind=kind, who=who[:200], why=why, before=sorted(locked.published if before is None else before), after=sorted(after),
            at=now(), cause_at=cause.at, first_sign_at=cause.first_sign_at, evidence=cause.evidence,
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    return made


def give_way(change: DnsChange) -> None:
    """It ends here, if it may."""
    if change.state == DnsChange.State.INTENDED and change.tries and not change.error:
        raise UnderWay(f"The change of {change.at:%H:%M:%S} UTC is just being sent.")
    DnsChange.objects.filter(pk=change.pk, state=change.state).update(state=DnsChange.State.OVERTAKEN)
