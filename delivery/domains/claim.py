"""A tenant claims a domain: which names may be claimed, and what is made at once.

Promises: claiming tells nothing about other tenants: who else claims or has verified a name is found out by proving to own it, not by asking for it.
A subdomain is another domain, with a proof of its own: a record below `a.example` is written by who runs that zone, or whom they let. The names that strangers
register under (public suffixes), and our own return path, are nobody's.
"""

from django.conf import settings
from django.db import transaction

from delivery.domains.keys import add_keys
from delivery.domains.orgs import is_public_suffix
from delivery.sort.domains import ascii_domain
from mailplatform.tenants.models import DOMAIN, SendingDomain

MOST_UNVERIFIED = 50  # each has keys, which cost a processor's time to make, and is asked for again and again
MOST = 2000
MOST_ROTATE_DAYS = 730


class CannotClaim(Exception):
    """Why not, for people."""


def readable_name(given: str) -> str:
    """The name as it is kept: lower case, A-labels."""
    name = ascii_domain(given[:300])
    if name is None or not _is_domain(name):
        raise CannotClaim("It is no domain name, like mail.example.com.")
    if is_public_suffix(name):
        raise CannotClaim(f"{name} is a name that strangers register under: nobody's to send from.")
    if _within(name, settings.RETURN_PATH_DOMAIN) or (settings.DKIM_ZONE and _within(name, settings.DKIM_ZONE)):
        raise CannotClaim(f"{name} belongs to this platform.")
    return name


def readable_return_path(given: str, name: str) -> str:
    """A name below the domain; empty: the platform's."""
    if not given.strip():
        return ""
    host = ascii_domain(given[:300])
    if host is None or not _is_domain(host) or host == name or not _within(host, name):
        raise CannotClaim(f"It is a name below {name}, like bounces.{name}.")
    return host


def claim(tenant_id: int, given: str, return_path: str = "") -> tuple[SendingDomain, bool]:
    """The tenant's domain of this name, and whether it is new. A new one has keys that wait for their records."""
    name = readable_name(given)
    host = readable_return_path(return_path, name)
    if known := SendingDomain.objects.filter(tenant_id=tenant_id, name=name).first():
        return known, False
    mine = SendingDomain.objects.filter(tenant_id=tenant_id)
    if mine.filter(verified_at=None).count() >= MOST_UNVERIFIED or mine.count() >= MOST:
        raise CannotClaim(f"There are {MOST_UNVERIFIED} domains that are not verified already; verify or delete some first.")
    with transaction.atomic():
        domain, is_new = SendingDomain.objects.get_or_create(tenant_id=tenant_id, name=name, defaults={"return_path_host": host})
        if is_new:
            add_keys(domain)
    return domain, is_new


def _is_domain(name: str) -> bool:
    return DOMAIN.regex.fullmatch(name) is not None  # type: ignore[union-attr]


def _within(name: str, zone: str) -> bool:
    return f".{name}".endswith(f".{zone.lower()}")
