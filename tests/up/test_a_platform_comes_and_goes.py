"""`python -m mailplatform.up` whole: start, kill what can be killed, stop; nothing is left behind, nothing is lost."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from mailplatform.up import survivors
from mailplatform.up.options import ROOT
from mailplatform.up.postgres import EmbeddedPostgres
from tests.up.waiting import wait_until

SET_FOR_TESTS = ("DATABASE_URL", "TEST_DATABASE_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "DATA_DIR", "MAIL_MODE", "STATICFILES_BACKEND", "LOG_LEVEL")
PATIENCE_S = 90  # the machine may be busy with other tests


class Up:
    """One `bin/up` after another on the same data folder."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.output = folder / "output"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Until the panel is there; how long that took."""
        began = time.monotonic()
        with self.output.open("wb") as output:
            command = [sys.executable, "-m", "mailplatform.up", "--data", str(self.data), "--port", str(self.port), "--no-demo"]
            environment = {name: value for name, value in os.environ.items() if name not in SET_FOR_TESTS}
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True)
        wait_until(lambda: "Ctrl-C stops everything" in self.said() or self.ended(), PATIENCE_S)
        assert not self.ended(), self.said()
        return time.monotonic() - began

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def tell(self, number: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def left(self) -> list[str]:
        """The command lines of what belongs to this installation."""
        pids = {*survivors.marked(self.data), EmbeddedPostgres(self.data).pid() or 0} - {0}
        return [" ".join(psutil.Process(pid).cmdline()) for pid in pids if psutil.pid_exists(pid)]

    def engines(self) -> int:
        with psycopg.connect(EmbeddedPostgres(self.data).url) as connection:
            return connection.execute("SELECT count(*) FROM delivery_engine WHERE renewed_at > platform_now() - interval '2 seconds'").fetchone()[0]  # type: ignore[index]

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=3) as answer:
                return answer.status == 200
        except OSError:
            return False

    def one(self, *words: str) -> psutil.Process:
        """The oldest process of this installation with these words in its command line."""
        found = [psutil.Process(pid) for pid in survivors.marked(self.data)]
        return min((process for process in found if set(words) <= set(process.cmdline())), key=lambda process: process.create_time())


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    folder = Path(tempfile.mkdtemp(prefix="mp-up-"))
    one = Up(folder)
    yield one
    if one.process and not one.ended():
        one.tell(signal.SIGTERM)
    survivors.end_left_behind(one.data)
    EmbeddedPostgres(one.data).stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_platform_starts_survives_kills_and_leaves_nothing_behind(up: Up) -> None:
    # The first start: from nothing to a panel whose words are true.
    up.start()
    demo = json.loads((up.data / "demo.json").read_text())
    assert demo["url"] == f"http://127.0.0.1:{up.port}"
    assert demo["operator"]["password"] in up.said()
    assert demo["tenant"]["api_key"] in up.said()
    assert "curl" in up.said()
    assert {stat.S_IMODE((up.data / name).stat().st_mode) for name in ("demo.json", "demo-keys.json", "secrets.env", "environment.env")} == {0o600}
    wait_until(lambda: up.engines() == 2, PATIENCE_S)

    # No secret stands where others can read it: in a command line, a log, the supervisor's file.
    secrets = (up.data / "secrets.env").read_text()
    values = [line.split("=", 1)[1] for line in secrets.splitlines()]
    public = "\n".join([*up.left(), (up.data / "supervisord.conf").read_text(), *(log.read_text(errors="replace") for log in (up.data / "log").iterdir())])
    assert not [value for value in values if value in public]

    # What dies is started again, and the terminal says so.
    up.one("node_agent").kill()
    wait_until(lambda: "agent-" in up.said() and "was started again" in up.said(), PATIENCE_S)
    os.kill(EmbeddedPostgres(up.data).pid() or 0, signal.SIGKILL)
    wait_until(lambda: "postgres: terminated by SIGKILL" in up.said(), PATIENCE_S)
    wait_until(up.healthy, PATIENCE_S)

    # Killed from outside, and started again: what was left behind goes, the data stays.
    up.tell(signal.SIGKILL)
    assert up.left()
    up.start()
    assert json.loads((up.data / "demo.json").read_text()) == demo
    wait_until(lambda: up.engines() == 2, PATIENCE_S)

    # The supervisor itself, too, with bin/up: nobody is left to give orders.
    supervisor = up.one("supervisor.supervisord")
    up.tell(signal.SIGKILL)
    supervisor.kill()
    up.start()
    wait_until(up.healthy, PATIENCE_S)

    # Stopped: at once, wholly, and with everything kept.
    began = time.monotonic()
    assert up.tell(signal.SIGTERM) == 0
    assert time.monotonic() - began < 25
    assert up.left() == []
    assert (up.data / "postgres" / "PG_VERSION").exists()
    assert not (up.data / "postgres" / "postmaster.pid").exists(), "the database was shut down, not killed"


def test_the_other_mode_is_refused_and_leaves_nothing_behind(up: Up) -> None:
    command = [sys.executable, "-m", "mailplatform.up", "--data", str(up.data), "--port", str(up.port), "--live"]
    environment = {name: value for name, value in os.environ.items() if name not in SET_FOR_TESTS}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert done.stderr.startswith("This data was made for the sandbox")
    assert up.left() == []
