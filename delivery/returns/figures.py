"""Figures of what came back: from its minutes, and the latest by key. Counts no big table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, Sum

from delivery.models import CameBack, Delivery, ReturnMinute
from delivery.returns.finding import Counted
from delivery.returns.words import MEANS, TITLES
from mailplatform.tenants.models import Tenant

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MATTERS = (Counted.HARD_BOUNCE, Counted.SOFT_BOUNCE, Counted.OURS, Counted.COMPLAINT, Counted.AUTO_REPLY, Counted.UNSUBSCRIBED, Counted.DELAYED,
           Counted.RELAYED, Counted.REPORT, Counted.UNKNOWN)  # fmt: skip
IGNORED = tuple(what for what in Counted if what not in MATTERS)


@dataclass(frozen=True, slots=True)
class Row:
    """How much of one sort."""

    what: str
    title: str
    means: str
    hour: int
    day: int


@dataclass(frozen=True, slots=True)
class Figures:
    matters: tuple[Row, ...]
    ignored: tuple[Row, ...]

    def of(self, what: Counted) -> Row:
        return next(row for row in (*self.matters, *self.ignored) if row.what == what)

    @property
    def bounces(self) -> int:
        """In the last hour."""
        return self.of(Counted.HARD_BOUNCE).hour + self.of(Counted.SOFT_BOUNCE).hour + self.of(Counted.OURS).hour

    @property
    def complaints(self) -> int:
        return self.of(Counted.COMPLAINT).hour


@dataclass(frozen=True, slots=True)
class Latest:
    """One that came back, and whose mail it was."""

    pk: int
    delivery_id: UUID
    recipient: str
    tenant: str
    at: datetime
    title: str
    look: str
    reporter: str
    words: str
    note: str
    token: str


def figures(at: datetime) -> Figures:
    """By what was made of it, in the last hour and the last day."""
    sums = ReturnMinute.objects.filter(minute__gte=at - DAY).values("what").annotate(day=Sum("count"), hour=Sum("count", filter=Q(minute__gte=at - HOUR)))
    known = {row["what"]: (row["hour"] or 0, row["day"]) for row in sums}

    def rows(whats: Sequence[Counted]) -> tuple[Row, ...]:
        return tuple(Row(what, TITLES[what], MEANS[what], *known.get(what, (0, 0))) for what in whats)

    return Figures(rows(MATTERS), rows(IGNORED))


def told(rows: Sequence[CameBack]) -> list[Latest]:
    """Rows as people read them."""
    recipients = dict(Delivery.objects.filter(pk__in=[row.delivery_id for row in rows]).values_list("pk", "recipient"))
    tenants = {tenant.pk: str(tenant) for tenant in Tenant.objects.filter(pk__in={row.tenant_id for row in rows})}
    return [_told(row, recipients.get(row.delivery_id, ""), tenants.get(row.tenant_id, "")) for row in rows]


def _told(row: CameBack, recipient: str, tenant: str) -> Latest:
    title, look = _title(row)
    return Latest(row.pk, row.delivery_id, recipient, tenant, row.at, title, look, row.reporter, row.words, row.note, row.token)


def _title(row: CameBack) -> tuple[str, str]:
    """What it is, and its look."""
    if row.kind == "bounce":
        because = row.reason.partition(".")[2].replace("_", " ") or row.reason
        sort = "hard bounce" if row.hard else "bounce, our fault" if row.fault == "infrastructure" else "soft bounce"
        return f"{sort}: {because}", "bounced" if row.hard else "limited"
    return row.kind.replace("_", " "), {"complaint": "limited", "unknown": "unknown"}.get(row.kind, "working")
