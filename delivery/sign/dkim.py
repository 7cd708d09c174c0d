"""DKIM signatures (RFC 6376), RSA-2048 and Ed25519 (RFC 8463), relaxed/relaxed.

Owns: canonicalisation, the list of signed fields, the signature field. Promises: bytes in, bytes out, safe in any thread; the
message is never altered; lines of the field stay under 78 characters. `h=` names the fields of `SIGNED` that are present, and
those of `OVERSIGNED` once more than they are, so that nobody adds a second From or Subject under our signature. No `x=`:
mail that waited in somebody's queue must still verify. Never: keeps keys (delivery.sign.keyring does), reads a clock.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

RSA: Final = "rsa-sha256"
ED25519: Final = "ed25519-sha256"

SIGNED: Final = (
    b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"mime-version", b"content-type", b"content-transfer-encoding", b"reply-to",
    b"in-reply-to", b"references", b"sender", b"list-id", b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id",
)  # fmt: skip
OVERSIGNED: Final = frozenset(
    (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"mime-version", b"content-type", b"reply-to", b"list-unsubscribe", b"list-unsubscribe-post")
)
_SIGNED_SET: Final = frozenset(SIGNED)
_SPACES: Final = re.compile(rb"[ \t]+")
_SHA256: Final = hashes.SHA256()
_PKCS1: Final = padding.PKCS1v15()


def relaxed_body(body: bytes) -> bytes:
    """Runs of white space become one, none stays at line ends, no empty lines at the end (RFC 6376 §3.4.4)."""
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    if b" \r\n" in body:
        body = body.replace(b" \r\n", b"\r\n")
    kept = body.rstrip(b"\r\n")  # a CR or LF on its own never travels: no need to tell it from an empty line
    kept = kept.removesuffix(b" ")
    return kept + b"\r\n" if kept else b""


def body_hash(body: bytes) -> bytes:
    """SHA-256 of the relaxed body: what `Signer.sign` wants; the same for every recipient of a message."""
    return hashlib.sha256(relaxed_body(body)).digest()


def relaxed_value(value: bytes) -> bytes:
    """Unfolded, runs of white space as one, none at the ends (RFC 6376 §3.4.2)."""
    return _relaxed(value.replace(b"\r\n", b""))


def _relaxed(value: bytes) -> bytes:
    """Of an unfolded value. Most have nothing to change: looking costs a tenth of the expression."""
    if b"  " in value or b"\t" in value:
        value = _SPACES.sub(b" ", value)
    return value.strip(b" \t")


def fields_of(head: bytes) -> list[tuple[bytes, bytes]]:
    """(name in lower case, relaxed value) of the fields that are signed, from top to bottom; ends at the empty line."""
    found: list[tuple[bytes, bytes]] = []
    for line in head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n"):
        if not line:
            break
        name, _, value = line.partition(b":")
        name = name.rstrip(b" \t").lower()
        if name in _SIGNED_SET:
            found.append((name, _relaxed(value)))
    return found


def signed_lines(head: bytes) -> tuple[bytes, bytes]:
    """(value of h=, canonical lines of the signed fields). A field that occurs often is signed from its last occurrence up (§5.4.2)."""
    found = fields_of(head)
    names, order = _signed_order(tuple([name for name, _ in found]))
    return names, b"".join([b"%b:%b\r\n" % found[place] for place in order])


@lru_cache(1024)
def _signed_order(present: tuple[bytes, ...]) -> tuple[bytes, tuple[int, ...]]:
    """(value of h=, the order in which these fields are signed): the same for all messages of one make, so it is thought out once for each."""
    places: dict[bytes, list[int]] = {}
    for place, name in enumerate(present):
        places.setdefault(name, []).insert(0, place)
    names: list[bytes] = []
    order: list[int] = []
    for name in SIGNED:
        here = places.get(name, [])
        names += [name] * len(here)
        order += here
        if name in OVERSIGNED and (here or name in (b"from", b"subject")):
            names.append(name)
    return b":".join(names), tuple(order)


def _folded(text: bytes, width: int = 72) -> bytes:
    """Cut into lines that go on with a space; for values in which white space means nothing."""
    return b"\r\n ".join([text[start : start + width] for start in range(0, len(text), width)])


@lru_cache(1024)
def _folded_names(names: bytes, width: int = 70) -> bytes:
    lines: list[bytes] = [b""]
    for name in names.split(b":"):
        if lines[-1] and len(lines[-1]) + len(name) + 1 > width:
            lines.append(b"")
        lines[-1] += name + b":"
    return b"\r\n ".join(lines)[:-1]


@dataclass(slots=True)
class Draft:
    """A signature field that wants its signature."""

    signer: "Signer"
    field: bytes  # all but the signature
    signed: bytes  # what the signature is of
    _signature: bytes = b""

    def signed_by(self, signature: bytes) -> None:
        """Made elsewhere, with the signer's key; empty: it was not."""
        self._signature = signature

    def whole(self) -> bytes:
        """The field; it goes above the head that was signed."""
        return b"DKIM-Signature: " + self.field + _folded(base64.b64encode(self._signature or self.signer.signature(self.signed))) + b"\r\n"


