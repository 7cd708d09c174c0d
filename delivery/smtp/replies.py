"""From bytes to replies: a reader that any peer may feed with anything.

Owns: the bytes of one connection that are not yet a whole reply. Promises: keeps at most 2 KB of a line and 64 KB of a reply;
never raises; what is not SMTP sets `broken` and nothing more is read. Lenient where real servers are: a bare LF ends a line,
a missing text is an empty one, the last line's code is the reply's (as Postfix has it). Pure: no socket, no clock.
"""

from delivery.smtp.wire import Reply

LINE_KEPT_BYTES = 2048
REPLY_LIMIT_BYTES = 64 * 1024
RECENT_REPLIES, RECENT_BYTES = 16, 120


def clean(raw: bytes) -> str:
    """Text without NUL, surrogates, control or format characters: each becomes a space. Broken UTF-8 becomes U+FFFD."""
    text = raw.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def enhanced_code(line: str) -> str | None:
    """`5.1.1` at the start of a line (RFC 2034), or None."""
    if line[1:2] != "." or line[0] not in "245":
        return None
    word = line.split(" ", 1)[0]
    parts = word.split(".")
    well_formed = len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts)
    return word if well_formed else None


def reply_of(code: int, raw_lines: list[bytes]) -> Reply:
    first = clean(raw_lines[0])
    enhanced = enhanced_code(first)
    if len(raw_lines) == 1:
        return Reply(code, enhanced, (first,))
    repeated = f"{enhanced} "
    rest = (clean(raw) for raw in raw_lines[1:])
    return Reply(code, enhanced, (first, *(line[len(repeated) :] if enhanced and line.startswith(repeated) else line for line in rest)))


class ReplyReader:
    """Feed it chunks as they come; it gives back whole replies in order."""

    __slots__ = ("_lines", "_recent", "_size", "_skipping", "_tail", "broken")

    def __init__(self) -> None:
        self.broken = ""  # why this is not SMTP, in a few words; empty while it is
        self._tail = b""  # the unfinished line's beginning
        self._skipping = False  # the unfinished line is longer than what is kept of it
        self._lines: list[bytes] = []  # finished lines of the unfinished reply, without codes
        self._size = 0  # octets of the unfinished reply, lines not finished or not kept included
        self._recent: dict[bytes, Reply] = {}  # "250 2.1.0 Ok" comes with every message: read it once

    @property
    def holds_something(self) -> bool:
        """Part of a reply has come, or more than was asked for."""
        return bool(self._size)

    def feed(self, data: bytes, limit: int) -> list[Reply]:
        """Whole replies in `data`, at most `limit`; what lies beyond them stays unread and counts as held."""
        replies: list[Reply] = []
        if self.broken:
            return replies
        tail = self._tail
        start = 0
        while len(replies) < limit:
            end = data.find(b"\n", start)
            if end < 0:
                break
            line = data[start:end] if not tail else tail if self._skipping else tail + data[start:end]
            self._size += end + 1 - start
            start = end + 1
            tail = self._tail = b""
            self._skipping = False
            known = self._recent.get(line)
            if known is not None and not self._lines:
                replies.append(known)
                self._size = 0
                continue
            code = line[:3]
            mark = line[3:4]
            if not (code.isdigit() and b"200" <= code < b"600") or mark not in (b" ", b"-", b"\r", b""):
                self.broken = "a line that is no reply"
                return replies
            self._lines.append(line[4:LINE_KEPT_BYTES].rstrip())
            if self._size > REPLY_LIMIT_BYTES:
                self.broken = "a reply over 64 KB"
                return replies
            if mark != b"-":
                reply = reply_of(int(code), self._lines)
                replies.append(reply)
                if len(self._lines) == 1 and len(line) <= RECENT_BYTES:
                    self._remember(line, reply)
                self._lines = []
                self._size = 0
        self._keep(data, start)
        return replies

    def _remember(self, line: bytes, reply: Reply) -> None:
        if len(self._recent) >= RECENT_REPLIES:
            self._recent.clear()
        self._recent[line] = reply

    def _keep(self, data: bytes, start: int) -> None:
        rest = len(data) - start
        if not rest:
            return
        self._size += rest
        if self._size > REPLY_LIMIT_BYTES:
            self.broken = "a reply over 64 KB"
        elif not self._skipping:
            self._tail += data[start : start + LINE_KEPT_BYTES + 1 - len(self._tail)]
            self._skipping = len(self._tail) > LINE_KEPT_BYTES
