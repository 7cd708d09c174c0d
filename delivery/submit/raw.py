"""Raw: a MIME message that the tenant composed.

Promises: what is sent has only CRLF line ends, lines that SMTP can carry, and one of each field that there may be only one of
(RFC 5322 §3.6), so that we, the signer and the receiver read the same From. Bcc, Return-Path and our own names are taken out. Never: changes
anything else: signatures and encrypted parts stay whole. Pure; a refusal is a Wrong.
"""

import re
from dataclasses import dataclass
from email.errors import MessageError, NonASCIILocalPartDefect
from email.headerregistry import AddressHeader, BaseHeader
from email.policy import default

from delivery.submit import encode
from delivery.submit.addresses import parse_address
from delivery.submit.headers import has_controls
from delivery.submit.submission import Address, RawMessage
from delivery.submit.wrong import Wrong

MAX_HEAD = 256 * 1024
MAX_LINE = 998  # RFC 5322 §2.1.1
_FIELD = re.compile(rb"([!-9;-~]{1,76}):")
_ONCE = frozenset((
    "from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject", "date",
    "mime-version", "content-type", "content-transfer-encoding",
))  # fmt: skip
_TAKEN_OUT = ("bcc", "return-path")
# One address with or without a name of plain words: nearly all, and nothing in it means anything but itself. The standard library takes 200 µs for it.
_ATOM = r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+"
_DOTTED = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+"
_NAME = rf'(?:{_ATOM}(?: {_ATOM})*|"[A-Za-z0-9 .,!#$%&*+/^_`{{|}}~-]*")'
_ONE_MAILBOX = re.compile(rf"(?:(?:{_NAME} )?<{_DOTTED}@[A-Za-z0-9.-]+>|{_DOTTED}@[A-Za-z0-9.-]+)")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who the message says that it is from and to, and the message as it will be sent."""

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    subject: str
    message: RawMessage


def read(data: bytes) -> RawMessage:
    """The message's fields, Bcc among them, and its body."""
    if b"\0" in data:
        raise Wrong("It holds a NUL byte.")
    if not data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n"):
        raise Wrong("Its lines must end with CR LF: it holds a CR or LF alone.")  # RFC 5321 §2.3.8
    if len(data) > MAX_LINE and max(map(len, data.split(b"\r\n"))) > MAX_LINE:
        raise Wrong(f"It has a line of more than {MAX_LINE} bytes.")
    head, _, body = data.partition(b"\r\n\r\n") if not data.startswith(b"\r\n") else (b"", b"", data[2:])
    if len(head) > MAX_HEAD:
        raise Wrong(f"Its header has more than {MAX_HEAD // 1024} KB.")
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    return RawMessage(_fields(head), body)


def _fields(head: bytes) -> tuple[tuple[str, bytes], ...]:
    fields: list[tuple[str, bytes]] = []
    for line in head.split(b"\r\n") if head else ():
        if line[:1] in (b" ", b"\t"):
            if not fields or not line.strip():
                raise Wrong("Its header has a line of nothing but space, or begins with a continuation.")
            fields[-1] = fields[-1][0], fields[-1][1] + b"\r\n" + line
        elif match := _FIELD.match(line):
            fields.append((match[1].decode(), line))
        else:
            raise Wrong("Its header has a line that is no field (Name: value).")
    names = [name.lower() for name, _ in fields]
    for name in _ONCE.intersection(names):
        if names.count(name) > 1:
            raise Wrong(f"Its header has the field {name} more than once.")
    return tuple(fields)


def envelope(message: RawMessage) -> Envelope:
    """What the header says; the message comes back without what must not be sent."""
    found = {name: _addresses(message, name) for name in ("from", "to", "cc", "bcc")}
    if len(found["from"]) != 1:
        raise Wrong("Its header needs one From with one address.")
    kept = tuple(field for field in message.fields if field[0].lower() not in _TAKEN_OUT and not field[0].lower().startswith("x-mailplatform-"))
    return Envelope(found["from"][0], found["to"], found["cc"], found["bcc"], _subject(message), RawMessage(kept, message.body))


def _value(message: RawMessage, wanted: str) -> str:
    for name, field in message.fields:
        if name.lower() == wanted:
            try:
                return field.partition(b":")[2].replace(b"\r\n", b"").decode().strip()
            except UnicodeDecodeError:
                raise Wrong(f"Its field {name} is not UTF-8.") from None
    return ""


def _addresses(message: RawMessage, name: str) -> tuple[Address, ...]:
    value = _value(message, name)
    if not value:
        return ()
    try:
        if "=?" not in value and _ONE_MAILBOX.fullmatch(value):
            return (parse_address(value),)
        header = default.header_factory(name, value)
        assert isinstance(header, AddressHeader) and isinstance(header, BaseHeader)
        if defects := [each for each in header.defects if not isinstance(each, NonASCIILocalPartDefect)]:  # RFC 6531 allows those
            raise Wrong(f"Its field {name} is not well-formed: {defects[0]}.")
        if name == "from" and any(group.display_name is not None for group in header.groups):
            raise Wrong("Its field from holds a group.")
        return tuple(_mailbox(each.addr_spec, each.display_name) for each in header.addresses)
    except Wrong as no:
        raise Wrong(f"Its field {name}: {no}" if name not in str(no) else str(no)) from None
    except (MessageError, ValueError, IndexError, AttributeError, RecursionError):  # the standard library's parser on hostile input
        raise Wrong(f"Its field {name} is not a list of addresses.") from None


def _mailbox(addr_spec: str, name: str) -> Address:
    mailbox = parse_address(addr_spec)
    return Address(mailbox.local, mailbox.domain, "" if has_controls(name) else name)


def _subject(message: RawMessage) -> str:
    """For people to read and search: cleaned, at most what a subject may have."""
    try:
        plain = _value(message, "subject")
        if encode.is_plain(plain) and len(plain) <= MAX_LINE:
            return plain
        subject = str(default.header_factory("subject", plain))
    except Exception:  # the field itself is sent as it is; only our copy for the console stays empty
        return ""
    return "".join(" " if has_controls(char) else char for char in subject.encode("utf-8", "replace").decode())[:MAX_LINE]
