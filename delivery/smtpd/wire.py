"""Wire: lines and messages out of a stream's buffer, bounded, by RFC 5321's line end alone.

A line ends with CR LF; a CR or LF alone never ends a command nor a message (§2.3.8), so nothing smuggled behind one is ever taken for a
command. Works on the buffer of asyncio's StreamReader: a coroutine for each line of a message would cost more than all the rest of it.
"""

import asyncio
from dataclasses import dataclass

CRLF = b"\r\n"
END = b"\r\n.\r\n"


class TooLong(Exception):
    """The line was longer than allowed; it has been read to its end, or `lost` says that it had none."""

    def __init__(self, lost: bool = False) -> None:
        super().__init__()
        self.lost = lost


@dataclass(slots=True)
class Body:
    """A message as it comes in: `data` begins with the CRLF that ended DATA's own line, so that its end looks the same everywhere."""

    most_bytes: int
    data: bytearray
    too_large: bool = False
    complete: bool = False
    seen_bytes: int = 0
    refused: str = ""  # the reply that it is to get, whatever it holds

    def take(self, buffer: bytearray) -> None:
        """Move what belongs to the message out of the buffer; what follows its end stays there."""
        data, begin = self.data, max(0, len(self.data) - len(END) + 1)
        data += buffer
        end = data.find(END, begin)
        if end < 0:
            self.seen_bytes += len(buffer)
            buffer.clear()
            if len(data) > self.most_bytes + len(END):
                self.too_large = True
            if self.too_large:
                del data[: -len(END)]
            return
        rest = len(data) - end - len(END)
        self.seen_bytes += len(buffer) - rest
        del buffer[: len(buffer) - rest]
        self.too_large = self.too_large or end > self.most_bytes
        self.complete = True
        del data[end + 2 :]

    def content(self) -> bytes:
        """What was meant: without the dots that were put before dots (RFC 5321 §4.5.2)."""
        data = self.data
        return bytes(memoryview(data.replace(b"\r\n.", CRLF) if b"\r\n." in data else data)[2:])


def new_body(most_bytes: int) -> Body:
    return Body(most_bytes, bytearray(CRLF))


def buffer_of(reader: asyncio.StreamReader) -> bytearray:
    return reader._buffer  # type: ignore[attr-defined, no-any-return]


async def more(reader: asyncio.StreamReader) -> None:
    """Wait until there is more in the buffer; EOFError when there never will be."""
    if reader.at_eof() or reader._eof:  # type: ignore[attr-defined]
        raise EOFError
    await reader._wait_for_data("more")  # type: ignore[attr-defined]


def resume(reader: asyncio.StreamReader) -> None:
    """After taking from the buffer: let the transport read on."""
    reader._maybe_resume_transport()  # type: ignore[attr-defined]


def take_line(reader: asyncio.StreamReader, most_bytes: int) -> bytes | None:
    """A line of the buffer without its CRLF; None while it is not whole."""
    buffer = buffer_of(reader)
    end = buffer.find(CRLF)
    if end < 0:
        if len(buffer) > most_bytes:
            raise TooLong(lost=True)
        return None
    line = bytes(buffer[:end])
    del buffer[: end + 2]
    resume(reader)
    if end > most_bytes:
        raise TooLong
    return line
