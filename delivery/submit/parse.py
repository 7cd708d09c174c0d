"""Parse: what came as JSON becomes a Submission, or a list of everything that is wrong with it, by field.

Checks of our own on plain dicts: DRF serializers cost three times as much an item. Promises: unknown fields are refused by
name; nothing that comes out can begin another header field, and all of it can be stored and sent. Never: reads the database,
knows the tenant. Pure but for `now`, which is handed in.
"""

import binascii
import mimetypes
import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from delivery.queue import engaged
from delivery.submit import headers, raw
from delivery.submit.addresses import parse_address
from delivery.submit.submission import MAX_RECIPIENTS, Address, Attachment, Recipient, Submission
from delivery.submit.times import time_of
from delivery.submit.wrong import Wrong
from mailplatform.shell.problems import Problem

MAX_SUBJECT = 998  # RFC 5322 §2.1.1: what one line could hold
MAX_TAGS, MAX_TAG = 10, 64
MAX_METADATA_BYTES = 8 * 1024
MAX_ATTACHMENTS = 100
MAX_FILENAME = 255
SCHEDULE_AHEAD = timedelta(days=7)

COMPOSED = ("cc", "bcc", "reply_to", "subject", "text", "html", "headers", "attachments")
COMMON = ("from", "to", "stream", "tags", "metadata", "send_at")
FIELDS = frozenset((*COMMON, *COMPOSED, "raw"))
ATTACHMENT_FIELDS = frozenset(("filename", "content_type", "content", "content_id"))

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}(?:; ?[a-z0-9-]{1,40}=[\w.+-]{1,100}){0,4}\Z", re.I | re.A)
_CONTENT_ID = re.compile(r"[A-Za-z0-9._@+=-]{1,200}\Z")


def parse(data: Any, now: datetime, max_bytes: int) -> Submission | list[Problem]:
    """One message of a request."""
    if type(data) is not dict:
        return [Problem("", "A message is a JSON object.")]
    problems: list[Problem] = []
    if not data.keys() <= FIELDS:
        problems += [Problem(_shown(name), "There is no such field.") for name in data if name not in FIELDS]
    parts = _Parts(data, problems)
    common = {
        "stream": parts.of("stream", read_stream, None),
        "tags": parts.of("tags", read_tags, ()),
        "metadata": parts.of("metadata", read_metadata, None),
        "send_at": parts.of("send_at", lambda value: read_send_at(value, now), None),
    }
    made = _raw(data, parts, common, max_bytes) if data.get("raw") is not None else _composed(data, parts, common, max_bytes)
    return problems or made  # type: ignore[return-value]


class _Parts:
    """Reads fields one by one and collects what is wrong."""

    def __init__(self, data: dict[str, Any], problems: list[Problem]) -> None:
        self.data, self.problems = data, problems

    def of(self, name: str, read: Callable[[Any], Any], default: Any) -> Any:
        value = self.data.get(name)
        if value is None:
            return default
        try:
            return read(value)
        except Wrong as no:
            self.wrong(name + no.at, str(no))
            return default

    def wrong(self, field: str, problem: str) -> None:
        self.problems.append(Problem(field, problem))

    def addresses(self, name: str) -> tuple[Address, ...]:
        """A string or a list of strings; every bad one is named."""
        value = self.data.get(name)
        if value is None:
            return ()
        if type(value) is not list:
            one = self.of(name, parse_address, None)
            return (one,) if one else ()
        if len(value) > MAX_RECIPIENTS:
            self.wrong(name, f"A message has at most {MAX_RECIPIENTS:,} recipients.")
            return ()
        found = []
        for number, item in enumerate(value):
            try:
                found.append(parse_address(item))
            except Wrong as no:
                self.wrong(f"{name}[{number}]", str(no))
        return tuple(found)


