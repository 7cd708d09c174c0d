"""A message made readable: headers, plain text, HTML. Everything in it is hostile.

Pure. Never raises for a malformed message: what cannot be read is left out. HTML stays as it was sent, but that images that
came along are put where it asks for them; the page that shows it runs no script and loads nothing.
"""

import base64
import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage

_MOST_TEXT = 500_000
_MOST_IMAGE = 2_000_000
_CID = re.compile(r"""cid:([^"'\s>)]{1,200})""", re.I)
_IMAGES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))


@dataclass(frozen=True, slots=True)
class Readable:
    """What the message page shows."""

    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    attachments: tuple[tuple[str, str, int], ...]  # name, type, bytes


def readable(raw: bytes) -> Readable:
    """Take a message apart."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    try:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        parts = [part for part in message.walk() if not part.is_multipart()]
        text, html = _first(parts, "text/plain"), _first(parts, "text/html")
        attachments = tuple(_attachments(parts))
        html = _CID.sub(lambda match: images.get(match[1], "data:,"), html) if (images := _images(parts)) else html
    except Exception:  # the parser raises whatever it likes for hostile input; the raw form is always there
        text, html, attachments = rest[:_MOST_TEXT].decode("utf-8", "replace"), "", ()
    return Readable(_headers(head), text[:_MOST_TEXT], html[:_MOST_TEXT], attachments)


def _headers(head: bytes) -> tuple[tuple[str, str], ...]:
    """Fields as they were sent, folding kept."""
    fields = re.split(r"\r\n(?![ \t])", head.decode("utf-8", "replace"))
    return tuple((name, value.strip().replace("\r\n", "\n")) for name, _, value in (field.partition(":") for field in fields[:500]))


def _first(parts: list[EmailMessage], kind: str) -> str:
    for part in parts:
        if part.get_content_type() == kind and part.get_content_disposition() != "attachment":
            payload = part.get_payload(decode=True)
            charset = part.get_content_charset() or "utf-8"
            try:
                return payload.decode(charset, "replace") if isinstance(payload, bytes) else ""
            except LookupError:
                return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return ""


def _images(parts: list[EmailMessage]) -> dict[str, str]:
    found = {}
    for part in parts:
        payload = part.get_payload(decode=True)
        name = str(part.get("Content-ID", "")).strip("<> ")
        if name and part.get_content_type() in _IMAGES and isinstance(payload, bytes) and len(payload) <= _MOST_IMAGE:
            found[name] = f"data:{part.get_content_type()};base64,{base64.b64encode(payload).decode()}"
    return found


def _attachments(parts: list[EmailMessage]) -> list[tuple[str, str, int]]:
    return [
        (str(part.get_filename() or "without a name")[:200], part.get_content_type(), len(part.get_payload(decode=True) or b""))
        for part in parts
        if part.get_content_disposition() == "attachment" or part.get_filename()
    ]
