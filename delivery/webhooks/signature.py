"""Signatures as Standard Webhooks 1.0 has them: `v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`. Pure, but for the dice of a new secret.

While a secret is being replaced both sign; the receiver takes either.
"""

import hmac
import secrets as dice
from base64 import b64decode, b64encode
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification asks for 24 to 64


def new_secret() -> str:
    return PREFIX + b64encode(dice.token_bytes(SECRET_BYTES)).decode()


def signed_headers(secrets: Sequence[str], webhook_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers of a request; the newest secret's signature first."""
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{b64encode(hmac.digest(_key(secret), signed, 'sha256')).decode()}" for secret in secrets),
    }


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(PREFIX))