def _composed(data: dict[str, Any], parts: _Parts, common: dict[str, Any], max_bytes: int) -> Submission | None:
    sender = parts.of("from", parse_address, None)
    if data.get("from") is None:
        parts.wrong("from", "It is required: the address that the message comes from.")
    to, cc, bcc, reply_to = map(parts.addresses, ("to", "cc", "bcc", "reply_to"))
    if data.get("to") is None:
        parts.wrong("to", "It is required: an address or a list of addresses.")
    elif data["to"] == []:
        parts.wrong("to", "It names no address.")
    recipients = recipients_of((("to", to), ("cc", cc), ("bcc", bcc)))
    if len(recipients) > MAX_RECIPIENTS:
        parts.wrong("to", f"A message has at most {MAX_RECIPIENTS:,} recipients, to, cc and bcc together.")
    text, html = parts.of("text", lambda v: _content(v, max_bytes), None), parts.of("html", lambda v: _content(v, max_bytes), None)
    attachments = _attachments(parts, max_bytes)
    if not any(data.get(name) for name in ("text", "html", "attachments")):
        parts.wrong("text", "A message needs text, html or attachments.")
    subject, own = parts.of("subject", _subject, ""), _headers(parts)
    if parts.problems or sender is None:
        return None
    content = {"subject": subject, "text": text, "html": html, "headers": own, "attachments": attachments}
    return Submission(sender=sender, recipients=recipients, to=to, cc=cc, reply_to=reply_to, **content, **common)


def _raw(data: dict[str, Any], parts: _Parts, common: dict[str, Any], max_bytes: int) -> Submission | None:
    for name in COMPOSED:
        if data.get(name) is not None:
            parts.wrong(name, "With raw, the message holds this itself.")
    message = parts.of("raw", lambda value: raw.read(_base64(value, max_bytes)), None)
    sender, to = parts.of("from", parse_address, None), parts.addresses("to")
    if message is None or parts.problems:
        return None
    try:
        envelope = raw.envelope(message)
    except Wrong as no:
        parts.wrong("raw", str(no))
        return None
    if sender is not None and sender.addr != envelope.sender.addr:
        parts.wrong("from", f"The raw message says From: {envelope.sender.addr}. Leave this field out, or let them agree.")
    named = (("to", envelope.to), ("cc", envelope.cc), ("bcc", envelope.bcc))
    recipients = recipients_of((("to", to),) if data.get("to") is not None else named)
    if not recipients:
        parts.wrong("to", "Neither this field nor the raw message names a recipient.")
    if len(recipients) > MAX_RECIPIENTS:
        parts.wrong("to", f"A message has at most {MAX_RECIPIENTS:,} recipients.")
    return Submission(sender=envelope.sender, recipients=recipients, subject=envelope.subject, raw=envelope.message, **common)


def recipients_of(roles: Sequence[tuple[str, Sequence[Address]]]) -> tuple[Recipient, ...]:
    """Each address once, in the first role that names it: nobody gets the same message twice."""
    found: dict[str, Recipient] = {}
    for role, addresses in roles:
        for address in addresses:
            found.setdefault(address.addr, Recipient(address, role))
    return tuple(found.values())


def _shown(name: str) -> str:
    """A field's name as the sender wrote it, fit for an answer."""
    return name if len(name) <= 80 and name.isprintable() else f"{name[:80]!r}"


def _string(value: Any, most: int) -> str:
    if type(value) is not str:
        raise Wrong("It is a string.")
    if len(value) > most:
        raise Wrong(f"It has at most {most:,} characters.")
    return value


def _subject(value: Any) -> str:
    subject = _string(value, MAX_SUBJECT)
    if headers.has_controls(subject):
        raise Wrong("It holds a line break or another control character.")
    return subject


def _content(value: Any, max_bytes: int) -> str:
    return _string(value, max_bytes)


def read_stream(value: Any) -> str:
    return _string(value, 60)


def read_tags(value: Any) -> tuple[str, ...]:
    if type(value) is not list:
        raise Wrong("It is a list of strings.")
    if len(value) > MAX_TAGS:
        raise Wrong(f"A message has at most {MAX_TAGS} tags.")
    for number, tag in enumerate(value):
        if type(tag) is not str or not 1 <= len(tag) <= MAX_TAG or headers.has_controls(tag):
            raise Wrong(f"A tag is a string of 1 to {MAX_TAG} characters without line breaks.", f"[{number}]")
    return tuple(dict.fromkeys(value))


