"""kill -9 of any of the platform's processes: mail that is submitted then is delivered, and the process is back."""

import http.client
import os
import signal

import pytest

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh, small_domain

PROCESSES = {
    "node agent": ("node_agent", {"NODE": "north-1"}),
    "watcher": ("manage.py watcher", {"ZONE": "south"}),
    "jobs cluster": ("manage.py qcluster", {"Q_CLUSTER_NAME": "jobs"}),
    "web server": ("gunicorn", {}),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_mail_goes_on_and_the_process_is_back(platform: Platform, name: str) -> None:
    command, environment = PROCESSES[name]
    before = platform.pid_of(command, **environment)
    assert before
    os.kill(before, signal.SIGKILL)
    message = wait_until(lambda: _sent(platform), 40, "a message was accepted")
    wait_until(lambda: platform.pid_of(command, **environment) not in (0, before), 60, f"the {name} was back")
    wait_until(platform.ready, 60, "the platform was ready")
    platform.until(message, "delivered", within_s=40)


def test_an_engine_is_replaced_while_its_agent_is_away(platform: Platform) -> None:
    """Agent and engine die together: the other node delivers meanwhile, and both come back."""
    (engine, pid), *_ = platform.rows("SELECT e.id, e.pid FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id WHERE n.name = 'north-1'")
    os.kill(platform.pid_of("node_agent", NODE="north-1"), signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    platform.until(platform.send(f"{fresh()}@{small_domain()}"), "delivered", within_s=40)
    wait_until(lambda: len(platform.engine_pids()) == 2 and engine not in platform.engine_pids(), 60, "the engine was replaced")


def _sent(platform: Platform) -> str:
    try:
        return platform.send(f"{fresh()}@{small_domain()}")
    except (OSError, http.client.HTTPException):
        return ""
