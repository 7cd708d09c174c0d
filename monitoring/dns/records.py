"""Records: values of a set in one form, so that what was wanted and what a server says compare. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Values = tuple[str, ...]


class NotAValue(ValueError):
    """In words."""


def value_of(kind: str, text: str) -> str:
    """An address, or a preference and a whole name: `10 mx1.example.com.`"""
    text = text.strip()
    try:
        match kind:
            case "A":
                return str(IPv4Address(text))
            case "AAAA":
                return str(IPv6Address(text))
        preference, host = text.split()
        name = dns.name.from_text(host).to_text().lower()
        if name == "." or not 0 <= int(preference) <= 65535:
            raise ValueError
    except (ValueError, dns.exception.DNSException):
        forms = {"A": "an IPv4 address", "AAAA": "an IPv6 address", "MX": "a preference and a host, like 10 mx1.example.com."}
        raise NotAValue(f"'{text[:80]}' is not {forms[kind]}.") from None
    return f"{int(preference)} {name}"


def values_of(kind: str, texts: Iterable[str]) -> Values:
    return tuple(sorted({value_of(kind, text) for text in texts}))


def rdatas(kind: str, values: Iterable[str]) -> list[dns.rdata.Rdata]:
    return [dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), value) for value in values]


def values_in(kind: str, rrset: dns.rrset.RRset | None) -> Values:
    return values_of(kind, (rdata.to_text() for rdata in rrset)) if rrset is not None else ()


def relative_name(name: str, zone: str) -> dns.name.Name:
    """The name as the zone knows it. NotAValue: it is not in that zone."""
    try:
        whole, apex = dns.name.from_text(name), dns.name.from_text(zone)
    except dns.exception.DNSException as error:
        raise NotAValue(f"'{name[:80]}' is not a name: {error}") from None
    if not whole.is_subdomain(apex):
        raise NotAValue(f"{name} is not in the zone {zone}.")
    return whole
