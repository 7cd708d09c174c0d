"""Fingerprint: one campaign, one number, though every recipient's copy differs a little.

Subject, text and HTML of a tenant's stream without what usually differs: digits, words with an @, what follows ? in an
address. Every step is linear in the text. SHA-256 is what processors do themselves: a third of BLAKE2's time. Pure.
"""

import re
from hashlib import sha256

READ_CHARACTERS = 8_192  # of each part: the beginning tells campaigns apart
_QUERY = re.compile(r"\?[^\s\"'<>]+")
_DIGITS = b"0123456789"


def fingerprint(tenant_id: int, stream_id: int, *parts: str | None) -> int:
    """A number of 63 bits, as PostgreSQL's bigint holds it."""
    read = [_normal((part or "")[:READ_CHARACTERS]) for part in parts]
    digest = sha256(b"\0".join((b"%d %d" % (tenant_id, stream_id), *read))).digest()
    return int.from_bytes(digest[:8], "big") & (2**63 - 1)


def _normal(text: str) -> bytes:
    if "@" in text:
        text = " ".join(word for word in text.split(" ") if "@" not in word)
    if "?" in text:
        text = _QUERY.sub("?", text)
    return text.encode("utf-8", "replace").translate(None, _DIGITS)
