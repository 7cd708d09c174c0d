"""Compose: a Submission becomes the MIME message that is stored and sent, once however many recipients.

text, html, both (alternative), files in the HTML (related), files (mixed); or a raw message with what it lacks added. Promises: CRLF
line ends, no line over 998, ASCII but for SMTPUTF8 addresses; `mime[:head_length]` is the header, then CRLF, then the body. Bcc is
never written. Pure: id, time and boundary seed are handed in.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from uuid import UUID

from delivery.sign.dkim import body_hash
from delivery.submit import encode
from delivery.submit.submission import Attachment, RawMessage, Submission

CRLF = "\r\n"


@dataclass(frozen=True, slots=True)
class Composed:
    """A complete message; `body_hash` is what its signatures will carry (bh=); `wire_ready`: its body goes out as it is, no line begins with a dot."""

    mime: bytes
    head_length: int
    body_hash: bytes
    needs_8bit: bool
    needs_smtputf8: bool
    wire_ready: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A MIME entity: its Content-… fields, each ended with CRLF, and its body."""

    fields: str
    body: bytes


def compose(submission: Submission, message_id: UUID, at: datetime) -> Composed:
    """The message as it will be sent."""
    if submission.raw is not None:
        return _finish_raw(submission.raw, submission, message_id, at)
    part = _content(submission)
    head = _head(submission, message_id, at) + part.fields
    body = part.body if part.body.endswith(b"\r\n") else part.body + b"\r\n"
    return _composed(head.encode(), body)


def _composed(head: bytes, body: bytes) -> Composed:
    mime = head + b"\r\n" + body  # whose line ends are CRLF, by composing or by raw.read
    return Composed(mime, len(head), body_hash(body), not body.isascii(), not head.isascii(), b"\n." not in body and not body.startswith(b"."))


def _head(submission: Submission, message_id: UUID, at: datetime) -> str:
    own = {name.lower() for name, _ in submission.headers}
    fields = [encode.addresses("From", (submission.sender,))]
    for name, mailboxes in (("To", submission.to), ("Cc", submission.cc), ("Reply-To", submission.reply_to)):
        if mailboxes:
            fields.append(encode.addresses(name, mailboxes))
    if submission.subject:
        fields.append(encode.unstructured("Subject", submission.subject))
    fields.append(_date(at))
    if "message-id" not in own:
        fields.append(_message_id(submission, message_id))
    fields.append("MIME-Version: 1.0\r\n")
    fields.extend(encode.unstructured(name, value) for name, value in submission.headers)
    return "".join(fields)


def _date(at: datetime) -> str:
    return f"Date: {format_datetime(at)}\r\n"


def _message_id(submission: Submission, message_id: UUID) -> str:
    return f"Message-ID: <{message_id}@{submission.sender.domain}>\r\n"


def _content(submission: Submission) -> _Part:
    in_html = [each for each in submission.attachments if each.content_id and submission.html is not None]
    listed = [each for each in submission.attachments if each not in in_html] if in_html else list(submission.attachments)
    bodies = []
    if submission.text is not None:
        bodies.append(_text("plain", submission.text))
    if submission.html is not None:
        html = _text("html", submission.html)
        bodies.append(_multipart("related", [html, *map(_file, in_html)], '; type="text/html"') if in_html else html)
    parts = [bodies[0] if len(bodies) == 1 else _multipart("alternative", bodies)] if bodies else []
    if not listed and parts:
        return parts[0]
    return _multipart("mixed", parts + [_file(each) for each in listed])


def _text(kind: str, text: str) -> _Part:
    encoding, body = encode.text_body(text)
    return _Part(f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n", body)


def _file(attachment: Attachment) -> _Part:
    disposition = "inline" if attachment.content_id else "attachment"
    content_id = f"Content-ID: <{attachment.content_id}>\r\n" if attachment.content_id else ""
    fields = (
        f"Content-Type: {attachment.content_type.replace(';', f';{CRLF} ')}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: {disposition}{encode.file_name(attachment.filename)}\r\n{content_id}"
    )
    return _Part(fields, encode.base64_lines(attachment.content))


def _multipart(kind: str, parts: list[_Part], parameters: str = "") -> _Part:
    boundary = "=_" + os.urandom(12).hex()  # no text can hold it on purpose, none by chance; "=_" is in no base64
    delimiter = b"--" + boundary.encode()
    pieces: list[bytes] = []
    for part in parts:
        pieces += (delimiter, b"\r\n", part.fields.encode(), b"\r\n", part.body, b"\r\n")
    return _Part(f'Content-Type: multipart/{kind}{parameters};\r\n boundary="{boundary}"\r\n', b"".join((*pieces, delimiter, b"--\r\n")))


def _finish_raw(raw: RawMessage, submission: Submission, message_id: UUID, at: datetime) -> Composed:
    trace = f"Received: {submission.received}\r\n id {message_id}; {format_datetime(at)}\r\n".encode() if submission.received else b""
    head = trace + b"".join(field + b"\r\n" for _, field in raw.fields)
    if not raw.has("date"):
        head += _date(at).encode()
    if not raw.has("message-id"):
        head += _message_id(submission, message_id).encode()
    return _composed(head, raw.body or b"\r\n")
