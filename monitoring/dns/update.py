"""Update: a change of a record set as an RFC 2136 message. Pure but for the TSIG clock.

Promises: the message replaces the set only if it is what we know it to be (prerequisites, RFC 2136 §2.4): somebody else's edit is met with a refusal, never
overwritten; replacing and publishing are one message, so no moment has an empty set. Never: an update that leaves nothing.
"""

from collections.abc import Iterable

import dns.exception
import dns.name
import dns.rdatatype
import dns.tsig
import dns.update

from monitoring.dns.records import NotAValue, rdatas, relative_name


class BadKey(ValueError):
    """The secret is not what a TSIG key is made of."""


def key_of(name: str, secret: str, algorithm: str) -> dns.tsig.Key:
    try:
        return dns.tsig.Key(dns.name.from_text(name), secret, algorithm)
    except (ValueError, dns.exception.DNSException):
        raise BadKey("The TSIG key's secret is not base64, or its name is no name: enter both again.") from None


def update_message(
    zone: str, name: str, kind: str, ttl_s: int, before: Iterable[str] | None, after: Iterable[str], key: dns.tsig.Key | None = None
) -> dns.update.UpdateMessage:
    """`before` is what must be there: nothing when it is empty, anything when it is None."""
    new = rdatas(kind, after)
    if not new:
        raise NotAValue("An empty set is never published.")
    owner, rdtype = relative_name(name, zone), dns.rdatatype.from_text(kind)
    message = dns.update.UpdateMessage(dns.name.from_text(zone))
    if before is not None:
        expected = rdatas(kind, before)
        if expected:
            message.present(owner, *expected)  # "RRset exists (value dependent)", §2.4.2
        else:
            message.absent(owner, rdtype)  # "RRset does not exist", §2.4.3
    message.delete(owner, rdtype)
    for rdata in new:
        message.add(owner, ttl_s, rdata)
    if key is not None:
        message.use_tsig({key.name: key}, key.name, algorithm=key.algorithm)
    return message


def preview(zone: str, name: str, kind: str, ttl_s: int, before: Iterable[str] | None, after: Iterable[str]) -> str:
    """The update as nsupdate would be told it (BIND's nsupdate(1)); without the key."""
    owner = relative_name(name, zone).to_text()
    lines = [f"zone {dns.name.from_text(zone).to_text()}"]
    if before is not None:
        known = list(before)
        lines += [f"prereq yxrrset {owner} {kind} {value}" for value in known] or [f"prereq nxrrset {owner} {kind}"]
    lines.append(f"update delete {owner} {kind}")
    lines += [f"update add {owner} {ttl_s} {kind} {value}" for value in after]
    return "\n".join([*lines, "send"])
