"""A DKIM key's record: read (RFC 6376 §3.6.1) and compared with ours, with the difference in words. Pure."""

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from delivery.domains.tags import NotTags, parse_tags


@dataclass(frozen=True, slots=True)
class Compared:
    """`difference` is empty when verifiers find our key there. `testing`: t=y, so that some receivers take no notice of signatures."""

    difference: str
    testing: bool = False
    revoked: bool = False


def compare(published: str, ours: str) -> Compared:
    """What stands in DNS against the record that we asked to publish."""
    try:
        theirs = parse_tags(published)
    except NotTags as no:
        hint = " Its quotation marks and backslashes belong into a zone file, not into the record." if re.search(r'["\\]', published) else ""
        return Compared(f"It cannot be read: {no}.{hint}")
    want = parse_tags(ours)
    if "v" in theirs and (theirs["v"] != "DKIM1" or next(iter(theirs)) != "v"):
        return Compared("Its version is not v=DKIM1, or does not stand first.")
    if "p" not in theirs:
        return Compared("It has no key: the tag p= is missing.")
    if not (key := _key(theirs["p"])):
        return Compared("The key is revoked: p= is empty.", revoked=True)
    if (kind := theirs.get("k", "rsa")) != want["k"]:
        return Compared(f"It says k={kind[:20]}, our key is of the kind {want['k']}.")
    if "h" in theirs and "sha256" not in _parts(theirs["h"]):
        return Compared("Its h= does not allow sha256, which we sign with.")
    if "s" in theirs and not {"*", "email"} & _parts(theirs["s"]):
        return Compared("Its s= does not allow email.")
    if difference := _key_difference(key, _key(want["p"])):
        return Compared(difference)
    return Compared("", testing="y" in _parts(theirs.get("t", "")))


def key_bits(record: str) -> int | None:
    """The size of an RSA key, None for others."""
    tags = parse_tags(record)
    if tags.get("k", "rsa") != "rsa":
        return None
    try:
        key = load_der_public_key(base64.b64decode(_key(tags.get("p", ""))))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return None
    return key.key_size if isinstance(key, rsa.RSAPublicKey) else None


def _key(value: str) -> str:
    return re.sub(r"\s+", "", value)


def _key_difference(theirs: str, ours: str) -> str:
    if theirs == ours:
        return ""
    if ours.startswith(theirs):
        return f"The key breaks off after {len(theirs)} of {len(ours)} characters: publish all of its strings as one record."
    if theirs.startswith(ours):
        return f"After our key, {len(theirs) - len(ours)} more characters stand there."
    same = next((n for n, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b), 0)
    if same > 60:
        return f"The key differs from ours at character {same + 1} of {len(ours)}."
    return "It is another key than ours."


def _parts(value: str) -> set[str]:
    return {part.strip().lower() for part in value.split(":")}
