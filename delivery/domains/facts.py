"""What readiness asks besides DNS: marketing streams, exceptions from TLS, complaints of late. Bounded in time: what takes longer is not known."""

from django.db import OperationalError, connection, transaction
from django.db.models import Q

from delivery.domains.plan import one_click
from delivery.domains.readiness import Facts
from mailplatform.shell.clock import now
from mailplatform.tenants.models import SendingDomain
from pools.models import Provider, Stream, TlsException
from pools.purposes import Purpose

# The catalogue's keys of each provider's consumer mailboxes.
KEYS = {"gmail": ("google",), "yahoo": ("yahoo",), "microsoft": ("microsoft_consumer",)}
COMPLAINTS_WITHIN_MS = 1500
COMPLAINTS = """
    SELECT provider.key, sum(minute.complaints)::bigint, sum(minute.delivered)::bigint
      FROM pools_streamminute minute
      JOIN pools_provider provider ON provider.id = minute.provider_id
     WHERE minute.minute > platform_now() - interval '7 days'
       AND minute.stream_id = ANY(%s)
       AND provider.key = ANY(%s)
     GROUP BY provider.key
"""


def facts_of(domain: SendingDomain) -> Facts:
    streams = list(Stream.objects.filter(tenant_id=domain.tenant_id))
    marketing = [stream for stream in streams if stream.purpose == Purpose.MARKETING]
    return Facts(
        is_verified=domain.verified_at is not None,
        marketing_without_unsubscribe=tuple(stream.name for stream in marketing if not one_click(stream)),
        has_marketing=bool(marketing),
        without_tls=_without_tls(),
        spam=_complaints([stream.pk for stream in streams]),
    )


def _without_tls() -> dict[str, bool]:
    excepted = set(TlsException.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now())).values_list("match", flat=True))
    if not excepted:
        return {}
    found = {}
    for name, keys in KEYS.items():
        domains = {domain for provider in Provider.objects.filter(key__in=keys) for domain in provider.domains}
        found[name] = bool(excepted & (domains | {f"provider:{key}" for key in keys}))
    return found


def _complaints(streams: list[int]) -> dict[str, tuple[int, int]] | None:
    wanted = {key: name for name, keys in KEYS.items() for key in keys}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {COMPLAINTS_WITHIN_MS}")
            cursor.execute(COMPLAINTS, [streams, list(wanted)])
            found = {wanted[key]: (int(complaints), int(delivered)) for key, complaints, delivered in cursor.fetchall()}
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
            return found
    except OperationalError:  # the statement took too long
        return None
