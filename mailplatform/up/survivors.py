"""Processes of this installation that have outlived what started them.

Every process of an installation carries a mark with its data folder in its environment. Promises: only processes with exactly
this mark are ended, never the caller. Looks into /proc; processes of other users are not visible there and not touched.
"""

import ctypes
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from mailplatform.up.installation import MARK

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1
SUPERVISOR_PATIENCE_S = 20.0  # longer than any of its stages
GROUP_PATIENCE_S = 5.0


def adopt_orphans() -> None:
    """Become the parent of every orphan among our descendants: a killed cluster's workers are found among our own children."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stop_with_parent() -> None:
    """Run in a child before exec: it gets SIGTERM when its parent dies, however that comes about."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def marked(data: Path) -> list[int]:
    """Ids of all living processes that carry this installation's mark."""
    wanted = f"{MARK}={data.resolve()}".encode()
    return [pid for pid in _pids() if pid != os.getpid() and wanted in _environment(pid) and not _is_zombie(pid)]


def adopted(known: Iterable[int]) -> list[int]:
    """Our children that we did not start ourselves: they lost their own parent."""
    known, me = set(known), os.getpid()
    try:
        children = [int(pid) for pid in Path(f"/proc/{me}/task/{me}/children").read_text().split()]
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        children = [pid for pid in _pids() if _parent(pid) == me]
    return [pid for pid in children if pid not in known]


def end_left_behind(data: Path) -> int:
    """End what a killed start has left, as orderly as it still goes; the database, which others need to end well, is left to the caller.

    A supervisord that still lives ends everything in its own order. Without one the leaders of process groups are told, so that
    a cluster can drain its engines and end its own workers.
    """
    found = _but_the_database(marked(data))
    supervisors = [pid for pid in found if b"supervisor.supervisord" in _command(pid)]
    end(supervisors, SUPERVISOR_PATIENCE_S)
    leaders = [pid for pid in _but_the_database(marked(data)) if _group(pid) == pid]
    end(leaders, GROUP_PATIENCE_S)
    end(_but_the_database(marked(data)), 0)
    return len(found)


def end(pids: Iterable[int], patience_s: float) -> int:
    """SIGTERM, then SIGKILL for what is still there after a while; says how many there were."""
    found = list(pids)
    for pid in found:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while (left := [pid for pid in found if _alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        _signal(pid, signal.SIGKILL)
    while any(_alive(pid) for pid in left) and time.monotonic() < deadline + 5:
        time.sleep(0.02)
    return len(found)


def take_leave(of: Iterable[int]) -> None:
    """Let adopted children that have ended go (a zombie stays until its parent has asked after it)."""
    for pid in of:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _command(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _but_the_database(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if not b"".join(_command(pid)[:1]).endswith(b"/postgres")]


def _group(pid: int) -> int | None:
    stat = _stat(pid)
    return int(stat[2]) if len(stat) > 2 else None


def _parent(pid: int) -> int | None:
    stat = _stat(pid)
    return int(stat[1]) if len(stat) > 1 else None


def _is_zombie(pid: int) -> bool:
    return _stat(pid)[:1] == ["Z"]


def _alive(pid: int) -> bool:
    stat = _stat(pid)
    return bool(stat) and stat[0] not in "ZX"


def _signal(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except (ProcessLookupError, PermissionError):
        pass
