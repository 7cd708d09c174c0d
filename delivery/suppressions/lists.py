"""Lists: which suppressions somebody asked for, and the way off the list.

Everyone who lists, exports or removes asks here, by a Filter that names the tenant (None: everybody's, for operators). A complaint is removed only when
that was confirmed by its own word: mailing who complained costs every sender of the pool. Removals are audited by the caller's sentence.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from delivery.models import Suppression

TIMEOUT_MS = 5_000
HIGHEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for; `contains` is a part of the address, `stream` a stream's name."""

    tenant_id: int | None
    reason: str = ""
    stream: str = ""
    address: str = ""
    contains: str = ""
    since: datetime | None = None

    def rows(self) -> QuerySet[Suppression]:
        """Newest first. By tenant it reads the index suppression_of_tenant; a part of an address is looked for row by row, within `bounded()`."""
        rows = Suppression.objects.select_related("stream").order_by("-id")
        if self.tenant_id is not None:
            rows = rows.filter(tenant_id=self.tenant_id)
        if self.reason:
            rows = rows.filter(reason=self.reason)
        if self.stream:
            rows = rows.filter(stream__name=self.stream)
        if self.address:
            rows = rows.filter(address=self.address.lower())
        if self.contains:
            rows = rows.filter(address__contains=self.contains.lower())
        if self.since:
            rows = rows.filter(created_at__gte=self.since)
        return rows


def bounded() -> None:
    """For the current transaction: a question that would look through too much ends with an error instead of a busy database."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {TIMEOUT_MS}")


class NotConfirmed(Exception):
    """A complaint, and nobody said its word."""


def remove(tenant_id: int | None, suppression_id: int, confirmed: str = "") -> Suppression | None:
    """The suppression that is no more; None when this tenant has none of this id."""
    with transaction.atomic():
        rows = Suppression.objects.select_for_update(of=("self",)).select_related("stream", "tenant").filter(pk=min(suppression_id, HIGHEST_ID))
        row = (rows if tenant_id is None else rows.filter(tenant_id=tenant_id)).first()
        if row is None:
            return None
        if row.reason == Suppression.Reason.COMPLAINT and confirmed != Suppression.Reason.COMPLAINT:
            raise NotConfirmed
        pk = row.pk
        row.delete()
        row.pk = pk
    return row


def removed_sentence(row: Suppression) -> str:
    """For the audit."""
    of = f"{row.tenant}'s stream {row.stream.name}" if row.stream else str(row.tenant)
    return f"{row.address} may be mailed by {of} again; it was suppressed since {row.created_at:%Y-%m-%d} because of {row.get_reason_display().lower()}."
