"""Destination: where a DNS zone's changes go, as a value; and what became of a change there.

The secret is decrypted when it is needed and is not shown by anything that prints this.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from mailplatform.shell.secrets import CannotDecrypt, decrypt
from monitoring.dns.models import DnsZone
from monitoring.dns.records import Values


class Outcome(StrEnum):
    TAKEN = "taken"
    IN_THE_WAY = "in the way"  # what is there is not what had to be there
    REFUSED = "refused"  # and would be again, until somebody changes something
    UNKNOWN = "unknown"  # no answer: it may have been taken, and may not


@dataclass(frozen=True, slots=True)
class Pushed:
    outcome: Outcome
    says: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    zone: str
    way: str
    server: str
    port: int
    key_name: str
    key_algorithm: str
    provider: str
    timeout_s: float
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One change. `before` None: whatever is there."""

    name: str
    kind: str
    ttl_s: int
    before: Values | None
    after: Values


def destination_of(row: DnsZone) -> Destination | Pushed:
    """Where to, or why not."""
    try:
        secret = decrypt(row.secret_encrypted).decode() if row.secret_encrypted else ""
    except CannotDecrypt as cannot:
        return Pushed(Outcome.REFUSED, str(cannot))
    return Destination(row.name, row.way, row.server, row.port, row.key_name, row.key_algorithm, row.provider, row.timeout_ms / 1000, secret)


def values(texts: Iterable[str] | None) -> Values | None:
    """As JSON gives them back."""
    return None if texts is None else tuple(sorted(texts))
