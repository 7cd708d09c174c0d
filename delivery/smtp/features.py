"""What a peer can do, read from its answer to EHLO (RFC 5321 §4.1.1.1)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Features:
    """Capabilities that change what we write. `size_limit` is None where the peer names none (RFC 1870 §5)."""

    pipelining: bool = False
    size: bool = False
    size_limit: int | None = None
    eightbit: bool = False
    smtputf8: bool = False


def features_of(extensions: Mapping[str, str]) -> Features:
    """From keyword (lower case) to parameters, as aiosmtplib reads them."""
    limit = extensions.get("size", "").split(" ", 1)[0]
    sane = limit.isascii() and limit.isdigit() and len(limit) <= 15 and int(limit) > 0
    return Features(
        pipelining="pipelining" in extensions,
        size="size" in extensions,
        size_limit=int(limit) if sane else None,
        eightbit="8bitmime" in extensions,
        smtputf8="smtputf8" in extensions,
    )
