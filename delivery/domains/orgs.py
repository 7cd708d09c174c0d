"""Organizational domains (RFC 7489 §3.2) by the public suffix list, and whether two names are aligned. Pure; the list comes with its package."""

from functools import lru_cache

from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=10_000)
def organizational_domain(name: str) -> str:
    """The public suffix and one label more; the name itself where there is no such thing."""
    found = _suffixes().privatesuffix(name.rstrip(".").lower())
    return str(found) if found else name.rstrip(".").lower()


def is_public_suffix(name: str) -> bool:
    """Under which strangers register names: nobody's to send from."""
    return bool(_suffixes().is_public(name.rstrip(".").lower()))


def aligned(name: str, from_domain: str, strict: bool) -> bool:
    if strict:
        return name.lower() == from_domain.lower()
    return organizational_domain(name) == organizational_domain(from_domain)
