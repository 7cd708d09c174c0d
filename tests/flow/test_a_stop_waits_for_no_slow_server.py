"""SIGTERM with servers that keep us waiting after the dot: the engines drain in under ten seconds; nothing is lost or goes twice uncounted."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.flow.platform import Platform, running, wait_until
from tests.flow.words import fresh, small_domain

DRAINED_S = 10.0
UNKNOWN = "SELECT count(*) FROM delivery_attempt WHERE verdict = 'unknown' AND id >= %s::uuid AND id <= (left(%s::text, 30) || 'ffffff')::uuid"
IN_HAND = "SELECT count(*) FROM delivery_claimed WHERE recipient LIKE 'hang+%%'"
FINAL = "SELECT final, count(*) FROM delivery_delivery WHERE id = ANY(%s::uuid[]) GROUP BY 1"


@pytest.fixture(scope="module")
def own() -> Iterator[Platform]:
    with running() as own:
        yield own


@pytest.mark.long  # it needs a platform of its own
def test_it_ends_in_time_and_says_which_answers_it_did_not_wait_for(own: Platform) -> None:
    silent = [own.send(f"hang+{fresh()}@{small_domain()}") for _ in range(4)]
    wait_until(lambda: own.rows(IN_HAND) == [(4,)] and _dots(own) >= 4, 30, "four dots were written and not answered")
    own.control("latency", ms=300)
    common = {"from": own.address(), "text": "Hello", "stream": "notification"}
    batch = [{**common, "to": f"user{n}@{fresh()}.postfix.test", "subject": f"{n}"} for n in range(100)]
    status, answer = own.client().post("/api/v1/messages/batch", {"messages": batch})
    assert status == 202
    ids = [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]
    wait_until(own.arrivals, 30, "some had arrived")
    engines = own.engine_pids()
    started = time.monotonic()
    for node in ("north-1", "south-1"):
        os.kill(own.cluster_pid(node), signal.SIGTERM)
    wait_until(lambda: not engines.keys() & own.engine_pids().keys(), 20, "the engines had ended", every_s=0.02)
    took_s = time.monotonic() - started
    print(f"\ndrained in {took_s:.1f} s")
    assert took_s < DRAINED_S
    for message in silent:
        assert own.rows(UNKNOWN, message, message) == [(1,)]
        assert own.delivery(message)["state"] in ("deferred", "sending", "queued"), "it is no crash: nothing is held"
    # A loop that a busy machine starves may be judged frozen all the same; what ended by itself is never taken for dead.
    assert own.rows("SELECT count(*) FROM monitoring_verdict WHERE unknowable > 0 AND kind <> 'frozen'") == [(0,)]
    wait_until(lambda: own.rows(FINAL, ids) == [("delivered", len(ids))], 60, "the rest was delivered", every_s=0.3)
    arrivals = own.arrivals()
    assert {arrivals.get(delivery, 0) for delivery in ids} == {1}


def _dots(own: Platform) -> int:
    return sum(line.startswith(b"D ") for journal in (own.data / "journal").glob("*.journal") for line in journal.read_bytes().splitlines())