class Signer:
    """One key of one domain. `sign` gives the whole field; it goes above the head that was signed."""

    def __init__(self, domain: str, selector: str, algorithm: str, private_pem: bytes) -> None:
        self.domain = domain
        self.selector = selector
        self.algorithm = algorithm
        key = serialization.load_pem_private_key(private_pem, None)
        wanted = {RSA: rsa.RSAPrivateKey, ED25519: ed25519.Ed25519PrivateKey}.get(algorithm)
        if wanted is None or not isinstance(key, wanted):
            raise ValueError(f"The key of {selector}._domainkey.{domain} is no {algorithm} key.")
        self.key = key
        self._tags = f"v=1; a={algorithm}; c=relaxed/relaxed; d={domain};\r\n s={selector}; t=".encode("ascii")

    def __repr__(self) -> str:
        return f"Signer({self.selector}._domainkey.{self.domain}, {self.algorithm})"

    def private_pem(self) -> bytes:
        """For another process that signs (delivery.sign.apart); never for anything that is kept."""
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def sign(self, head: bytes, body_hash: bytes, at_s: int) -> bytes:
        """A complete folded `DKIM-Signature` field for this head (all lines that are to be sent under it)."""
        names, lines = signed_lines(head)
        return self.sign_lines(names, lines, body_hash, at_s)

    def sign_lines(self, names: bytes, lines: bytes, body_hash: bytes, at_s: int) -> bytes:
        """The same from `signed_lines(head)`, which several signers of one message share."""
        return self.draft(names, lines, body_hash, at_s).whole()

    def draft(self, names: bytes, lines: bytes, body_hash: bytes, at_s: int) -> Draft:
        """The same, still without its signature."""
        unsigned = b"%b%d;\r\n h=%b;\r\n bh=%b;\r\n b=" % (self._tags, at_s, _folded_names(names), base64.b64encode(body_hash))
        return Draft(self, unsigned, b"%bdkim-signature:%b" % (lines, relaxed_value(unsigned)))

    def signature(self, signed: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(signed, _PKCS1, _SHA256)
        assert isinstance(self.key, ed25519.Ed25519PrivateKey)
        return self.key.sign(hashlib.sha256(signed).digest())  # the hash is signed, not the text (RFC 8463 §3)


def make_key(algorithm: str) -> tuple[bytes, str]:
    """(private key as PEM, value of the TXT record at selector._domainkey.domain)."""
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    if algorithm == RSA:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        kind = "rsa"
    elif algorithm == ED25519:
        key = ed25519.Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        kind = "ed25519"
    else:
        raise ValueError(f"There is no DKIM algorithm {algorithm!r}.")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"
