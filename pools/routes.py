"""Static routes: an operator's word on where mail goes, like a transport map.

Owns: what `match` means: a domain, `provider:key`, or `*`. Promises: pure; a domain beats its provider beats everything; a route to
everything without TLS is allowed to loopback and private hosts only. Never: resolves names, decrypts.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

EVERYTHING = "*"
PROVIDER = "provider:"
_NAME = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_KEY = re.compile(r"[a-z0-9:_.,@~-]{1,250}", re.ASCII)
_PRIVATE = tuple(ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))  # RFC 1918, RFC 4193
_LOCAL_NAMES = ("localhost", ".localhost")


class RouteRow(Protocol):
    """What of a StaticRoute row is needed here."""

    match: str
    host: str
    port: int
    tls: str
    username: str
    password_encrypted: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Route:
    """Where mail goes instead of to the domain's MX. The password stays encrypted until the connection needs it."""

    match: str
    host: str
    port: int
    tls: str
    username: str = ""
    password_encrypted: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, row: RouteRow) -> "Route":
        return cls(row.match, row.host, row.port, row.tls, row.username, bytes(row.password_encrypted))


def routes_of(rows: Iterable[RouteRow]) -> dict[str, Route]:
    """The routes by what they match."""
    return {row.match: Route.of(row) for row in rows}


def route_for(domain: str, provider_key: str | None, routes: Mapping[str, Route]) -> Route | None:
    """The route for a recipient's domain; `provider_key` None when the domain is not sorted yet."""
    if not routes:
        return None
    by_provider = routes.get(PROVIDER + provider_key) if provider_key else None
    return routes.get(domain.strip(".").lower()) or by_provider or routes.get(EVERYTHING)


def problem_with(match: str, host: str, port: int, tls: str, username: str = "") -> str | None:
    """Why an operator's route cannot be, in one sentence; None when it can."""
    if match != EVERYTHING and not _matches_something(match):
        return f"'{match}' is no domain, provider:KEY or '*'."
    if not (is_address(host) or _NAME.fullmatch(host.lower())):
        return f"'{host}' is no host name or address."
    if not 1 <= port <= 65_535:
        return f"{port} is no port; ports go from 1 to 65535."
    if tls not in ("none", "required", "verified"):
        return f"TLS is none, required or verified, not '{tls}'."
    if tls == "none" and match == EVERYTHING and not is_local(host):
        return f"Everything without TLS goes to loopback or private hosts only, and '{host}' is neither: use --tls required."
    if tls == "none" and username and not is_local(host):
        return "A password is never sent without TLS beyond loopback and private hosts."
    return None


def is_local(host: str) -> bool:
    """Whether a host is loopback or private by its name or address alone; other names are not, wherever they lead today."""
    if not is_address(host):
        return host.lower() == _LOCAL_NAMES[0] or host.lower().endswith(_LOCAL_NAMES[1])
    address = ipaddress.ip_address(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or any(address.version == net.version and address in net for net in _PRIVATE)


def _matches_something(match: str) -> bool:
    if match.startswith(PROVIDER):
        return _KEY.fullmatch(match.removeprefix(PROVIDER)) is not None
    return match == match.lower() and _NAME.fullmatch(match) is not None and "." in match


def is_address(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
