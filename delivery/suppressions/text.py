"""Text: a file's bytes as lines, and lines as parts of a bounded size that can be stored and taken in one by one.

UTF-8 (with or without its mark) and UTF-16 are read as such; a line that is no UTF-8 is read as Latin-1, which never fails, and that is told. Every
kind of line end is one. NUL becomes U+FFFD: no address has one, and the database cannot hold it. A line of more than MAX_LINE characters is cut there
and will be refused. Streams: never more than a part and a line in memory. Pure but for the file that is read.
"""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

CHUNK_BYTES = 256 * 1024
PART_CHARS = 256 * 1024
MAX_LINE = 16 * 1024
MOST_QUOTED = 64 * 1024  # how much further a part may go in search of the end of a quoted field

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class Part:
    """Whole lines, each ended by a line feed."""

    first_line: int
    lines: int
    content: str


class Reader:
    """Lines of a file. `encoding` is known when the first line was read; it gains a word when a line had to be read as Latin-1."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.encoding = "utf-8"

    def lines(self) -> Iterator[str]:
        """Without their ends."""
        chunk = self._read()
        skipped = 0
        for mark, name in _MARKS:
            if chunk.startswith(mark):
                self.encoding, skipped = name, len(mark)
                break
        else:
            self.encoding = _guessed(chunk)
        if self.encoding.startswith("utf-16"):
            return self._wide(chunk[skipped:])
        return self._narrow(chunk[skipped:])

    def _read(self) -> bytes:
        return self._file.read(CHUNK_BYTES)

    def _wide(self, chunk: bytes) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        for line in _split_bytes(text.encode("utf-8", "replace") for text in self._decoded(chunk, decoder)):
            yield _cut(line.decode("utf-8", "replace"))

    def _decoded(self, chunk: bytes, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
        while chunk:
            yield decoder.decode(chunk)
            chunk = self._read()
        yield decoder.decode(b"", True)

    def _narrow(self, chunk: bytes) -> Iterator[str]:
        """Split as bytes first: whether a line is UTF-8 is a question of each line alone."""
        for line in _split_bytes(self._chunks(chunk)):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                text = line.decode("latin-1")
                self.encoding = "latin-1"
            yield _cut(text)

    def _chunks(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            yield chunk
            chunk = self._read()


def _guessed(chunk: bytes) -> str:
    """UTF-16 without a mark shows by every other byte being NUL."""
    sample = chunk[:2000]
    if len(sample) >= 4 and sample[1::2].count(0) > len(sample) // 3:
        return "utf-16-le"
    if len(sample) >= 4 and sample[0::2].count(0) > len(sample) // 3:
        return "utf-16-be"
    return "utf-8"


def _cut(line: str) -> str:
    line = line.replace("\0", "\ufffd") if "\0" in line else line
    return line if len(line) <= MAX_LINE else line[: MAX_LINE + 1]


def _split_bytes(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines at CRLF, LF or CR. What a line has beyond four times MAX_LINE bytes is dropped as it comes."""
    rest, ends_with_cr = b"", False
    for chunk in chunks:
        if ends_with_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        ends_with_cr = chunk.endswith(b"\r")
        lines = (rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = lines.pop()
        yield from lines
        rest = rest[: 4 * MAX_LINE + 4]
    if rest:
        yield rest


def parts_of(lines: Iterable[str]) -> Iterator[Part]:
    """Parts end where no quoted field is open, as far as that can be told within MOST_QUOTED characters."""
    kept: list[str] = []
    size, quotes, first = 0, 0, 1
    for number, line in enumerate(lines, start=1):
        kept.append(line)
        size += len(line) + 1
        quotes += line.count('"')
        if size >= PART_CHARS and (quotes % 2 == 0 or size >= PART_CHARS + MOST_QUOTED):
            yield Part(first, len(kept), "\n".join(kept) + "\n")
            kept, size, quotes, first = [], 0, 0, number + 1
    if kept:
        yield Part(first, len(kept), "\n".join(kept) + "\n")
