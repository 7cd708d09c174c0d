"""Reports: what a node agent and a watcher say of themselves once a second (that an agent lives it says more often: beats). One row each, updated in place."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

_REPORT = """
INSERT INTO monitoring_nodereport (node_id, at, agent_pid, cpu_percent, memory_percent, load_1m, sockets, disk_free_bytes)
SELECT id, platform_now(), %(pid)s, %(cpu)s, %(memory)s, %(load)s, %(sockets)s, %(disk)s FROM pools_node WHERE name = %(node)s
ON CONFLICT (node_id) DO UPDATE SET at = excluded.at, agent_pid = excluded.agent_pid, cpu_percent = excluded.cpu_percent,
  memory_percent = excluded.memory_percent, load_1m = excluded.load_1m, sockets = excluded.sockets, disk_free_bytes = excluded.disk_free_bytes
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


def vitals(data_dir: Path) -> Vitals:
    """This machine now; CPU since the last call."""
    return Vitals(psutil.cpu_percent(), psutil.virtual_memory().percent, os.getloadavg()[0], _sockets_in_use(), psutil.disk_usage(str(data_dir)).free)


def write_report(connection: psycopg.Connection[Any], node: str, now: Vitals) -> None:
    connection.execute(
        _REPORT,
        {"node": node, "pid": os.getpid(), "cpu": now.cpu_percent, "memory": now.memory_percent, "load": now.load_1m, "sockets": now.sockets,
         "disk": now.disk_free_bytes},
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
