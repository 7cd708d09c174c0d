"""mailplatform.up.postgres: starts, stops, survives kills; as root and as an ordinary user; wherever its folder lies."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mailplatform.up.postgres import SOCKET_PATH_LIMIT, EmbeddedPostgres
from tests.up.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
NOBODY = 65534


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mp-pg-"))
    yield folder / "data"
    EmbeddedPostgres(folder / "data").stop()
    shutil.rmtree(folder, ignore_errors=True)


def server(data: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(data, fsync="off", shared_buffers="16MB", max_connections="20")


def test_it_keeps_its_data_over_a_stop_and_a_kill(data: Path) -> None:
    first = server(data)
    first.start()
    with psycopg.connect(first.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    first.stop()
    assert first.pid() is None

    second = server(data)
    second.start()
    killed = second.pid()
    assert killed
    os.kill(killed, signal.SIGKILL)
    assert second.process
    second.process.wait(10)

    third = server(data)
    third.start()
    with psycopg.connect(third.url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (1,)
    third.stop()


def test_a_server_that_still_runs_is_found_not_doubled(data: Path) -> None:
    first, second = server(data), server(data)
    first.start()
    second.start()
    assert second.process is None
    assert first.pid() == second.pid()
    second.stop()  # by its process id, whoever started it
    assert first.pid() is None


def test_nobody_else_can_reach_it(data: Path) -> None:
    one = server(data)
    one.start()
    assert stat.S_IMODE(one.socket_folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(one.cluster.stat().st_mode) == 0o700
    with psycopg.connect(one.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'peer'").fetchone() == (0,)


def test_a_folder_too_deep_for_a_socket_gets_one_elsewhere(data: Path) -> None:
    deep = data / ("d" * 60) / ("e" * 60)
    one = server(deep)
    assert len(str(one.socket_folder)) <= SOCKET_PATH_LIMIT
    one.start()
    with psycopg.connect(one.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    one.stop()
    shutil.rmtree(one.socket_folder)


def test_it_serves_an_ordinary_user_too(data: Path) -> None:
    """Root's own tests run in a user namespace; this one is started by a user without any rights."""
    if os.geteuid() != 0:
        pytest.skip("these tests run as an ordinary user already")
    folder = data.parent
    os.chown(folder, NOBODY, NOBODY)
    program = (
        "import sys, pathlib, psycopg\n"
        "from mailplatform.up.postgres import EmbeddedPostgres\n"
        "one = EmbeddedPostgres(pathlib.Path(sys.argv[1]), fsync='off', shared_buffers='16MB', max_connections='20')\n"
        "one.start()\n"
        "print(psycopg.connect(one.url).execute('SELECT 41 + 1').fetchone()[0])\n"
        "one.stop()\n"
        "print(one.pid())\n"
    )
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-c", program, str(data)]
    if subprocess.run([*command[:5], "-c", "import mailplatform.up.postgres"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("an ordinary user may not read this checkout or its Python")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "HOME": str(folder)})
    assert done.stdout.split() == ["42", "None"], done.stderr


def test_a_supervised_server_is_the_process_that_was_started(data: Path) -> None:
    """supervisord signals the process that it started: `unshare` must have become PostgreSQL, not its parent."""
    one = server(data)
    one.make()
    process = subprocess.Popen(one.command(), stderr=subprocess.DEVNULL)
    wait_until(one.answers, 10)
    assert one.pid() == process.pid
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
