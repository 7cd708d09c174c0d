"""Clusters: the django-q2 cluster of a node, its tasks, and ending it when it no longer works.

Owns: OrmQ rows of `delivery-<node>`. Promises: only processes of this installation and this cluster are touched (by the environment
that they were started with), through pidfds. The supervisor starts the cluster again; this module never does.
Why: killing an idle worker can freeze a cluster for good (django-q2 issue 23), and a cluster whose main process was killed lives on
as orphans that nobody supervises.
"""

import logging
import os
import signal
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import psycopg

from monitoring import processes
from monitoring.slots import Task

log = logging.getLogger(__name__)

ENGINE_TASK = "delivery.jobs.run_engine"
_SAME_INSTALLATION = ("DATABASE_URL",)
_PROGRAMS = {"delivery_cluster", "qcluster"}
WHOLE = 5  # main process, sentinel, monitor, pusher, a worker
STARTS_WITHIN_S = 60.0
SETTLED_S = 5.0
_TASKS = "SELECT id, payload, lock > now() FROM django_q_ormq WHERE key = %s ORDER BY id LIMIT 50"


def cluster_name(node: str) -> str:
    return f"delivery-{node}"


def enqueue_engine(node: str, slot: int) -> None:
    """Ask the node's cluster for an engine; the queue that a task goes to is the cluster's name."""
    from django_q.tasks import async_task

    async_task(ENGINE_TASK, node, slot, q_options={"cluster": cluster_name(node), "task_name": f"engine {node}/{chr(ord('a') + slot)}"})


def engine_tasks(connection: psycopg.Connection[Any], node: str) -> dict[int, tuple[Task, list[int]]]:
    """The engine tasks of a node by slot, with the ids of their rows."""
    from django_q.signing import BadSignature, SignedPackage

    found: dict[int, tuple[Task, list[int]]] = {}
    for row_id, payload, taken in connection.execute(_TASKS, [cluster_name(node)]).fetchall():
        try:
            task = SignedPackage.loads(payload)  # a signed pickle: who can write this table holds SECRET_KEY (docs/security.md)
        except (BadSignature, TypeError):
            continue
        if task.get("func") != ENGINE_TASK or len(task.get("args", ())) != 2:
            continue
        state, rows = found.get(task["args"][1], (Task.TAKEN, []))
        found[task["args"][1]] = (Task.TAKEN if taken and state is Task.TAKEN else Task.WAITING, [*rows, row_id])
    return found


def discard(connection: psycopg.Connection[Any], rows: Collection[int]) -> None:
    connection.execute("DELETE FROM django_q_ormq WHERE id = ANY(%s)", [list(rows)])


@dataclass(slots=True)
class ClusterProcesses:
    """Finds a cluster's processes; remembers which pids are not of it, so that a scan reads only new ones."""

    node: str
    marks: dict[str, str] = field(default_factory=lambda: {name: os.environ[name] for name in _SAME_INSTALLATION if name in os.environ})
    _known: dict[int, bool] = field(default_factory=dict)

    def find(self) -> list[int]:
        """The pids of main process, sentinel, workers, pusher and monitor."""
        pids = processes.all_pids()
        self._known = {pid: self._known[pid] if pid in self._known else self._belongs(pid) for pid in pids}
        return [pid for pid in pids if self._known[pid] and not processes.is_zombie(pid)]

    def _belongs(self, pid: int) -> bool:
        environment = processes.environment_of(pid)
        wanted = {"Q_CLUSTER_NAME": cluster_name(self.node), **self.marks}
        return all(environment.get(name) == value for name, value in wanted.items()) and not _PROGRAMS.isdisjoint(processes.words_of(pid))

    def mains(self, found: Collection[int]) -> list[int]:
        """Main processes: a supervisor's children, not another member's."""
        return [pid for pid in found if processes.parent_of(pid) not in found]

    def orphans(self) -> list[int]:
        """Members whose process group lost its leader: the main process was killed and nobody supervises them."""
        found = self.find()
        groups = {pid: processes.group_of(pid) for pid in found}
        leaderless = {group for group in set(groups.values()) if group is None or processes.age_of(group) is None or processes.is_zombie(group)}
        return [pid for pid in found if groups[pid] in leaderless]

    def is_starting(self) -> bool:
        """Whether it may yet take its tasks: no main process, one alone (it imports), or a member that was only just forked."""
        found = self.find()
        ages_s = [processes.age_of(pid) or 0.0 for pid in found]
        if len(found) < WHOLE:
            return not found or max(ages_s) < STARTS_WITHIN_S
        return min(ages_s) < SETTLED_S

    def end(self, why: str, members: Collection[int] | None = None) -> None:
        """SIGTERM to the main processes, SIGKILL to all that is left a moment later."""
        self._known.clear()
        found = self.find() if members is None else list(members)
        log.error("Ending the cluster %s (%d processes): %s.", cluster_name(self.node), len(found), why)
        held = [processes.hold(pid) for pid in found]
        mains = set(self.mains(found))
        for process in held:
            if process.pid in mains:
                process.signal(signal.SIGTERM)
        for process in held:
            if process.pid in mains:
                process.wait(1.5)
        for process in held:
            if not process.gone:
                process.kill(0.5)
            process.release()
