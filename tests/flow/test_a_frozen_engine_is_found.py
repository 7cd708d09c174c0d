"""SIGSTOP of an engine with work in its hands: found by its silence, ended, and its mail goes along others. Nothing is lost, nothing doubled."""

import contextlib
import os
import signal
import time

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh

BUSIEST = "SELECT e.id, e.pid FROM delivery_engine e JOIN delivery_claimed c ON c.engine_id = e.id GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1"
FOUND = "SELECT kind, unknowable, extract(epoch FROM at - last_sign_at)::float8 FROM monitoring_verdict WHERE engine_id = %s"


def test_it_is_found_and_its_mail_arrives_once(platform: Platform) -> None:
    run = fresh()
    common = {"from": platform.address(), "text": "Hello", "stream": "notification"}
    batch = [{**common, "to": f"user{n}@{run}-{n % 40}.example", "subject": f"{n}"} for n in range(600)]
    status, answer = platform.client().post("/api/v1/messages/batch", {"messages": batch})
    assert status == 202
    ids = [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]
    (engine, pid), *_ = wait_until(lambda: platform.rows(BUSIEST), 30, "an engine had work in its hands", every_s=0.0)
    os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        ((kind, unknowable, silent_s),) = wait_until(lambda: platform.rows(FOUND, engine), 20, "the frozen engine was found", every_s=0.02)
        print(f"\nfound {time.monotonic() - stopped:.2f} s after SIGSTOP, {silent_s:.2f} s after its last sign")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert kind == "frozen"
    final = "SELECT final, count(*) FROM delivery_delivery WHERE id = ANY(%s::uuid[]) GROUP BY 1"
    wait_until(lambda: platform.rows(final, ids) == [("delivered", len(ids))], 90, "all were delivered", every_s=0.3)
    arrivals = platform.arrivals()
    assert [delivery for delivery in ids if delivery not in arrivals] == []
    assert sum(arrivals[delivery] - 1 for delivery in ids) <= unknowable
    wait_until(lambda: len(platform.engine_pids()) == 2 and engine not in platform.engine_pids(), 60, "the engine was replaced")
