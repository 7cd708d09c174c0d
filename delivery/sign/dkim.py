"""DKIM (RFC 6376), relaxed/relaxed: the hash of a body, made once when it is composed and signed with every header."""

import re
from hashlib import sha256

_SPACE = re.compile(rb"[ \t]+")


def body_hash(body: bytes) -> bytes:
    """SHA-256 of the body canonicalised as relaxed (RFC 6376 §3.4.4): what stands in bh=."""
    if b"\t" in body or b"  " in body:
        body = _SPACE.sub(b" ", body)
    body = body.replace(b" \r\n", b"\r\n")
    while body.endswith(b"\r\n"):
        body = body[:-2] if not body.endswith(b"\r\n\r\n") else body.rstrip(b"\r\n")
    return sha256(body + b"\r\n" if body else b"").digest()
