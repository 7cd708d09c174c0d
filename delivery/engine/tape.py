"""Tape: a file that grows by whole lines, stored into memory that is the file.

A line is in the kernel's page cache when `write` returns, as after write(2): it survives the process's death, not the machine's before a `flush`. It costs
no system call, and above all it does not give the interpreter's lock away: three calls a message had the engine's loop wait for the thread that records.
Room is taken from the disk before it is stored to, so that a full disk is an error here and not a signal (SIGBUS, as good as a kill, remains for file systems
whose reservations do not hold, such as ZFS). Behind the last line are zeros until the tape is closed: no line feed, so no line.
The line feed is stored last: of a process that is killed in the middle of a line there is no line.
"""

import fcntl
import mmap
import os
from pathlib import Path

ROOM = 1024 * 1024  # bytes, at a time
LINE_FEED = ord("\n")


class Tape:
    """One writer, in one thread; `flush` may be called in another. It holds the file's lock for as long as it lives."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)  # the kernel's word that its writer lives
        self._base = self._at = self._room = 0  # of the mapping: where it begins in the file, how far it is used, how long it is
        self._map: mmap.mmap | None = None

    @property
    def size(self) -> int:
        return self._base + self._at

    def write(self, line: bytes) -> None:
        """A line without its line feed. Raises OSError, and then nothing of it is there."""
        end = self._at + len(line)
        if end >= self._room:
            self._make_room(len(line) + 1)
            end = self._at + len(line)
        assert self._map is not None
        self._map[self._at : end] = line
        self._map[end] = LINE_FEED
        self._at = end + 1

    def flush(self) -> None:
        """To the disk."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Cut behind the last line. Twice is once."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._fd >= 0:
            os.ftruncate(self._fd, self.size)
            os.close(self._fd)
            self._fd = -1

    def _make_room(self, needed: int) -> None:
        base = self.size - self.size % mmap.ALLOCATIONGRANULARITY
        used = self.size - base
        room = max(ROOM, used + needed)
        os.posix_fallocate(self._fd, base, room)
        fresh = mmap.mmap(self._fd, room, offset=base)
        if self._map is not None:
            self._map.close()
        self._base, self._at, self._room, self._map = base, used, room, fresh
