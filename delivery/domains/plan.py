"""What is known of a sending domain before DNS is asked: a value, and the one place that loads it.

The sending IPs are those of the pools that the tenant's streams point at, with their fallbacks; at most MOST_IPS are looked at one by one.
"""

from dataclasses import dataclass

from django.conf import settings

from delivery.domains.keys import KeyState, state_of
from mailplatform.shell.clock import now
from mailplatform.tenants.models import SendingDomain
from pools.models import Pool, SendingIP, Stream
from pools.purposes import Purpose

MOST_IPS = 60
OWNERSHIP_LABEL = "_mailplatform"


@dataclass(frozen=True, slots=True)
class KeyPlan:
    id: int
    selector: str
    algorithm: str
    record: str
    state: KeyState


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """A sending IP and the name that it says in EHLO."""

    address: str
    ehlo_name: str


@dataclass(frozen=True, slots=True)
class StreamPlan:
    name: str
    purpose: int
    one_click: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """`own_return_path` is the name below the domain that the tenant chose; it is used only while `own_return_path_used`."""

    domain_id: int
    tenant_id: int
    name: str
    token: str
    is_verified: bool
    keys: tuple[KeyPlan, ...]
    ips: tuple[OwnAddress, ...]
    ips_in_all: int
    streams: tuple[StreamPlan, ...]
    return_path: str
    own_return_path: str
    own_return_path_used: bool
    dkim_zone: str

    @property
    def ownership_name(self) -> str:
        return f"{OWNERSHIP_LABEL}.{self.name}"

    @property
    def ownership_value(self) -> str:
        return f"mailplatform-verify={self.token}"


def plan_of(domain: SendingDomain) -> Plan:
    streams = Stream.objects.filter(tenant_id=domain.tenant_id).order_by("name")
    ips = SendingIP.objects.filter(pools__in=_pools(domain.tenant_id)).distinct().order_by("id")
    return Plan(
        domain_id=domain.pk,
        tenant_id=domain.tenant_id,
        name=domain.name,
        token=domain.ownership_token,
        is_verified=domain.verified_at is not None,
        keys=tuple(
            KeyPlan(key.pk, key.selector, key.algorithm, key.public_record, state_of(key, now()))
            for key in domain.dkim_keys.defer("private_encrypted").order_by("-active", "created_at", "selector")
        ),
        ips=tuple(OwnAddress(str(ip.address), ip.ehlo_name) for ip in ips[:MOST_IPS]),
        ips_in_all=ips.count(),
        streams=tuple(StreamPlan(stream.name, stream.purpose, one_click(stream)) for stream in streams),
        return_path=settings.RETURN_PATH_DOMAIN,
        own_return_path=domain.return_path_host,
        own_return_path_used=bool(domain.return_path_host and domain.return_path_seen_at),
        dkim_zone=settings.DKIM_ZONE,
    )


def one_click(stream: Stream) -> bool:
    """Whether its mail carries unsubscribe links: its own choice, else marketing does."""
    chosen = stream.one_click_unsubscribe
    return stream.purpose == Purpose.MARKETING if chosen is None else chosen


def _pools(tenant_id: int) -> list[int]:
    """Pools that this tenant's mail may leave from. A fallback may have one of its own; circles end."""
    found: set[int] = set()
    asked = set(Stream.objects.filter(tenant_id=tenant_id).values_list("pool_id", flat=True))
    while asked:
        found |= asked
        asked = set(Pool.objects.filter(pk__in=asked, fallback__isnull=False).values_list("fallback_id", flat=True)) - found
    return sorted(found)
