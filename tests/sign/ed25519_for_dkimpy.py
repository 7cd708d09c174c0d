"""dkimpy verifies Ed25519 through PyNaCl. Where that is not installed, this lends it the curve of `cryptography`; all else stays dkimpy's."""

import base64
import types

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class BadSignatureError(Exception):
    pass


class _VerifyKey:
    def __init__(self, key: bytes, encoder: object = None) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

    def verify(self, message: bytes, signature: bytes) -> bytes:
        try:
            self._key.verify(signature, message)
        except InvalidSignature as exc:
            raise BadSignatureError from exc
        return message


def lend() -> None:
    if not hasattr(dkim, "nacl"):
        dkim.nacl = types.SimpleNamespace(  # type: ignore[attr-defined]
            signing=types.SimpleNamespace(VerifyKey=_VerifyKey),
            encoding=types.SimpleNamespace(Base64Encoder=None),
            exceptions=types.SimpleNamespace(BadSignatureError=BadSignatureError),
        )
