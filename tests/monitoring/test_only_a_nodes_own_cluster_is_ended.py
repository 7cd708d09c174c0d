"""Finding and ending cluster processes, with stand-ins: a main process and a child, marked by environment and command line."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from monitoring import processes
from monitoring.clusters import ClusterProcesses

from .conftest import until

TREE = "import os, sys, time; child = os.fork(); print(os.getpid(), flush=True) if child else None; time.sleep(60)"


@pytest.fixture
def start() -> Iterator[object]:
    started: list[subprocess.Popen[str]] = []

    def begin(cluster: str, database: str) -> int:
        environment = {**os.environ, "Q_CLUSTER_NAME": cluster, "DATABASE_URL": database}
        process = subprocess.Popen([sys.executable, "-c", TREE, "qcluster"], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.append(process)
        assert process.stdout is not None
        return int(process.stdout.readline())

    yield begin
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()



def test_a_cluster_is_known_by_its_name_and_its_installation(start) -> None:  # type: ignore[no-untyped-def]
    mine = start("delivery-north-1", "postgresql://mine/")
    start("delivery-south-1", "postgresql://mine/")
    start("delivery-north-1", "postgresql://another/")
    cluster = ClusterProcesses("north-1", marks={"DATABASE_URL": "postgresql://mine/"})
    found = cluster.find()
    assert len(found) == 2
    assert cluster.mains(found) == [mine]
    assert cluster.orphans() == []
    assert cluster.is_starting(), "two processes are no whole cluster yet"


def test_ending_a_cluster_ends_all_of_it_and_no_other(start) -> None:  # type: ignore[no-untyped-def]
    start("delivery-north-1", "postgresql://mine/")
    other = start("delivery-south-1", "postgresql://mine/")
    cluster = ClusterProcesses("north-1", marks={"DATABASE_URL": "postgresql://mine/"})
    cluster.end("a test")
    until(lambda: cluster.find() == [], 20, "ended")
    assert not processes.is_zombie(other)


def test_a_cluster_whose_main_process_was_killed_is_known_as_orphaned(start) -> None:  # type: ignore[no-untyped-def]
    main = start("delivery-north-1", "postgresql://mine/")
    cluster = ClusterProcesses("north-1", marks={"DATABASE_URL": "postgresql://mine/"})
    (child,) = set(cluster.find()) - {main}
    os.kill(main, signal.SIGKILL)
    until(lambda: cluster.orphans() == [child], 20, "orphaned")
    cluster.end("its main process is gone", cluster.orphans())
    until(lambda: cluster.find() == [], 20, "ended")
