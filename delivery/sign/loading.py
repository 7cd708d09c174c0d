"""Loads a shared library that a package brought into this environment.

Intel's wheels name libraries of its compiler as needed of which they use nothing (no symbol: all are resolved here and now, or nothing is loaded),
and which would be another hundred megabytes under terms of their own. So a copy in memory is loaded that names the C library in their places.
How it fails: None, and whoever asked does without.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

NOT_USED = frozenset((b"libsvml.so", b"libirng.so", b"libimf.so", b"libintlc.so.5"))
PRESENT = b"libc.so.6"
_LOADED, _DYNAMIC = 1, 2  # kinds of segments: PT_LOAD, PT_DYNAMIC
_END, _NEEDED, _STRINGS = 0, 1, 5  # kinds of entries: DT_NULL, DT_NEEDED, DT_STRTAB
_HEAD, _SEGMENT, _ENTRY = struct.Struct("<32xQ14xHH"), struct.Struct("<I4xQQ8xQ16x"), struct.Struct("<QQ")


def load(name: str) -> ctypes.CDLL | None:
    """The library of this name in the environment's lib folder."""
    try:
        content = bytearray((Path(sys.prefix) / "lib" / name).read_bytes())
        _forget_unused(content)
        return _from_memory(name, content)
    except (OSError, AttributeError, ValueError, struct.error):  # not there, not for this system, or not as it is known
        return None


def _from_memory(name: str, content: bytearray) -> ctypes.CDLL:
    memory = os.memfd_create(name)
    try:
        with open(memory, "wb", closefd=False) as file:
            file.write(content)
        return ctypes.CDLL(f"/proc/self/fd/{memory}", mode=os.RTLD_NOW)
    finally:
        os.close(memory)


def _forget_unused(elf: bytearray) -> None:
    """Name PRESENT where something in NOT_USED is named as needed."""
    if elf[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no library for 64 bits, least significant byte first")
    segments = list(_segments(elf))
    (start,) = (at for kind, at, _, _ in segments if kind == _DYNAMIC)
    entries = list(_entries(elf, start))
    (strings,) = (_place(segments, value) for _, kind, value in entries if kind == _STRINGS)
    names = {value: bytes(elf[strings + value : elf.index(0, strings + value)]) for _, kind, value in entries if kind == _NEEDED}
    (present,) = (value for value, name in names.items() if name == PRESENT)
    for at, kind, value in entries:
        if kind == _NEEDED and names[value] in NOT_USED:
            _ENTRY.pack_into(elf, at, kind, present)


def _segments(elf: bytearray) -> Iterator[tuple[int, int, int, int]]:
    """(kind, place in the file, address, bytes in the file)."""
    at, size, count = _HEAD.unpack_from(elf)
    return (_SEGMENT.unpack_from(elf, at + number * size) for number in range(count))


def _entries(elf: bytearray, at: int) -> Iterator[tuple[int, int, int]]:
    """(place in the file, kind, value) of the dynamic section."""
    while (entry := _ENTRY.unpack_from(elf, at))[0] != _END:
        yield (at, *entry)
        at += _ENTRY.size


def _place(segments: list[tuple[int, int, int, int]], address: int) -> int:
    """Where in the file an address is."""
    (place,) = (at + address - start for kind, at, start, size in segments if kind == _LOADED and start <= address < start + size)
    return place
