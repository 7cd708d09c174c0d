"""Reports: what a node agent and a watcher say of themselves once a second (that an agent lives it says more often: beats). One row each, updated in place."""

import os
import resource
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

_REPORT = """
INSERT INTO monitoring_nodereport (node_id, at, agent_pid, cpu_percent, memory_percent, load_1m, sockets, disk_free_bytes, disk_total_bytes,
                                   cores, files_open, files_limit)
SELECT id, platform_now(), %(pid)s, %(cpu)s, %(memory)s, %(load)s, %(sockets)s, %(disk)s, %(disk_total)s, %(cores)s, %(files_open)s, %(files_limit)s
  FROM pools_node WHERE name = %(node)s
ON CONFLICT (node_id) DO UPDATE SET at = excluded.at, agent_pid = excluded.agent_pid, cpu_percent = excluded.cpu_percent,
  memory_percent = excluded.memory_percent, load_1m = excluded.load_1m, sockets = excluded.sockets, disk_free_bytes = excluded.disk_free_bytes,
  disk_total_bytes = excluded.disk_total_bytes, cores = excluded.cores, files_open = excluded.files_open, files_limit = excluded.files_limit
"""
_BEAT = """
INSERT INTO monitoring_watcherbeat (zone_id, at, pid, looks, longest_gap_ms)
SELECT id, platform_now(), %(pid)s, %(looks)s, %(gap)s FROM pools_zone WHERE name = %(zone)s
ON CONFLICT (zone_id) DO UPDATE SET at = excluded.at, pid = excluded.pid, looks = excluded.looks, longest_gap_ms = excluded.longest_gap_ms
"""


@dataclass(frozen=True, slots=True)
class Vitals:
    cpu_percent: float
    memory_percent: float
    load_1m: float
    sockets: int
    disk_free_bytes: int
    disk_total_bytes: int
    cores: int
    files_open: int
    files_limit: int


def vitals(data_dir: Path, pids: Iterable[int] = ()) -> Vitals:
    """This machine now; CPU since the last call. Of the processes, and this one, the open files of the one that is nearest to its limit."""
    disk = psutil.disk_usage(str(data_dir))
    files_open, files_limit = max((_files(pid) for pid in {os.getpid(), *pids}), key=lambda files: files[0] / max(1, files[1]))
    return Vitals(
        psutil.cpu_percent(), psutil.virtual_memory().percent, os.getloadavg()[0], _sockets_in_use(), disk.free, disk.used + disk.free,
        os.cpu_count() or 1, files_open, files_limit,
    )  # fmt: skip


def write_report(connection: psycopg.Connection[Any], node: str, now: Vitals) -> None:
    connection.execute(
        _REPORT,
        {"node": node, "pid": os.getpid(), "cpu": now.cpu_percent, "memory": now.memory_percent, "load": now.load_1m, "sockets": now.sockets,
         "disk": now.disk_free_bytes, "disk_total": now.disk_total_bytes, "cores": now.cores, "files_open": now.files_open,
         "files_limit": now.files_limit},
    )  # fmt: skip


def write_beat(connection: psycopg.Connection[Any], zone: str, looks: int, longest_gap_ms: int) -> None:
    connection.execute(_BEAT, {"zone": zone, "pid": os.getpid(), "looks": looks, "gap": longest_gap_ms})


def _sockets_in_use() -> int:
    """TCP sockets in use, from one line; counting them by process would read every process's descriptors."""
    try:
        lines = Path("/proc/net/sockstat").read_text().splitlines()
    except OSError:
        return 0
    words = next((line.split() for line in lines if line.startswith("TCP:")), [])
    return int(words[2]) if len(words) > 2 else 0


def _files(pid: int) -> tuple[int, int]:
    """(open, limit) of a process; nothing of one that is gone or another user's."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()), min(resource.prlimit(pid, resource.RLIMIT_NOFILE)[0], 2**31 - 1)
    except OSError:
        return 0, 0
