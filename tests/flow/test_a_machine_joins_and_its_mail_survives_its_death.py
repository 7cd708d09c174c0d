"""Two `bin/up` on one platform: the second joins with a join file, takes mail and delivers, and dies with everything in its hands."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mailplatform.up import survivors
from tests.flow.platform import OWN_SETTINGS, ROOT, Client, Platform, running, wait_until
from tests.flow.words import fresh

PATIENCE_S = 180  # the machine may be busy with other tests
JOIN = ("--join", "--secrets")
pytestmark = pytest.mark.long  # it starts two platforms


class Joined(Platform):
    """The second machine: its own data folder, the first one's database and simulated internet."""

    def join(self, *options: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
        command = [sys.executable, "-m", "mailplatform.up", "--data", str(self.data), "--port", str(self.port), *options]
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        wait_until(self._is_up, PATIENCE_S, "the second machine was ready", alive=lambda: self.process is not None and self.process.poll() is None)

    def kill_all(self) -> None:
        """As when the machine loses its power."""
        for pid in {*survivors.marked(self.data), self.process.pid if self.process else 0} - {0}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def first() -> Iterator[Platform]:
    with running(within_s=PATIENCE_S, options=("--zone", "north")) as own:
        yield own


@pytest.fixture(scope="module")
def second(first: Platform) -> Iterator[Joined]:
    file = first.data.parent / "join.env"
    told = first.manage("join_file", str(file))
    assert file.stat().st_mode & 0o777 == 0o600 and "SECRET_KEY=" in file.read_text()
    assert not any(line.split("=", 1)[1] in told for line in file.read_text().splitlines() if line.startswith(("SECRET_KEY", "ENCRYPTION_KEYS")))
    joined = Joined(first.data.parent / "second")
    try:
        joined.join("--join", "--secrets", str(file), "--zone", "south")
        file.unlink()
        yield joined
    finally:
        joined.kill_all()
        survivors.end_left_behind(joined.data)


def zones_with_engines(platform: Platform) -> set[str]:
    rows = platform.rows(
        "SELECT DISTINCT z.name FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id JOIN pools_zone z ON z.id = n.zone_id "
        "WHERE e.renewed_at > platform_now() - interval '1 s'"
    )
    return {name for (name,) in rows}


def submit(first: Platform, second: Joined, count: int) -> list[str]:
    """Through the second machine's API, with a tenant's key of the first."""
    client = Client(f"http://127.0.0.1:{second.port}", first.demo["tenant"]["api_key"])
    common = {"from": first.address(), "subject": "Hello", "text": "Hello", "stream": "transactional"}
    run = fresh()
    status, answer = client.post("/api/v1/messages/batch", {"messages": [{**common, "to": f"{run}-{n}@gmail.com"} for n in range(count)]})
    assert status == 202, answer
    return [message["deliveries"][0]["id"] for message in answer["messages"]]


def test_both_machines_deliver_and_the_joined_ones_death_loses_nothing(first: Platform, second: Joined) -> None:
    wait_until(lambda: zones_with_engines(first) == {"north", "south"}, PATIENCE_S, "both machines' engines ran")
    assert {name for (name,) in first.rows("SELECT n.name FROM monitoring_machine_nodes l JOIN pools_node n ON n.id = l.node_id")} == {"north-1", "south-1"}
    quick = submit(first, second, 40)
    wait_until(lambda: set(quick) <= first.arrivals().keys(), 30, "what the second machine took was delivered")
    by_zone = "SELECT count(*) FROM delivery_attempt a JOIN pools_sendingip i ON i.id = a.ip_id JOIN pools_node n ON n.id = i.node_id WHERE n.name = %s"
    assert first.rows(by_zone, "south-1")[0][0] > 0

    first.control("latency", ms=300)
    slow = submit(first, second, 300)
    in_hand = (
        "SELECT count(*) FROM delivery_claimed c JOIN delivery_engine e ON e.id = c.engine_id JOIN pools_node n ON n.id = e.node_id WHERE n.name = 'south-1'"
    )
    wait_until(lambda: first.rows(in_hand)[0][0] > 0, 10, "the second machine had some in its hands")
    second.kill_all()
    first.control("latency", ms=0)
    wait_until(lambda: set(slow) <= first.arrivals().keys(), 60, "all of it was delivered by the first")
    wait_until(lambda: first.queued() == 0, 30, "nothing was left")
    wait_until(lambda: zones_with_engines(first) == {"north"}, 30, "the second's engine was given up")
    given_back, unknowable = first.rows("SELECT sum(given_back), sum(unknowable) FROM monitoring_verdict v JOIN pools_node n ON n.id = v.node_id "
                                        "WHERE n.name = 'south-1'")[0]  # fmt: skip
    assert given_back > 0
    twice = Counter(first.arrivals())
    assert sum(twice[one] - 1 for one in slow) <= given_back + (unknowable or 0)


def test_it_comes_back_by_itself_and_another_machine_may_not_have_its_node(first: Platform, second: Joined, tmp_path: Path) -> None:
    second.join()  # the folder remembers what it has joined, and the join file is gone
    wait_until(lambda: zones_with_engines(first) == {"north", "south"}, PATIENCE_S, "it was back")
    file = tmp_path / "join.env"
    first.manage("join_file", str(file))
    third = Joined(tmp_path / "third")
    command = [sys.executable, "-m", "mailplatform.up", "--data", str(third.data), "--port", str(third.port), *JOIN, str(file), "--zone", "south"]
    environment = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1 and done.stderr.startswith("Node south-1 runs on another machine"), done.stderr
