"""Processes of this machine: whether one lives, and ending exactly that one.

Owns: pidfds. Promises: a signal reaches the process that was first seen under an engine's id and no later bearer of its
number. Never: signals by number, by name or by group. How it fails: a process that cannot be held counts as gone only
when the kernel says that it does not exist or is younger than the engine it should be.
"""

import contextlib
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_SLACK_S = 1.0  # start times have a resolution of 10 ms; clocks of database and machine differ by less than this


@dataclass(slots=True)
class Process:
    """One process, held by a pidfd: -1 when it was gone before it could be held."""

    pid: int
    pidfd: int

    @property
    def gone(self) -> bool:
        """Whether it has ended; a zombie has."""
        return self.pidfd < 0 or bool(select.select([self.pidfd], [], [], 0)[0])

    def kill(self, wait_s: float = 2.0) -> bool:
        """SIGKILL, then wait for its end; False when it has not ended in time (it sleeps in the kernel)."""
        self.signal(signal.SIGKILL)
        return self.wait(wait_s)

    def signal(self, number: signal.Signals) -> None:
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def wait(self, timeout_s: float) -> bool:
        return self.pidfd < 0 or bool(select.select([self.pidfd], [], [], timeout_s)[0])

    def waited_s(self) -> float | None:
        """For how long its threads have been ready to run, and had to wait for a processor, all together; None: nobody says.

        All of them: one that waits for a processor with the interpreter's lock in its hands keeps the others asleep.
        """
        waited_ns = 0
        try:
            for thread in (PROC / str(self.pid) / "task").iterdir():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                    waited_ns += int((thread / "schedstat").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            return None
        return waited_ns / 1e9

    def release(self) -> None:
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


def hold(pid: int, at_least_age_s: float = 0.0) -> Process:
    """Hold the process `pid` if it is old enough to be the one that is meant; a younger one bears a used number."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return Process(pid, -1)
    age_s = age_of(pid)  # read after the pidfd was opened: the number cannot have changed hands in between unnoticed
    if age_s is None or age_s + _SLACK_S < at_least_age_s:
        os.close(pidfd)
        return Process(pid, -1)
    return Process(pid, pidfd)


def age_of(pid: int) -> float | None:
    """Seconds since a process started, or None when there is none."""
    words = _stat(pid)
    return None if words is None else time.clock_gettime(time.CLOCK_BOOTTIME) - int(words[19]) / _TICKS_PER_S


def parent_of(pid: int) -> int | None:
    words = _stat(pid)
    return None if words is None else int(words[1])


def group_of(pid: int) -> int | None:
    """The process group, named by its leader's number."""
    words = _stat(pid)
    return None if words is None else int(words[2])


def is_zombie(pid: int) -> bool:
    words = _stat(pid)
    return words is not None and words[0] == "Z"


def environment_of(pid: int) -> dict[str, str]:
    """A process's environment as it was started with; empty when it may not be read."""
    try:
        raw = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (word.partition(b"=") for word in raw.split(b"\0") if b"=" in word)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def words_of(pid: int) -> list[str]:
    """A process's command line."""
    try:
        return [os.fsdecode(word) for word in (PROC / str(pid) / "cmdline").read_bytes().split(b"\0") if word]
    except OSError:
        return []


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - half the cost of iterdir, every 2 s


def _stat(pid: int) -> list[str] | None:
    """The words of /proc/PID/stat after the command, which may hold spaces and parentheses (proc_pid_stat(5))."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
