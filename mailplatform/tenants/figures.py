"""Figures of tenants for the console: streams, domains and keys of each, by a handful of queries whatever their number."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from mailplatform.shell.clock import now
from mailplatform.tenants.models import ApiKey, SendingDomain, Tenant


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key as a person may see it: never more than its prefix."""

    key: ApiKey
    state: str
    until: datetime | None


def with_counts(tenants: object) -> object:
    """Tenants with the number of their domains and of their live keys."""
    live_key = Q(api_keys__revoked_at=None) & (Q(api_keys__expires_at=None) | Q(api_keys__expires_at__gt=now()))
    return tenants.annotate(  # type: ignore[attr-defined]
        domain_count=Count("domains", distinct=True),
        verified_count=Count("domains", filter=Q(domains__verified_at__isnull=False), distinct=True),
        key_count=Count("api_keys", filter=live_key, distinct=True),
    )


def keys_of(tenant: Tenant) -> list[KeyRow]:
    """Its keys, the live ones first."""
    rows = [KeyRow(key, _state(key), key.revoked_at or key.expires_at) for key in tenant.api_keys.all()]
    return sorted(rows, key=lambda row: row.state != "active")


def domains_of(tenant: Tenant) -> list[SendingDomain]:
    return list(tenant.domains.prefetch_related("dkim_keys"))


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    return "expired" if key.expires_at and key.expires_at <= now() else "active"
