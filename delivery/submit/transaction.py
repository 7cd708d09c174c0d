"""Transaction: what came over SMTP becomes a Submission, as `parse` makes one of JSON.

The envelope says who gets it (who is in no To or Cc is a blind copy), the header who it is from. What JSON has fields for stands in header fields
of the family X-Mailplatform-, which are taken out before it is sent; an unknown one is refused by name. Pure; a refusal is a Wrong with its code.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from email.header import decode_header, make_header
from hashlib import sha256
from typing import Any

import orjson

from delivery.submit import idempotency, parse, raw
from delivery.submit.addresses import parse_address
from delivery.submit.idempotency import Token
from delivery.submit.submission import RawMessage, Recipient, Submission
from delivery.submit.wrong import Wrong

FAMILY = "x-mailplatform-"
STREAM, TAGS, METADATA, SEND_AT = (f"X-Mailplatform-{name}" for name in ("Stream", "Tags", "Metadata", "Send-At"))
KEY = "X-Mailplatform-Idempotency-Key"
_KNOWN = {name.lower(): name for name in (STREAM, TAGS, METADATA, SEND_AT, KEY)}
_OURS = frozenset(("x-mailplatform-delivery",))  # we write it when we send: what was received and is sent on still has it
MAX_HOPS = 50  # RFC 5321 §6.3: a message that has passed so many servers goes in a circle


class Looping(Wrong):
    """It has been everywhere, and most likely here."""


def understood(data: bytes, recipients: Sequence[str], now: datetime, received: str) -> tuple[Submission, str]:
    """(the message, its idempotency key or nothing)."""
    message = raw.read(data)
    if sum(name.lower() == "received" for name, _ in message.fields) > MAX_HOPS:
        raise Looping(f"It has passed more than {MAX_HOPS} servers: it goes in a circle.")
    said = _said(message)
    envelope = raw.envelope(message)
    visible = {address.addr: "to" for address in envelope.to} | {address.addr: "cc" for address in envelope.cc}
    found: dict[str, Recipient] = {}
    for written in recipients:
        address = parse_address(written)
        found.setdefault(address.addr, Recipient(address, visible.get(address.addr, "bcc")))
    submission = Submission(
        sender=envelope.sender,
        recipients=tuple(found.values()),
        subject=envelope.subject,
        raw=envelope.message,
        stream=_read(said, STREAM, parse.read_stream),
        tags=_read(said, TAGS, lambda value: parse.read_tags([tag.strip() for tag in value.split(",") if tag.strip()])) or (),
        metadata=_read(said, METADATA, lambda value: parse.read_metadata(_json(value))),
        send_at=_read(said, SEND_AT, lambda value: parse.read_send_at(value, now)),
        received=received,
    )
    return submission, _read(said, KEY, _key) or ""


def token_of(tenant_id: int, key: str, submission: Submission) -> Token:
    """A key goes with the recipients that it came with: a mail server may send one message in several parts, and each counts by itself. The rest of the
    request is who it is from and its subject alone: a program that tries again makes a new date, Message-ID and boundary."""
    everybody = sorted(recipient.address.addr for recipient in submission.recipients)
    part = sha256("\n".join(everybody).encode()).hexdigest()[:24]
    return Token(tenant_id, f"smtp {part} {key}"[:255], sha256(f"{submission.sender.addr}\n{submission.subject}".encode()).digest())


def _said(message: RawMessage) -> dict[str, str]:
    """What the header says to us, by the field's name as it is documented."""
    said: dict[str, str] = {}
    for name, field in message.fields:
        lower = name.lower()
        if not lower.startswith(FAMILY) or lower in _OURS:
            continue
        if lower not in _KNOWN:
            raise Wrong(f"{name[:80]}: There is no such field.")
        if _KNOWN[lower] in said:
            raise Wrong(f"{_KNOWN[lower]}: It is there more than once.")
        said[_KNOWN[lower]] = _text(_KNOWN[lower], field.partition(b":")[2])
    return said


def _text(name: str, value: bytes) -> str:
    try:
        text = value.replace(b"\r\n", b"").decode().strip()
        return str(make_header(decode_header(text))) if "=?" in text else text
    except (ValueError, LookupError):
        raise Wrong(f"{name}: It is not UTF-8.") from None


def _read(said: dict[str, str], name: str, read: Callable[[str], Any]) -> Any:
    if not said.get(name):
        return None
    try:
        return read(said[name])
    except Wrong as no:
        raise Wrong(f"{name}: {no}") from None


def _json(value: str) -> object:
    if "\\u0000" in value:
        raise Wrong("It holds a NUL, which cannot be stored.")
    try:
        return orjson.loads(value)
    except ValueError:
        raise Wrong("It is a JSON object.") from None


def _key(value: str) -> str:
    if not idempotency.is_valid(value) or len(value) > 200:
        raise Wrong("It has 1 to 200 printable ASCII characters.")
    return value
