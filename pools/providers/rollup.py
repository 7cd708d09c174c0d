"""Roll-up: which provider a domain's mail goes to, told from its MX hosts.

Owns: the index from MX suffixes to providers. Promises: the longest suffix of the most preferred host wins, in any case and with or
without a trailing dot; the same MX set gives the same key, whatever the order of its hosts. Only when no suffix matches do a
provider's own domains count: a listed domain may have moved (comcast.net's mailboxes go to Yahoo), its MX says so first. A
domain of no provider is its MX set: "mx:" and the hosts' registrable domains. Never: asks DNS or the database.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Protocol

from publicsuffixlist import PublicSuffixList

from pools.providers.shipped import SITE, per_site

TAIL = "mx:"
KEY_LIMIT = 255  # pools.models.Provider.key


class ProviderRow(Protocol):
    """What of a Provider row is needed here."""

    key: str
    mx_suffixes: list[str]
    domains: list[str]
    is_tail: bool


class Catalogue:
    """The providers' index; build one from the rows and keep it until the rows change."""

    def __init__(self, rows: Iterable[ProviderRow]) -> None:
        self._by_suffix: dict[str, str] = {}
        self._by_domain: dict[str, str] = {}
        for row in rows:
            if row.is_tail:
                continue
            self._by_suffix.update((_plain(suffix), row.key) for suffix in row.mx_suffixes)
            self._by_domain.update((_plain(domain), row.key) for domain in row.domains)
        self._per_site = {key for key in set(self._by_suffix.values()) if per_site(key)}

    @classmethod
    def from_rows(cls, rows: Iterable[ProviderRow]) -> "Catalogue":
        return cls(rows)

    def provider_of(self, domain: str, hosts: Sequence[str]) -> str:
        """The key of the provider that takes this domain's mail; hosts in order of preference."""
        names = [_plain(host) for host in hosts]
        if names and (key := self._by_host(names[0])):
            return f"{key}{SITE}{_site(names[0])}" if key in self._per_site else key
        return self._by_domain.get(_plain(domain)) or tail_key(names or [_plain(domain)])

    def _by_host(self, host: str) -> str | None:
        while host:
            if key := self._by_suffix.get(host):
                return key
            host = host.partition(".")[2]
        return None


def tail_key(hosts: Iterable[str]) -> str:
    """The long tail's key: the registrable domains of the MX hosts, each once, sorted; a very long list ends in its hash."""
    names = ",".join(sorted({_registrable(_plain(host)) for host in hosts}))
    if len(names) > KEY_LIMIT - len(TAIL):
        digest = hashlib.sha256(names.encode()).hexdigest()[:16]
        names = f"{names[: KEY_LIMIT - len(TAIL) - len(digest) - 1]}~{digest}"
    return TAIL + names


def name_of_tail(key: str) -> str:
    """What people read for a provider that is only its MX set, or a region of one."""
    return key.removeprefix(TAIL).replace(SITE, ", ")[:120]


def _plain(name: str) -> str:
    return name.strip(".").lower()


def _site(host: str) -> str:
    """The region in a host's name: eu-smtp-inbound-1.mimecast.com is eu's."""
    return host.partition(".")[0].partition("-")[0]


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=50_000)
def _registrable(host: str) -> str:
    """The host's registrable domain; the host itself where the public suffix list knows none."""
    return str(_suffixes().privatesuffix(host) or host)
