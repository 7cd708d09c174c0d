"""`python -m mailplatform.up` whole: start, stop, kill what can be killed, start again; nothing is left behind, nothing accepted is lost."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from mailplatform.up import survivors
from mailplatform.up.options import ROOT
from mailplatform.up.postgres import EmbeddedPostgres
from tests.flow.platform import OWN_SETTINGS, Platform, running, wait_until
from tests.flow.words import fresh

PATIENCE_S = 90  # the machine may be busy with other tests
UNKNOWABLE = "SELECT (SELECT coalesce(sum(unknowable), 0) FROM monitoring_verdict) + (SELECT count(*) FROM delivery_attempt WHERE verdict = 'unknown')"


@pytest.fixture(scope="module")
def up() -> Iterator[Platform]:
    with running() as own:
        yield own
        survivors.end_left_behind(own.data)


def _said(up: Platform) -> str:
    """All that its starts have told their terminal."""
    return (up.data.parent / "up.log").read_text(errors="replace")


def _left(up: Platform) -> list[str]:
    """The command lines of what belongs to this installation."""
    pids = {*survivors.marked(up.data), EmbeddedPostgres(up.data).pid() or 0} - {0}
    return [" ".join(psutil.Process(pid).cmdline()) for pid in pids if psutil.pid_exists(pid)]


def _one(up: Platform, *words: str) -> psutil.Process:
    """The oldest process of this installation with these words in its command line."""
    found = [psutil.Process(pid) for pid in survivors.marked(up.data)]
    return min((process for process in found if set(words) <= set(process.cmdline())), key=lambda process: process.create_time())


def _kill(up: Platform) -> None:
    """`bin/up` alone, by kill -9."""
    assert up.process is not None
    up.process.kill()
    up.process.wait(10)


def _submit(up: Platform, count: int) -> list[str]:
    """Accepted and not yet all delivered: the servers are slow to answer."""
    up.control("latency", ms=400)
    run, before = fresh(), len(up.arrivals())
    common = {"from": up.address(), "text": "Hello", "stream": "notification"}
    batch = [{**common, "to": f"user{n}@{run}-{n % 5}.postfix.test", "subject": f"{n}"} for n in range(count)]
    status, answer = up.client().post("/api/v1/messages/batch", {"messages": batch})
    assert status == 202
    wait_until(lambda: len(up.arrivals()) > before, 30, "the first had arrived")
    assert up.queued()
    return [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]


def _arrivals(up: Platform, ids: list[str]) -> list[int]:
    """How often each of these arrived, once all have."""
    final = "SELECT final, count(*) FROM delivery_delivery WHERE id = ANY(%s::uuid[]) GROUP BY 1"
    wait_until(lambda: up.rows(final, ids) == [("delivered", len(ids))], PATIENCE_S, "all were delivered", every_s=0.3)
    arrivals = up.arrivals()
    return [arrivals.get(delivery, 0) for delivery in ids]


def test_a_platform_starts_stops_survives_kills_and_loses_nothing(up: Platform) -> None:
    # The first start: from nothing to a panel whose words are true.
    wait_until(lambda: "Ctrl-C stops everything" in _said(up), PATIENCE_S, "the panel was there")
    assert up.demo["url"] == f"http://127.0.0.1:{up.port}"
    assert up.demo["operator"]["password"] in _said(up)
    assert up.demo["tenant"]["api_key"] in _said(up)
    assert "curl" in _said(up)
    assert {stat.S_IMODE((up.data / name).stat().st_mode) for name in ("demo.json", "demo-keys.json", "secrets.env", "environment.env")} == {0o600}

    # Passwords are kept by a hash that is slow on purpose.
    kept = [password for (password,) in up.rows("SELECT password FROM tenants_user")]
    assert kept and all(password.startswith("pbkdf2_sha256$1000000$") for password in kept)

    # No secret stands where others can read it: in a command line, a log, the supervisor's file.
    secrets = (up.data / "secrets.env").read_text()
    values = [line.split("=", 1)[1] for line in secrets.splitlines()]
    public = "\n".join([*_left(up), (up.data / "supervisord.conf").read_text(), *(log.read_text(errors="replace") for log in (up.data / "log").iterdir())])
    assert not [value for value in values if value in public]

    # Stopped with mail in the queue: at once, wholly; after the next start everything arrives, once.
    ids, began, demo = _submit(up, 400), time.monotonic(), up.demo
    assert up.stop() == 0
    assert time.monotonic() - began < 45
    assert _left(up) == []
    assert up.processes() == []
    assert not (up.data / "postgres" / "postmaster.pid").exists(), "the database was shut down, not killed"
    up.start()
    assert up.demo == demo
    assert set(_arrivals(up, ids)) == {1}

    # What dies is started again, and the terminal says so; after a pause, if it died within its first two seconds.
    _one(up, "node_agent").kill()
    told = re.compile(r"agent-\S+: terminated by SIGKILL; it (was started again|will be started again after a pause)")
    wait_until(lambda: told.search(_said(up)), PATIENCE_S, "the agent's restart was told")
    os.kill(EmbeddedPostgres(up.data).pid() or 0, signal.SIGKILL)
    wait_until(lambda: "postgres: terminated by SIGKILL" in _said(up), PATIENCE_S, "the database's end was told")
    wait_until(up.ready, PATIENCE_S, "it was ready again")

    # Killed from outside with mail in the queue, then started again: what was left behind goes, the data and the mail stay.
    ids = _submit(up, 400)
    _kill(up)
    assert _left(up)
    up.start()
    arrivals = _arrivals(up, ids)
    assert 0 not in arrivals
    assert sum(times - 1 for times in arrivals) <= up.rows(UNKNOWABLE)[0][0]
    assert up.rows("SELECT count(*) FROM delivery_claimed") == [(0,)]

    # The supervisor itself, too, with bin/up: nobody is left to give orders.
    supervisor = _one(up, "supervisor.supervisord")
    _kill(up)
    supervisor.kill()
    up.start()
    assert up.stop() == 0
    assert _left(up) == []
    assert (up.data / "postgres" / "PG_VERSION").exists()


def test_the_other_mode_is_refused_and_leaves_nothing_behind(up: Platform) -> None:
    command = [sys.executable, "-m", "mailplatform.up", "--data", str(up.data), "--port", str(up.port), "--live"]
    environment = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert done.stderr.startswith("This data was made for the sandbox")
    assert json.loads((up.data / "demo.json").read_text()) == up.demo
    assert _left(up) == []
