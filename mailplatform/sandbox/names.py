"""Who hosts which domain: the map of the simulated world, computed and never stored.

Real names of the big providers; every *.example and *.test domain; `<anything>.gmail.test` is hosted at Gmail (so for each
provider's label); data/places.json forces behaviours (`nullmx.test`, `dead.test`, and every name below them). All else does
not exist. Pure: the same name gives the same answer in every run.
"""

import functools
import hashlib
from dataclasses import dataclass, field
from typing import Any

from .habits import BIG, SMALL, Profile, load, places

# Of a hundred .example and .test domains: so many at a big provider's hosting, the rest have a small server of their own.
_HOSTED = (("gmail", 8), ("microsoft365", 16), ("yahoo", 18), ("icloud", 19), ("gmx", 20))
_TAILS = (".example", ".test")


@dataclass(frozen=True, slots=True)
class Site:
    """Where a domain's mail goes. `key` is whose limits count: a provider's name, or the domain of a small server."""

    key: str
    profile: Profile
    mx: tuple[tuple[int, str], ...]  # (preference, host)
    dns: str = "mx"  # mx implicit_mx null_mx nxdomain servfail silent no_address address first_dead v6
    server: str = ""  # how its server differs: silent reset no_tls bad_tls …
    address: str = ""  # for dns=address and first_dead: where its MX points
    place: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)


def normal(name: str) -> str:
    """The form in which names are compared."""
    return name.rstrip(".").lower()


def share(text: str) -> float:
    """A number in 0..1 that belongs to this text for ever."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=6).digest()) / 2**48


@functools.lru_cache(maxsize=100_000)
def site_of(domain: str) -> Site | None:
    """The site of a mail domain, or None when the name does not exist."""
    domain = normal(domain)
    for name in BIG:
        profile = load(name)
        if domain in profile.domains:
            return _big(profile, domain, profile.domain_mx.get(domain, profile.mx))
        if domain in profile.hosted_domains or f".{domain}".endswith(f".{profile.label}.test"):
            return _big(profile, domain, profile.hosted_mx)
    last_two = ".".join(domain.split(".")[-2:])
    if last_two in places():
        return _place(domain, dict(places()[last_two]))
    if domain == "example.com":  # the real one publishes a null MX
        return Site(domain, load("postfix"), (), dns="null_mx")
    if not domain.endswith(_TAILS) or domain.endswith(".dnsbl.test"):
        return None
    for kind in SMALL:
        if f".{domain}".endswith(f".{kind}.test"):
            return _small(domain, load(kind))
    point = share(domain) * 100
    for name, below in _HOSTED:
        if point < below:
            return _big(load(name), domain, load(name).hosted_mx)
    return _small(domain, load(SMALL[int(point) % len(SMALL)]))


def _big(profile: Profile, domain: str, mx: tuple[tuple[int, str], ...]) -> Site:
    dashed = domain.replace(".", "-")
    return Site(profile.name, profile, tuple((preference, host.format(dashed=dashed)) for preference, host in mx))


def _small(domain: str, profile: Profile) -> Site:
    second = ((20, f"mx2.{domain}"),) if share(f"second {domain}") < 0.3 else ()
    return Site(domain, profile, ((10, f"mx1.{domain}"), *second))


def _place(domain: str, place: dict[str, Any]) -> Site:
    dns = place.get("dns", "mx")
    host = domain if dns == "implicit_mx" else f"mx1.{domain}"
    hosts: tuple[tuple[int, str], ...] = () if dns in ("null_mx", "nxdomain", "implicit_mx") else ((10, host),)
    if dns == "first_dead":
        hosts = ((10, host), (20, f"mx2.{domain}"))
    return Site(domain, load("postfix"), hosts, dns, place.get("server", ""), place.get("address", ""), place)


@functools.lru_cache(maxsize=100_000)
def site_of_host(host: str) -> Site | None:
    """The site whose mail server this host is, or None."""
    host = normal(host)
    for name in BIG:
        profile = load(name)
        listed = [h for rows in (profile.mx, profile.hosted_mx, *profile.domain_mx.values()) for _, h in rows]
        for pattern in listed:
            if host == pattern or ("{dashed}" in pattern and host.endswith(pattern.removeprefix("{dashed}")) and host.count(".") == pattern.count(".")):
                return Site(profile.name, profile, ((0, host),))
    label, _, parent = host.partition(".")
    if label in ("mx1", "mx2") and (site := site_of(parent)) and host in [h for _, h in site.mx]:
        return site
    site = site_of(host)
    return site if site and site.dns == "implicit_mx" else None
