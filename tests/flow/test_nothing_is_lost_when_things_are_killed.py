"""Accepted mail survives kill -9 of engines, of a cluster, and a restart of the database: each message arrives, and arrives once.

The only exception is the unknowable moment: a dot that was written and whose answer reached no journal. It is counted by what the agents
found in the dead engines' journals, and every double must be one of those.
"""

import os
import signal
import threading
import time

import pytest

from tests.flow.platform import Client, Platform, wait_until

DOMAINS = 200
BUSIEST = "SELECT e.id, e.pid FROM delivery_engine e JOIN delivery_claimed c ON c.engine_id = e.id GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1"
QUEUED = "SELECT (SELECT count(*) FROM delivery_ready) + (SELECT count(*) FROM delivery_waiting) + (SELECT count(*) FROM delivery_claimed)"
HISTORY = """
    SELECT d.id, d.recipient, d.final, d.reason, d.reply,
           (SELECT json_agg(json_build_object('engine', a.engine_id, 'verdict', a.verdict, 'reply', a.reply))
              FROM delivery_attempt a WHERE a.id BETWEEN d.id AND (left(d.id::text, 34) || 'ff')::uuid)
      FROM delivery_delivery d WHERE d.id = %s
"""


def _submit(client: Client, sender: str, count: int, accepted: list[str], run: str) -> None:
    for start in range(0, count, 100):
        numbers = range(start, min(start + 100, count))
        common = {"from": sender, "text": "Hello " * 100, "stream": "notification"}
        batch = [{**common, "to": f"user{n}@{run}-{n % DOMAINS}.example", "subject": f"{run} {n}"} for n in numbers]
        headers = {"Idempotency_Key": f"{run}-{start}"}
        deadline = time.monotonic() + 60
        while True:
            try:
                status, answer = client.post("/api/v1/messages/batch", {"messages": batch}, **headers)
            except OSError:
                status, answer = 0, None
            if status == 202:
                break
            assert status in (0, 409, 503), answer  # what a client may see while the database is away, and tries again
            assert time.monotonic() < deadline
            time.sleep(0.2)
        accepted += [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]


def _kill_an_engine(platform: Platform, previous: set[int]) -> int:
    """Kill one that has work in its hands and is not one that was killed before."""
    busy = wait_until(lambda: platform.rows(BUSIEST), 30, "an engine had work in its hands", every_s=0.01)
    engine, pid = busy[0]
    os.kill(pid, signal.SIGKILL)
    previous.add(engine)
    return int(engine)


def _all_done(platform: Platform) -> bool:
    return platform.rows(QUEUED) == [(0,)]


@pytest.mark.parametrize("count", [1500, pytest.param(5000, marks=pytest.mark.long)])
def test_every_accepted_message_arrives_exactly_once(platform: Platform, count: int) -> None:
    accepted: list[str] = []
    killed: set[int] = set()
    submitting = threading.Thread(target=_submit, args=(platform.client(), platform.address(), count, accepted, f"k{os.getpid()}"))
    started = time.monotonic()
    submitting.start()
    for _ in range(3):
        dead = _kill_an_engine(platform, killed)
        wait_until(lambda: platform.rows("SELECT 1 FROM monitoring_verdict WHERE engine_id = %s", dead), 20, "the dead engine was found")  # noqa: B023
        wait_until(lambda: len(platform.engine_pids()) == 2, 30, "another engine had taken its place")
    os.kill(platform.cluster_pid("south-1"), signal.SIGKILL)
    time.sleep(0.5)
    _restart_database(platform)
    submitting.join(120)
    assert not submitting.is_alive()
    assert len(accepted) == count
    wait_until(lambda: _all_done(platform), 120, "everything was delivered", every_s=0.2)
    wait_until(lambda: len(platform.engine_pids()) == 2, 60, "both engines were back")
    print(f"\n{count} messages, 3 engines and a cluster killed, the database restarted: done after {time.monotonic() - started:.1f} s")
    _account_for(platform, accepted)


def _restart_database(platform: Platform) -> None:
    servers = [process for process in platform.processes() if process.name() == "postgres" and f"{platform.data}/postgres" in process.cmdline()]
    postmaster = min(servers, key=lambda process: process.create_time())  # a backend that is just being forked looks the same
    postmaster.send_signal(signal.SIGINT)
    postmaster.wait(30)
    wait_until(platform.ready, 60, "the platform was ready again")


def _account_for(platform: Platform, accepted: list[str]) -> None:
    arrivals = platform.arrivals()
    lost = [delivery for delivery in accepted if delivery not in arrivals]
    assert not lost, f"{len(lost)} lost, the first: {_history(platform, lost[0])}"
    doubled = {delivery: times for delivery, times in arrivals.items() if times > 1}
    unknowable = sum(row[0] for row in platform.rows("SELECT unknowable FROM monitoring_verdict"))
    unknowable += len(platform.rows("SELECT 1 FROM delivery_attempt WHERE verdict = 'unknown'"))
    print(f"doubled {len(doubled)}, unknowable {unknowable}")
    assert sum(times - 1 for times in doubled.values()) <= unknowable, [_history(platform, delivery) for delivery in doubled]
    assert platform.rows("SELECT final, count(*) FROM delivery_delivery WHERE final <> 'delivered' AND id = ANY(%s::uuid[]) GROUP BY 1", accepted) == []
    assert platform.rows("SELECT count(*) FROM delivery_claimed") == [(0,)]


def _history(platform: Platform, delivery: str) -> object:
    return platform.rows(HISTORY, delivery)


def test_once_the_database_is_back_no_request_meets_a_connection_of_before(platform: Platform) -> None:
    clients = [platform.client() for _ in range(8)]
    message = {"from": platform.address(), "to": "after@gmail.com", "subject": "Hello", "text": "Hello"}
    for client in clients:
        client.post("/api/v1/messages", message)
    _restart_database(platform)
    # Each by a new connection: the server closes those that are idle; its threads, and theirs to the database, stay.
    assert {platform.client().post("/api/v1/messages", message)[0] for _ in range(24)} == {202}
