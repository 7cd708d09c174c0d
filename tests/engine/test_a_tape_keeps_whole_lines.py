"""Tape: every line that was written is there whoever is killed, whole or not at all, in order, and a full disk is an error."""

import errno
import mmap
import subprocess
import sys
import time
from pathlib import Path

import pytest

from delivery.engine import tape as tapes
from delivery.engine.tape import Tape

_WRITES = """
import sys
from pathlib import Path
from delivery.engine.tape import Tape
tape, number = Tape(Path(sys.argv[1])), 0
while True:
    tape.write(b"%d %s" % (number, b"x" * (number % 700)))
    number += 1
    if number % 1000 == 0:
        print(number, flush=True)
"""
_FILLS_A_DISK = """
import resource, sys
from pathlib import Path
from delivery.engine.tape import ROOM, Tape
resource.setrlimit(resource.RLIMIT_FSIZE, (2 * ROOM + 5, 2 * ROOM + 5))
tape, number = Tape(Path(sys.argv[1])), 0
try:
    while True:
        tape.write(b"%d" % number)
        number += 1
except OSError as error:
    print(error.errno, number)
"""


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().rpartition(b"\n")[0].split(b"\n")


@pytest.mark.parametrize("after_s", [0.0, 0.013, 0.1])
def test_a_killed_writer_leaves_whole_lines_and_all_that_it_told_of(tmp_path: Path, after_s: float) -> None:
    path, told = tmp_path / "tape", 0
    with subprocess.Popen([sys.executable, "-c", _WRITES, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        told = int(writer.stdout.readline())
        time.sleep(after_s)
        writer.kill()
        told = max([told, *map(int, writer.stdout.read().split()[:-1])])
    lines = _lines(path)
    assert len(lines) >= told
    assert lines == [b"%d %s" % (number, b"x" * (number % 700)) for number in range(len(lines))]


def test_a_full_disk_is_an_error_and_takes_nothing_of_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "tape"
    ran = subprocess.run([sys.executable, "-c", _FILLS_A_DISK, str(path)], capture_output=True, text=True, check=True)
    number, written = map(int, ran.stdout.split())
    assert number == errno.EFBIG  # a limit of the process's stands for the disk's
    assert written > tapes.ROOM // 8
    assert _lines(path) == [b"%d" % one for one in range(written)]


def test_a_disk_that_has_room_again_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    tape = Tape(tmp_path / "tape")
    tape.write(b"one")
    with monkeypatch.context() as patch:
        patch.setattr(tapes.os, "posix_fallocate", full)
        with pytest.raises(OSError, match="No space"):
            tape.write(b"x" * tapes.ROOM)
        tape.write(b"two")
    tape.write(b"x" * tapes.ROOM)
    tape.write(b"three")
    tape.close()
    assert [line[:5] for line in _lines(tmp_path / "tape")] == [b"one", b"two", b"xxxxx", b"three"]


@pytest.mark.parametrize("length", [mmap.ALLOCATIONGRANULARITY - 2, mmap.ALLOCATIONGRANULARITY - 1, mmap.ALLOCATIONGRANULARITY, 5 * 1024 * 1024])
def test_what_fills_its_room_to_the_last_byte_is_whole_and_a_closed_tape_ends_with_it(tmp_path: Path, length: int) -> None:
    tape = Tape(tmp_path / "tape")
    for byte in (b"a", b"b", b"c"):
        tape.write(byte * length)
        tape.write(byte * (tapes.ROOM - 1))
    tape.flush()
    tape.close()
    tape.close()
    assert (tmp_path / "tape").stat().st_size == tape.size == 3 * (length + 1 + tapes.ROOM)
    assert _lines(tmp_path / "tape") == [line for byte in (b"a", b"b", b"c") for line in (byte * length, byte * (tapes.ROOM - 1))]


def test_nobody_writes_over_anothers_tape(tmp_path: Path) -> None:
    Tape(tmp_path / "tape").write(b"mine")
    with pytest.raises(FileExistsError):
        Tape(tmp_path / "tape")
