"""Which addresses may be connected to. Pure; asked with the very address that the socket then connects to.

Sandbox: loopback, and nothing else, whatever is configured. Live: the public internet, and what an operator allows by name
of a network; what a stranger names (an MX record, a webhook) must not lead into our own network.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

Network = IPv4Network | IPv6Network

# Python's is_global says yes to some of these: they wrap or relay an IPv4 address that it does not look at.
NEVER_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(net)
    for net in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "192.0.0.0/24",  # RFC 6890
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "198.18.0.0/15",  # benchmarks, RFC 2544
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible, RFC 4291
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated, RFC 2765
        "64:ff9b::/96",  # NAT64, RFC 6052
        "64:ff9b:1::/48",  # local NAT64, RFC 8215
        "100::/64",  # discard, RFC 6666
        "2001::/32",  # Teredo, RFC 4380
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, RFC 3056
        "fec0::/10",  # site-local, RFC 3879
    )
)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`allowed` are networks that an operator named; they widen live mode and never the sandbox."""

    mode: Literal["sandbox", "live"]
    allowed: Sequence[Network] = ()

    @classmethod
    def of(cls, mode: str, allowed: Iterable[str] = ()) -> "AddressPolicy":
        """From settings: anything but the word `live` is the sandbox."""
        return cls("live" if mode == "live" else "sandbox", tuple(ip_network(net) for net in allowed))

    def refusal(self, address: str) -> str | None:
        """Why this address may not be connected to, or None when it may."""
        try:
            ip = ip_address(address)
        except ValueError:
            return "it is not an IP address"
        if isinstance(ip, IPv6Address) and ip.scope_id is not None:
            return "it has a scope"
        if self.mode == "sandbox":
            return None if ip.is_loopback and not _is_mapped(ip) else "the sandbox connects to loopback only"
        if any(ip in net for net in self.allowed if net.version == ip.version):
            return None
        return None if _is_public(ip) else "it is not a public address"


def _is_mapped(ip: IPv4Address | IPv6Address) -> bool:
    return isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback or ip.is_link_local or ip.is_private
    return ip.is_global and not special and not any(ip in net for net in NEVER_PUBLIC if net.version == ip.version)


def stays_here(host: str) -> bool:
    """Whether a host, as an address book has it, is this machine's own: loopback, or a folder of Unix sockets (also libpq's default, an empty one)."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
