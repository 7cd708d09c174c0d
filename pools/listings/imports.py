"""Imports of grades: what a file would store, and storing it.

Promises: nothing is stored for IPs and domains that are not ours; the same file twice changes nothing but who imported it last (one row a source,
subject and day); grades older than COUNT_DAYS are kept and count no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from mailplatform.shell.clock import now
from mailplatform.tenants.models import SendingDomain
from pools.listings.grades import Parsed, Row, parse
from pools.listings.models import ProviderGrade
from pools.models import SendingIP

COUNT_DAYS = 7
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be stored, and what would not."""

    parsed: Parsed
    known: tuple[Row, ...]
    unknown: tuple[Row, ...]

    @property
    def subjects(self) -> int:
        return len({row.subject for row in self.known})

    @property
    def too_old(self) -> int:
        return sum(row.day < oldest_that_counts() for row in self.known)


def look_into(raw: bytes, domain: str = "") -> Preview:
    parsed = parse(raw, domain)
    ours = {str(address) for address in SendingIP.objects.values_list("address", flat=True)}
    ours |= set(SendingDomain.objects.filter(name__in={row.subject for row in parsed.rows if not row.is_ip}).values_list("name", flat=True))
    known = tuple(row for row in parsed.rows if row.subject in ours)
    return Preview(parsed, known, tuple(row for row in parsed.rows if row.subject not in ours))


@transaction.atomic
def store(rows: Iterable[Row], file: str, by: str) -> int:
    """Gives how many rows there are of it now."""
    rows = list(rows)
    ids = {str(address): pk for pk, address in SendingIP.objects.values_list("pk", "address")}
    made = [
        ProviderGrade(
            source=row.source, provider=row.provider, ip_id=ids.get(row.subject) if row.is_ip else None, domain="" if row.is_ip else row.subject,
            subject=row.subject, day=row.day, grade=row.grade, said=row.said, figures=row.figures, file=file[:200], imported_by=by[:200], imported_at=now(),
        )
        for row in rows
        if not row.is_ip or row.subject in ids
    ]  # fmt: skip
    fields = ["provider", "ip", "domain", "grade", "said", "figures", "file", "imported_by", "imported_at"]
    ProviderGrade.objects.bulk_create(made, update_conflicts=True, unique_fields=["source", "subject", "day"], update_fields=fields, batch_size=1000)
    return len(made)


def oldest_that_counts():  # type: ignore[no-untyped-def]
    return now().date() - timedelta(days=COUNT_DAYS)


def that_count() -> "QuerySet[ProviderGrade]":
    """Grades of the last seven days: what reputation may go by."""
    return ProviderGrade.objects.filter(day__gte=oldest_that_counts()).exclude(grade=ProviderGrade.Grade.NONE)
