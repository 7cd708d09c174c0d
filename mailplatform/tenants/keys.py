"""API keys: made, recognised, forgotten.

A key is `mp_<8 characters>_<43 characters>`: the first 11 are the prefix, shown to recognise it and unique in the table; of the
whole only SHA-256 is kept (256 random bits need no slow hash). Owns: ApiKey rows. Promises: a revoked, expired or changed key
stops working within CACHE_S in every process; comparison takes the same time wherever it differs. Never: logs or stores a key.
"""

import hmac
import secrets
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from django.db.models import Q

from mailplatform.shell.clock import now
from mailplatform.tenants.models import ApiKey, Tenant

PREFIX_LENGTH = len("mp_") + 8
CACHE_S = 3.0
USED_EVERY = timedelta(minutes=1)
_ALPHABET = string.ascii_letters + string.digits


class Scope(StrEnum):
    """What a key may do."""

    SEND = "messages:send"
    READ = "messages:read"
    SUPPRESSIONS = "suppressions"
    DOMAINS = "domains"
    WEBHOOKS = "webhooks"


ALL_SCOPES = tuple(Scope)


class Refused(StrEnum):
    """Why a key does not open the door; the sentence that its holder reads."""

    UNKNOWN = "The key is not known. It reads mp_…_… and goes into the header Authorization: Bearer KEY."
    REVOKED = "The key was revoked."
    EXPIRED = "The key has expired."
    NETWORK = "The key may not be used from this network address."


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the API needs it: no model object travels."""

    id: int
    prefix: str
    secret_hash: str
    tenant_id: int
    tenant_name: str
    tenant_state: str
    scopes: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def make_key(
    tenant: Tenant,
    name: str,
    scopes: Sequence[str] = ALL_SCOPES,
    *,
    allowed_networks: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key's row, and the key itself: the only time that anybody sees it."""
    prefix, plain = new_plain_key()
    fields = {"scopes": [str(Scope(scope)) for scope in scopes], "allowed_networks": checked_networks(allowed_networks), "expires_at": expires_at}
    return ApiKey.objects.create(tenant=tenant, name=name, prefix=prefix, secret_hash=hash_of(plain), **fields), plain


def checked_networks(networks: Sequence[str]) -> list[str]:
    """CIDR networks in their usual spelling; ValueError for what is none."""
    return [str(ip_network(network, strict=False)) for network in networks]


def new_plain_key() -> tuple[str, str]:
    """(prefix, key)"""
    prefix = "mp_" + "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return prefix, f"{prefix}_{secrets.token_urlsafe(32)}"


def hash_of(plain: str) -> str:
    return sha256(plain.encode()).hexdigest()


def revoke(key: ApiKey) -> None:
    """Stop it from working, everywhere within CACHE_S and in this process at once."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now())
    _cache.pop(key.prefix, None)


def recognise(plain: str, address: str, at: datetime) -> Key | Refused:
    """Whose key this is, when it may be used from this address now."""
    key = _find(plain[:PREFIX_LENGTH]) if plain.isascii() and len(plain) <= 100 else None
    if key is None or not hmac.compare_digest(key.secret_hash, hash_of(plain)):
        return Refused.UNKNOWN
    return _if_it_opens(key, address, at)


def recall(key: Key, address: str, at: datetime) -> Key | Refused:
    """A key that was recognised before, as it is now: for whoever stays connected."""
    now_is = _find(key.prefix)
    return _if_it_opens(now_is, address, at) if now_is and now_is.secret_hash == key.secret_hash else Refused.REVOKED


def _if_it_opens(key: Key, address: str, at: datetime) -> Key | Refused:
    if key.revoked_at and key.revoked_at <= at:
        return Refused.REVOKED
    if key.expires_at and key.expires_at <= at:
        return Refused.EXPIRED
    if key.networks and not _is_within(address, key.networks):
        return Refused.NETWORK
    return key


def _is_within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        where = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(where, "ipv4_mapped", None)
    return any(each.version == place.version and place in each for each in networks for place in (mapped or where,))


# The key of every request is looked up here: a few seconds old is fresh enough, and saves a query a request.
_cache: dict[str, tuple[float, Key]] = {}
_used: dict[int, datetime] = {}
_CACHE_SIZE = 10_000


def forget_cached() -> None:
    """For tests, and for whoever just changed keys in this process."""
    _cache.clear()
    _used.clear()


def _find(prefix: str) -> Key | None:
    known = _cache.get(prefix)
    if known and time.monotonic() - known[0] < CACHE_S:
        return known[1]
    row = ApiKey.objects.select_related("tenant").filter(prefix=prefix).first()
    if row is None:
        _cache.pop(prefix, None)
        return None
    if len(_cache) >= _CACHE_SIZE:
        _cache.clear()
    key = _of_row(row)
    _cache[prefix] = (time.monotonic(), key)
    return key


def _of_row(row: ApiKey) -> Key:
    return Key(
        id=row.pk,
        prefix=row.prefix,
        secret_hash=row.secret_hash,
        tenant_id=row.tenant_id,
        tenant_name=row.tenant.name,
        tenant_state=row.tenant.state,
        scopes=frozenset(row.scopes),
        networks=tuple(ip_network(network, strict=False) for network in row.allowed_networks),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def note_use(key: Key, at: datetime) -> None:
    """Remember that the key was used, to the minute: at most one UPDATE a minute and process."""
    last = _used.get(key.id) or key.last_used_at
    if last is not None and timedelta() <= at - last < USED_EVERY:
        return
    if len(_used) >= _CACHE_SIZE:
        _used.clear()
    _used[key.id] = at
    ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=at - USED_EVERY), pk=key.id).update(last_used_at=at)
