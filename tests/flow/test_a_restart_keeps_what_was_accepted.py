"""The whole platform stops with mail in the queue, by SIGTERM and by kill -9 of its supervisor: after the next start everything arrives, once."""

from collections.abc import Iterator

import pytest

from tests.flow.platform import Platform, running, wait_until
from tests.flow.words import fresh

UNKNOWABLE = "SELECT (SELECT coalesce(sum(unknowable), 0) FROM monitoring_verdict) + (SELECT count(*) FROM delivery_attempt WHERE verdict = 'unknown')"


@pytest.fixture(scope="module")
def own() -> Iterator[Platform]:
    with running() as own:
        yield own


def _submit(own: Platform, count: int) -> list[str]:
    """Accepted by the platform and not yet all delivered: the servers are slow to answer."""
    own.control("latency", ms=400)
    run = fresh()
    common = {"from": own.address(), "text": "Hello", "stream": "notification"}
    batch = [{**common, "to": f"user{n}@{run}-{n % 5}.postfix.test", "subject": f"{n}"} for n in range(count)]
    status, answer = own.client().post("/api/v1/messages/batch", {"messages": batch})
    assert status == 202
    wait_until(own.arrivals, 30, "the first had arrived")
    assert own.queued()
    return [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]


def _all_arrived(own: Platform, ids: list[str]) -> dict[str, int]:
    final = "SELECT final, count(*) FROM delivery_delivery WHERE id = ANY(%s::uuid[]) GROUP BY 1"
    wait_until(lambda: own.rows(final, ids) == [("delivered", len(ids))], 90, "all were delivered", every_s=0.3)
    arrivals = own.arrivals()
    return {delivery: arrivals.get(delivery, 0) for delivery in ids}


def test_a_stop_and_a_start_lose_and_double_nothing(own: Platform) -> None:
    ids = _submit(own, 400)
    assert own.stop() == 0
    assert own.processes() == []
    own.start()
    assert set(_all_arrived(own, ids).values()) == {1}


def test_a_killed_supervisor_is_cleared_up_after_by_the_next_start(own: Platform) -> None:
    ids = _submit(own, 400)
    assert own.process is not None
    own.process.kill()
    own.process.wait(10)
    own.start()
    arrivals = _all_arrived(own, ids)
    assert 0 not in arrivals.values()
    assert sum(times - 1 for times in arrivals.values()) <= own.rows(UNKNOWABLE)[0][0]
    assert own.rows("SELECT count(*) FROM delivery_claimed") == [(0,)]
