"""Return paths that name their delivery and prove that we made them (VERP).

`b-<26 characters>-<16 characters>@domain`: the delivery's id and 80 bits of HMAC-SHA-256 over it, in base32, since mail hosts
change the case of local parts. Promises: 45 octets before the @ (RFC 5321 allows 64); one delivery has one address; reading never
raises and takes no notice of forgeries. Pure.
"""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

TAG = "b"
MAC_BYTES = 10
ID_CHARS = 26  # base32 of 16 octets without padding
MAC_CHARS = 16


def return_path(delivery_id: UUID, secret: bytes, domain: str) -> str:
    return f"{TAG}-{_encoded(delivery_id.bytes)}-{_encoded(_mac(delivery_id.bytes, secret))}@{domain}"


def read_return_path(address: str, secret: bytes, domain: str) -> UUID | None:
    """The delivery that this address was made for; None when it is not one of ours."""
    local, _, host = address.strip().strip("<>").lower().rpartition("@")
    parts = local.split("-")
    if host.rstrip(".") != domain.lower() or len(parts) != 3 or parts[0] != TAG or (len(parts[1]), len(parts[2])) != (ID_CHARS, MAC_CHARS):
        return None
    try:
        identity, mac = _decoded(parts[1], 6), _decoded(parts[2], 0)
    except (binascii.Error, ValueError):
        return None
    genuine = hmac.compare_digest(mac, _mac(identity, secret)) and _encoded(identity) == parts[1]
    return UUID(bytes=identity) if genuine else None


def _mac(identity: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"return-path:" + identity, hashlib.sha256)[:MAC_BYTES]


def _encoded(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def _decoded(text: str, padding: int) -> bytes:
    return base64.b32decode(text.upper() + "=" * padding)