def read_metadata(value: Any) -> dict[str, object]:
    if type(value) is not dict:
        raise Wrong("It is a JSON object.")
    size = 0
    for name, item in value.items():
        if item is not None and not isinstance(item, str | int | float):
            raise Wrong("Its values are strings, numbers, true, false or null.", f".{_shown(name)}")
        if name == engaged.NAME and item is not None and engaged.engagement(item) is None:
            raise Wrong(engaged.ASKED, f".{name}")
        size += len(name.encode()) + len(str(item).encode()) + 6
    if size > MAX_METADATA_BYTES:
        raise Wrong(f"It has at most {MAX_METADATA_BYTES // 1024} KB.")
    return value


def read_send_at(value: Any, now: datetime) -> datetime | None:
    try:
        at = time_of(value)
    except ValueError:
        raise Wrong("There is no such time.") from None
    if at is None:
        raise Wrong("It is a time by RFC 3339 with its zone, like 2026-01-31T08:30:00Z or 2026-01-31T08:30:00+01:00.")
    if at <= now:
        return None  # what is past is sent now
    if at - now > SCHEDULE_AHEAD:
        raise Wrong(f"A message may wait at most {SCHEDULE_AHEAD.days} days.")
    return at.astimezone(UTC)


def _headers(parts: _Parts) -> tuple[tuple[str, str], ...]:
    given = parts.data.get("headers")
    if given is None:
        return ()
    if type(given) is not dict:
        parts.wrong("headers", "It is an object: names of header fields and their values.")
        return ()
    if len(given) > headers.MAX_FIELDS:
        parts.wrong("headers", f"A message has at most {headers.MAX_FIELDS} header fields of its own.")
        return ()
    seen: set[str] = set()
    for name, value in given.items():
        problem = headers.problem_of_name(name) or headers.problem_of_value(name, value)
        if problem is None and name.lower() in seen:
            problem = "It is named twice, in different letters."
        if problem:
            parts.wrong(f"headers.{_shown(name)}", problem)
        seen.add(name.lower())
    return tuple(given.items())


def _attachments(parts: _Parts, max_bytes: int) -> tuple[Attachment, ...]:
    given = parts.data.get("attachments")
    if given is None:
        return ()
    if type(given) is not list or len(given) > MAX_ATTACHMENTS:
        parts.wrong("attachments", f"It is a list of at most {MAX_ATTACHMENTS} files.")
        return ()
    found, left = [], max_bytes
    for number, item in enumerate(given):
        try:
            found.append(attachment := _attachment(item, left))
            left -= len(attachment.content)
        except Wrong as no:
            parts.wrong(f"attachments[{number}]{no.at}", str(no))
    return tuple(found)


def _attachment(item: Any, max_bytes: int) -> Attachment:
    if type(item) is not dict:
        raise Wrong("It is an object with filename, content_type, content and content_id.")
    for name in item:
        if name not in ATTACHMENT_FIELDS:
            raise Wrong("There is no such field.", f".{_shown(name)}")
    filename = item.get("filename")
    if type(filename) is not str or not 1 <= len(filename) <= MAX_FILENAME or headers.has_controls(filename):
        raise Wrong(f"It is a name of 1 to {MAX_FILENAME} characters without line breaks.", ".filename")
    content_type = item.get("content_type")
    if content_type is None:
        content_type = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    elif type(content_type) is not str or not _MEDIA_TYPE.match(content_type):
        raise Wrong("It is a media type like application/pdf.", ".content_type")
    if content_type.lower().startswith(("multipart/", "message/")):
        raise Wrong("Files of type multipart and message cannot be attached; take application/octet-stream.", ".content_type")
    content_id = item.get("content_id")
    if content_id is not None and (type(content_id) is not str or not _CONTENT_ID.match(content_id)):
        raise Wrong("It is 1 to 200 letters, digits or one of ._@+=-, without < and >.", ".content_id")
    if item.get("content") is None:
        raise Wrong("It is required: the file's bytes in base64.", ".content")
    try:
        return Attachment(filename, content_type, _base64(item["content"], max_bytes), content_id or "")
    except Wrong as no:
        raise Wrong(str(no), ".content") from None


def _base64(value: Any, max_bytes: int) -> bytes:
    if type(value) is not str:
        raise Wrong("It is a string of base64.")
    if len(value) > max_bytes * 4 // 3 + 4:
        raise Wrong(f"The message would be larger than {max_bytes:,} bytes.")
    try:
        return b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Wrong("It is not base64 (RFC 4648 §4: A-Z a-z 0-9 + / with padding, no line breaks).") from None
