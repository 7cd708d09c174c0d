"""Tokens of unsubscribe links: a delivery's id and 80 bits of HMAC-SHA-256 over it, in hexadecimal.

The same in a URL and in an address (`u-TOKEN@…`: mail hosts change the case of local parts), so no row is kept for a token. The label in the MAC keeps
it apart from return paths: one never opens the other's door. Reading never raises and always computes one MAC. Pure.
"""

import hmac
import re
from uuid import UUID

MAC_BYTES = 10
LENGTH = 2 * (16 + MAC_BYTES)
_FORM = re.compile(rf"[0-9a-f]{{{LENGTH}}}", re.ASCII)
_NOBODY = bytes(16)


def token_of(delivery_id: UUID, secret: bytes) -> str:
    identity = delivery_id.bytes
    return (identity + _mac(identity, secret)).hex()


def read_token(token: str, secret: bytes) -> UUID | None:
    """The delivery whose link this is; None when we did not make it."""
    lower = token.lower()
    given = bytes.fromhex(lower) if _FORM.fullmatch(lower) else bytes(16 + MAC_BYTES)
    identity, mac = given[:16], given[16:]
    return UUID(bytes=identity) if hmac.compare_digest(mac, _mac(identity, secret)) and identity != _NOBODY else None


def _mac(identity: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, b"unsubscribe:" + identity, "sha256")[:MAC_BYTES]
