"""What is inside a message, for eyes: its header lines, its text, its HTML, the names of its attachments.

Everything here is hostile. Nothing is executed, fetched or trusted: text goes out escaped, HTML only as a document of its own in a frame without
scripts (shell.policy.as_mail_body). A body above SHOWN_BYTES is not parsed; its head is shown alone.
"""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from uuid import UUID

from delivery.models import Body

SHOWN_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Content:
    """The parts of a message that can be shown."""

    head: str
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    size_bytes: int

    @property
    def is_too_big(self) -> bool:
        return self.size_bytes > SHOWN_BYTES


def content_of(body_id: UUID) -> Content | None:
    """The stored bytes, taken apart; None when history no longer has them."""
    body = Body.objects.filter(pk=body_id).first()
    if body is None:
        return None
    mime = bytes(body.mime)
    head = mime[: body.head_length].decode("utf-8", "backslashreplace")
    if len(mime) > SHOWN_BYTES:
        return Content(head, "", "", (), len(mime))
    parsed = message_from_bytes(mime, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    plain, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    return Content(head, _text(plain), _text(html), tuple(_attachment(part) for part in parsed.iter_attachments()), len(mime))


def _text(part: MIMEPart | None) -> str:
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset("utf-8"), "replace").replace("\x00", "")
    except LookupError:  # a charset that nobody knows
        return raw.decode("utf-8", "replace").replace("\x00", "")


def _attachment(part: MIMEPart) -> Attachment:
    payload = part.get_payload(decode=True)
    return Attachment(part.get_filename() or "without a name", part.get_content_type(), len(payload) if isinstance(payload, bytes) else 0)
