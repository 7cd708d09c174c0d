"""Tokens: which delivery a returned message is about, and whether it can be believed.

In order: the signed return path that it was sent to; a signed return path anywhere that a report or the returned message's header names one; the signed
unsubscribe link in that header. Only then ids that nobody signed (ours in its header, the Message-ID), and those count only where the message had
one recipient and the report does not name another: a message's recipients have neighbouring ids, and one could speak for the next. Promises: a
return path that is none of ours is told from no return path; reading never raises. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from delivery.returns.finding import Finding
from delivery.sign.returnpath import read_return_path
from delivery.unsubscribe.token import LENGTH, read_token
from mailplatform.shell.ids import message_of

_PATHS_IN = ("return-path", "x-envelope-from", "x-original-return-path", "errors-to", "x-hmxmroriginalsender", "x-env-sender")
_ADDRESS = re.compile(r"b-[0-9a-f]{32}-[0-9a-f]{20}@[a-z0-9.-]{1,253}", re.I)
_LINK = re.compile(rf"(?<![0-9a-f])([0-9a-f]{{{LENGTH}}})(?![0-9a-f])", re.I)
_ID = re.compile(r"<?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.I)
_FIRST_RECIPIENT = 1 << 8


class Place(StrEnum):
    """Where the token stood."""

    RETURN_PATH = "return path"  # the address that it was sent to
    REPORT = "report"  # Original-Envelope-Id, Original-Mail-From
    RETURNED = "returned header"
    LINK = "unsubscribe link"
    OUR_ID = "our id"  # not signed
    MESSAGE_ID = "message id"  # not signed


@dataclass(frozen=True, slots=True)
class Keys:
    """What return paths are made with."""

    secret: bytes
    domain: str


@dataclass(frozen=True, slots=True)
class Token:
    delivery_id: UUID
    place: Place

    @property
    def signed(self) -> bool:
        return self.place not in (Place.OUR_ID, Place.MESSAGE_ID)


def delivery_named(address: str, secret: bytes) -> UUID | None:
    """The delivery of a return path, at whatever domain: tenants have return paths at hosts of their own, and the signature is what counts."""
    return read_return_path(address, secret, address.strip().strip("<>").rpartition("@")[2].rstrip("."))


def token_of(recipient: str, finding: Finding, keys: Keys) -> Token | None:
    """The best token; `recipient` is the envelope's."""
    found = delivery_named(recipient, keys.secret)
    return Token(found, Place.RETURN_PATH) if found else next(_inside(finding, keys), None)


def _inside(finding: Finding, keys: Keys) -> Iterator[Token]:
    returned = finding.returned
    for text in (finding.envelope_id, finding.mail_from):
        yield from _signed(text, keys, Place.REPORT)
    for name in _PATHS_IN:
        for text in returned.get(name, ()):
            yield from _signed(text, keys, Place.RETURNED)
    for text in returned.get("list-unsubscribe", ()):
        for link in _LINK.finditer(text):
            if (by_link := read_token(link[1], keys.secret)) is not None:
                yield Token(by_link, Place.LINK)
    for text in returned.get("x-mailplatform-delivery", ()):
        if (some := _ID.match(text)) and (found := UUID(some[1])) != message_of(found):
            yield Token(found, Place.OUR_ID)
    for text in returned.get("message-id", ()):
        if (some := _ID.match(text)) and (found := UUID(some[1])) == message_of(found):
            yield Token(UUID(int=found.int | _FIRST_RECIPIENT), Place.MESSAGE_ID)


def _signed(text: str, keys: Keys, place: Place) -> Iterator[Token]:
    for found in _ADDRESS.finditer(text):
        if delivery := delivery_named(found[0], keys.secret):
            yield Token(delivery, place)
