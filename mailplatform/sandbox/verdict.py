"""The inbox's own DKIM verifier: dkimpy, with the sandbox's DNS. It shares no code with the platform's signer.

dkimpy needs PyNaCl for Ed25519; that one step is done by `cryptography` here (RFC 8463 §3), everything else by dkimpy.
"""

import base64
import binascii
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_MOST_SIGNATURES = 5
_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())
_log.propagate = False


@dataclass(frozen=True, slots=True)
class Signature:
    """What one DKIM-Signature is worth."""

    passed: bool
    domain: str
    selector: str
    algorithm: str
    why: str  # empty when it passed


def signatures_of(raw: bytes, txt: Callable[[str], list[str]]) -> list[Signature]:
    """The verdict on every signature of a message; none at all when it is not signed."""
    message = _tidy(raw)
    count = min(_MOST_SIGNATURES, sum(1 for name, _ in message.headers if name.lower() == b"dkim-signature"))
    return [_verdict(_tidy(raw), index, txt) for index in range(count)]


def _tidy(raw: bytes) -> "_Verifier":
    try:
        return _Verifier(raw, logger=_log)
    except dkim.DKIMException:
        return _Verifier(b"\r\n", logger=_log)


def _verdict(message: "_Verifier", index: int, txt: Callable[[str], list[str]]) -> Signature:
    found: list[str] = []

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        found.extend(txt(name.decode("ascii", "replace")))
        return found[0].encode() if found else None

    why = ""
    try:
        passed = bool(message.verify(index, ask))
        if not passed:
            why = "the signature does not match what was signed" if found else "there is no key in the DNS"
    except (dkim.DKIMException, ValueError, binascii.Error, KeyError) as error:
        passed, why = False, str(error) or type(error).__name__
    tags = message.tags
    return Signature(passed, tags.get("d", "?"), tags.get("s", "?"), tags.get("a", "?"), why)


class _Verifier(dkim.DKIM):  # type: ignore[misc]
    """dkimpy's verifier, which remembers the tags it saw."""

    tags: dict[str, str] = {}

    def verify_sig(self, sig: dict[bytes, bytes], include_headers: Any, sig_header: Any, dnsfunc: Any) -> bool:
        self.tags = {key.decode("ascii", "replace"): value.decode("ascii", "replace") for key, value in sig.items()}
        if sig.get(b"a") != b"ed25519-sha256":
            return bool(super().verify_sig(sig, include_headers, sig_header, dnsfunc))
        record = dnsfunc(sig[b"s"] + b"._domainkey." + sig[b"d"] + b".")
        if not record:
            return False
        tags = dict(part.strip().split("=", 1) for part in record.decode().split(";") if "=" in part)
        key = _Ed25519(Ed25519PublicKey.from_public_bytes(base64.b64decode(tags.get("p", ""))))
        self.pk, self.keysize, self.ktag, self.seqtlsrpt = key, 256, b"ed25519", False
        return bool(self.verify_sig_process(sig, include_headers, sig_header, dnsfunc)) and key.matched


class _Ed25519:
    """What dkimpy calls instead of PyNaCl's VerifyKey."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self.key = key
        self.matched = False

    def verify(self, digest: bytes, signature: bytes) -> None:
        try:
            self.key.verify(signature, digest)
        except InvalidSignature:
            return
        self.matched = True
