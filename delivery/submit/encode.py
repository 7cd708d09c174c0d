"""Encode: text into header fields and parts that every mail server carries unchanged.

RFC 2047 for headers, RFC 2231 for file names, base64 or 7bit for content (RFC 2045). Output is ASCII but for addresses with local
parts beyond it (RFC 6531). The standard library's parser is the judge in the tests; its composer takes 5 to 20 times as long. Pure.
"""

import binascii
from urllib.parse import quote

from delivery.submit.submission import Address

LINE = 76
CRLF = "\r\n"
_PLAIN_TEXT = bytes((0x09, 0x0A, 0x0D, *range(0x20, 0x7F)))
_ATEXT_AND_SPACE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~ ")
_WORD_BYTES = 45  # 60 characters of base64 and 12 around them: an encoded word has at most 75 (RFC 2047 §2)


def unstructured(name: str, value: str) -> str:
    """`Name: value` folded, with CRLF; encoded words where the value is not plain."""
    if not is_plain(value):
        return f"{name}: {encoded_words(value, len(name) + 2)}{CRLF}"
    if len(name) + len(value) <= LINE:
        return f"{name}: {value}{CRLF}"
    return f"{name}: {fold(value, len(name) + 2)}{CRLF}"


def is_plain(value: str) -> bool:
    """Whether a reader gets exactly this from the value as it is: ASCII, no outer or doubled space, nothing that looks encoded."""
    return (
        value.isascii() and value.isprintable() and "=?" not in value and "  " not in value
        and value == value.strip() and (len(value) < 900 or max(map(len, value.split(" "))) < 900)
    )  # fmt: skip


def fold(value: str, begun: int) -> str:
    """Break before single spaces: unfolding gives the same value again (RFC 5322 §2.2.3). `begun` is what stands on the first line already.

    The first word stays there: some readers keep the space of a first line that is empty.
    """
    first, *words = value.split(" ")
    lines, current, room = [], first, LINE - begun
    for word in words:
        if len(current) + 1 + len(word) > room:
            lines.append(current)
            current, room = " " + word, LINE
        else:
            current = f"{current} {word}"
    return CRLF.join([*lines, current])


def encoded_words(text: str, begun: int = 1) -> str:
    """RFC 2047 encoded words, split between characters, a line each; the first is shorter by what stands before it."""
    words, chunk, room = [], b"", max(4, (LINE - 12 - begun) // 4 * 3)
    for char in text:
        encoded = char.encode()
        if len(chunk) + len(encoded) > room:
            words.append(chunk)
            chunk, room = b"", _WORD_BYTES
        chunk += encoded
    words.append(chunk)
    return f"{CRLF} ".join(f"=?utf-8?b?{binascii.b2a_base64(word, newline=False).decode()}?=" for word in words)


def addresses(name: str, mailboxes: tuple[Address, ...]) -> str:
    """An address field, a line each when they are many."""
    written = [mailbox(each) for each in mailboxes]
    line = ", ".join(written)
    if len(name) + len(line) > LINE or CRLF in line:
        line = f",{CRLF} ".join(written)
    return f"{name}: {line}{CRLF}"


def mailbox(address: Address) -> str:
    """`a@b.c` or `Name <a@b.c>`, the name as atoms, quoted or encoded."""
    name = address.name
    if not name:
        return address.addr
    if not is_plain(name) or len(name) > 60:
        return f"{encoded_words(name)}{CRLF} <{address.addr}>"
    if not _ATEXT_AND_SPACE.issuperset(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{address.addr}>"


def file_name(filename: str) -> str:
    """The parameter that carries a file's name, each line of it beginning with `;`."""
    if filename.isascii() and len(filename) <= 60 and not any(special in filename for special in ('"', "\\", "=?", "  ")) and filename.isprintable():
        return f';{CRLF} filename="{filename}"'
    # RFC 2231 §4.1: charset'language'percent-encoded, in numbered pieces that are short enough for a line.
    encoded = "utf-8''" + quote(filename, safe="")
    pieces = []
    while encoded:
        cut = 60 - (encoded[59:60] == "%" or 2 * (encoded[58:59] == "%"))
        pieces.append(encoded[:cut])
        encoded = encoded[cut:]
    if len(pieces) == 1:
        return f";{CRLF} filename*={pieces[0]}"
    return "".join(f";{CRLF} filename*{number}*={piece}" for number, piece in enumerate(pieces))


def text_body(text: str) -> tuple[str, bytes]:
    """(content transfer encoding, body) of a text part, lines ended with CRLF."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = text.encode().replace(b"\n", b"\r\n")
    if not data.translate(None, _PLAIN_TEXT) and (len(data) <= 990 or max(map(len, data.split(b"\r\n"))) <= 990):
        return "7bit", data
    return "base64", base64_lines(data)


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 76 (RFC 2045 §6.8), the last one ended too."""
    encoded = binascii.b2a_base64(data, newline=False)
    return b"\r\n".join([encoded[at : at + LINE] for at in range(0, len(encoded), LINE)]) + b"\r\n"
