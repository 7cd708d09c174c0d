"""MTA-STS (RFC 8461): what a domain's TXT record and policy file say, and which mail hosts a policy names. Pure.

Promises: total, whatever a stranger publishes; a policy is understood whole or not at all. Never: asks DNS, fetches, keeps.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

LONGEST_MAX_AGE_S = 31_557_600  # RFC 8461 §3.2
MOST_MX = 200
_RECORD = "v=STSv1;"
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_MAX_AGE = re.compile(r"[0-9]{1,10}")
_PATTERN = re.compile(r"(?=.{1,253}\Z)(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class Mode(StrEnum):
    """What a policy asks of senders (RFC 8461 §5)."""

    ENFORCE = "enforce"
    TESTING = "testing"  # deliver all the same, and tell
    NONE = "none"  # the domain takes its policy back


@dataclass(frozen=True, slots=True)
class Policy:
    """`mx` are the patterns of hosts that may take the domain's mail; `max_age_s` how long that may be believed."""

    id: str
    mode: Mode
    mx: tuple[str, ...]
    max_age_s: int

    def names(self, host: str) -> bool:
        """Whether a mail host matches; a wildcard stands for exactly one label (RFC 8461 §4.1)."""
        host = host.rstrip(".").lower()
        parent = "*." + host.partition(".")[2]
        return any(pattern in (host, parent) for pattern in self.mx)

    def outside(self, hosts: Iterable[str]) -> tuple[str, ...]:
        """The hosts that it does not name."""
        return tuple(host for host in hosts if not self.names(host))


class Unreadable(ValueError):
    """Not a policy; the text says why."""


def record_id(texts: Iterable[str]) -> str | None:
    """The policy's id in a domain's TXT records; None where there is no record, more than one, or one that is malformed (RFC 8461 §3.1)."""
    records = [text for text in texts if text.startswith(_RECORD)]
    if len(records) != 1:
        return None
    fields = [field.strip(" \t").partition("=") for field in records[0].split(";")[1:]]
    ids = [value for name, _, value in fields if name == "id"]
    return ids[0] if len(ids) == 1 and _ID.fullmatch(ids[0]) else None


def read_policy(body: bytes, policy_id: str) -> Policy:
    """A policy file (RFC 8461 §3.2): lines of `key: value`; unknown keys are skipped, of repeated ones the first counts, mx may repeat."""
    fields: dict[str, str] = {}
    mx: list[str] = []
    for line in _text(body).split("\n"):
        name, colon, value = line.strip(" \t\r").partition(":")
        name, value = name.strip(" \t"), value.strip(" \t")
        if colon and name == "mx":
            mx.append(value.lower().rstrip("."))
        elif colon:
            fields.setdefault(name, value)
    return _checked(fields, tuple(dict.fromkeys(mx)), policy_id)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8") from None


def _checked(fields: dict[str, str], mx: tuple[str, ...], policy_id: str) -> Policy:
    if fields.get("version") != "STSv1":
        raise Unreadable("its version is not STSv1")
    if fields.get("mode") not in tuple(Mode):
        raise Unreadable("its mode is none of enforce, testing, none")
    if not _MAX_AGE.fullmatch(fields.get("max_age", "")):
        raise Unreadable("its max_age is no number of seconds")
    mode = Mode(fields["mode"])
    if mode is not Mode.NONE and not mx:
        raise Unreadable("it names no mail host")
    if len(mx) > MOST_MX or not all(_PATTERN.fullmatch(pattern) for pattern in mx):
        raise Unreadable("its mail hosts are no host names" if len(mx) <= MOST_MX else "it names too many mail hosts")
    return Policy(policy_id, mode, mx, min(int(fields["max_age"]), LONGEST_MAX_AGE_S))
