"""The form of what is sent to us: what a strict receiver would hold against the sender.

Pure. Names each fault of a message's bytes; they are counted as violations and shown beside the message, never refused.
"""

from collections.abc import Iterator

_MOST_LINE = 998  # RFC 5322 §2.1.1, without CRLF


def faults_of(raw: bytes, *, eight_bit: bool, utf8: bool) -> Iterator[str]:
    """The faults of a message; `eight_bit` and `utf8` say what MAIL announced (BODY=8BITMIME, SMTPUTF8)."""
    head_end = raw.find(b"\r\n\r\n")
    head = raw if head_end < 0 else raw[:head_end]
    lower = b"\r\n" + head.lower()
    if raw.count(b"\n") != (pairs := raw.count(b"\r\n")) or raw.count(b"\r") != pairs:
        yield "bare line end"  # RFC 5321 §2.3.8
    if len(raw) > _MOST_LINE and max(map(len, raw.split(b"\r\n"))) > _MOST_LINE:
        yield "line too long"
    if b"\0" in raw:
        yield "NUL byte"
    if not raw.isascii():
        if not head.isascii() and not utf8:
            yield "8-bit header without SMTPUTF8"  # RFC 6531 §3.1
        if not raw[head_end:].isascii() and not (eight_bit or utf8):
            yield "8-bit body without 8BITMIME"  # RFC 6152 §3
    for name in (b"from", b"date", b"message-id"):
        if (count := lower.count(b"\r\n" + name + b":")) != 1:
            yield f"{count or 'no'} {name.decode()} header{'s' if count > 1 else ''}"  # RFC 5322 §3.6
