"""Mail: a message taken apart, whoever wrote it: header fields, text parts, and the header of the message that is returned inside.

Promises: never raises; time and memory are bounded by MOST_BYTES whatever comes (a parser that follows every nesting needs minutes for half a
megabyte that is made for it: so parts are split by hand, a few levels deep, and only words are the standard library's); text is cleaned of what a
database or a terminal would stumble over. Never: looks at what the text means. Pure.
"""

import base64
import binascii
import html
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.header import decode_header

MOST_BYTES = 512 * 1024
MOST_PARTS, MOST_DEPTH, MOST_FIELDS = 40, 5, 250
MOST_VALUE, MOST_TEXT = 2_000, 40_000
Fields = dict[str, tuple[str, ...]]

_PARAMETER = re.compile(r';\s*(boundary|charset|report-type|format)\s*=\s*(?:"([^"]{1,300})"|([^\s;"]{1,300}))', re.I)
_NAME = re.compile(rb"[!-9;-~]{1,100}")
_BLOCK = re.compile(r"<(?:br|/?p|/?div|/?tr|/?li|/?h\d|/?table|/?ul|/?blockquote)\b[^<>]{0,1000}>", re.I)
_HIDDEN = re.compile(r"<(style|script|title)\b[^<>]{0,500}>[^<]{0,20000}</\1>", re.I)
_TAG = re.compile(r"<[^<>]{0,2000}>")
# What mail is written in; other codecs of Python's are no charsets, and some take minutes for what is made for them (punycode).
_CHARSETS = re.compile(
    r"utf-?(8|16|16le|16be|7)|iso-?8859-?\d\d?|(windows|cp|ibm)-?\d{3,4}|koi8-?[rtu]|gb(k|2312|18030)|big5(-?hkscs)?|euc-?(jp|kr)"
    r"|iso-?2022-?(jp|kr)[-\w]{0,5}|(shift|x)[-_]?s?jis|latin-?1|tis-?620|mac(intosh)?",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the message. `inner` is the header of a returned message, where this part is one."""

    type: str
    text: str
    inner: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mail:
    fields: Fields
    parts: tuple[Part, ...]
    type: str = "text/plain"
    report_type: str = ""

    def get(self, name: str) -> str:
        """The first field of this name, or nothing."""
        return next(iter(self.fields.get(name, ())), "")

    def texts(self, *types: str) -> list[str]:
        return [part.text for part in self.parts if part.type in types]

    @property
    def words(self) -> str:
        """What a person would read: the plain text, or the HTML's when there is none worth the name."""
        plain = "\n".join(text for text in self.texts("text/plain") if text.strip())
        if len(plain.strip()) >= 40 or not self.texts("text/html"):
            return plain[:MOST_TEXT]
        return "\n".join(self.texts("text/html"))[:MOST_TEXT]

    @property
    def returned(self) -> Fields:
        """The header of the message inside."""
        return next((part.inner for part in self.parts if part.inner), {})


def read_mail(raw: bytes) -> Mail:
    """Total: what is no message is one without fields."""
    raw = raw[:MOST_BYTES].replace(b"\r\n", b"\n")
    head, body = _cut(raw)
    fields = read_fields(head)
    kind, parameters = _content_type(fields)
    left = [MOST_PARTS]
    return Mail(fields, tuple(_leaves(fields, body, 0, left)), kind, parameters.get("report-type", "").lower())


def read_fields(head: bytes) -> Fields:
    """Header fields by name in lower case, unfolded, decoded (RFC 2047), cleaned, cut."""
    found: dict[str, list[str]] = {}
    name, value = "", bytearray()
    lines = head.split(b"\n", 4 * MOST_FIELDS)[: 4 * MOST_FIELDS]
    for line in [*lines, b"end:"]:
        if line[:1] in (b" ", b"\t") and name:
            if len(value) < MOST_VALUE:
                value += b" " + line.strip()
            continue
        if name and len(found) < MOST_FIELDS:
            found.setdefault(name, []).append(_said(bytes(value[:MOST_VALUE])))
        before, colon, after = line.partition(b":")
        before = before.rstrip()
        name = before.decode("ascii").lower() if colon and _NAME.fullmatch(before) else ""
        value = bytearray(after.strip()[:MOST_VALUE])
    return {name: tuple(values[:20]) for name, values in found.items()}


def groups_of(text: str) -> list[Fields]:
    """The blank-line separated groups of fields of a status or feedback part (RFC 3464 §2.1)."""
    blocks = re.split(r"\n[ \t]*\n", text.strip("\n")[:MOST_TEXT])[:MOST_PARTS]
    return [fields for block in blocks if (fields := read_fields(block.encode("utf-8", "replace")))]


def clean(text: str) -> str:
    """Without NUL, surrogates and control characters; line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)


def _leaves(fields: Fields, body: bytes, depth: int, left: list[int]) -> Iterator[Part]:
    kind, parameters = _content_type(fields)
    if kind.startswith("multipart/") and parameters.get("boundary") and depth < MOST_DEPTH:
        for piece in _pieces(body, parameters["boundary"].encode("utf-8", "replace"), left):
            head, inner = _cut(piece.removeprefix(b"\n") if not piece.startswith(b"\n\n") else piece)
            yield from _leaves(read_fields(head), inner, depth + 1, left)
        return
    plain = _decoded(fields, body)
    if kind in ("message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822", "message/global-headers", "message/partial"):
        head, _ = _cut(plain.replace(b"\r\n", b"\n").lstrip(b"\n"))
        yield Part(kind, _text(plain, parameters), read_fields(head))
        return
    text = _text(plain, parameters)
    yield Part(kind, clean(_stripped(text)) if kind == "text/html" else text)


def _pieces(body: bytes, boundary: bytes, left: list[int]) -> Iterator[bytes]:
    mark = b"\n--" + boundary
    pieces = (b"\n" + body).split(mark, MOST_PARTS + 1)[1 : MOST_PARTS + 1]
    for piece in pieces:
        if piece.startswith(b"--") or left[0] <= 0:
            return
        left[0] -= 1
        yield piece[piece.find(b"\n") + 1 :] if b"\n" in piece else b""


def _cut(raw: bytes) -> tuple[bytes, bytes]:
    """Header and body; a message without an empty line is all header."""
    if raw.startswith(b"\n"):
        return b"", raw[1:]
    head, _, body = raw.partition(b"\n\n")
    return head, body


def _content_type(fields: Fields) -> tuple[str, dict[str, str]]:
    value = next(iter(fields.get("content-type", ())), "text/plain")
    kind = value.partition(";")[0].strip().lower() or "text/plain"
    return kind, {found[1].lower(): found[2] or found[3] for found in _PARAMETER.finditer(value)}


def _decoded(fields: Fields, body: bytes) -> bytes:
    how = next(iter(fields.get("content-transfer-encoding", ())), "").strip().lower()
    try:
        if how == "base64":
            return base64.b64decode(re.sub(rb"[^A-Za-z0-9+/]", b"", body)[: len(body) // 4 * 4 + 4] + b"===", validate=False)
        if how == "quoted-printable":
            return quopri.decodestring(body)
    except (binascii.Error, ValueError):
        pass
    return body


def _text(raw: bytes, parameters: dict[str, str]) -> str:
    charset = parameters.get("charset", "utf-8")
    try:
        text = raw[: 4 * MOST_TEXT].decode(charset if _CHARSETS.fullmatch(charset) else "utf-8", "replace")
    except (LookupError, ValueError):
        text = raw[: 4 * MOST_TEXT].decode("utf-8", "replace")
    return clean(text.replace("\r\n", "\n").replace("\r", "\n")[:MOST_TEXT])


def _stripped(page: str) -> str:
    page = _BLOCK.sub("\n", _HIDDEN.sub(" ", page))
    lines = (" ".join(line.split()) for line in html.unescape(_TAG.sub(" ", page)).split("\n"))
    return "\n".join(line for line in lines if line)


def _said(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    if "=?" in text:
        try:
            text = "".join(word if isinstance(word, str) else word.decode(charset or "ascii", "replace") for word, charset in decode_header(text))
        except Exception:  # decode_header says broken words with several kinds of error
            text = value.decode("utf-8", "replace")
    return " ".join(clean(text)[:MOST_VALUE].split())
