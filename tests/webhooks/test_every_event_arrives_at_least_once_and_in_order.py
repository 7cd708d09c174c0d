"""Senders are killed, the database restarts, two work side by side: each event arrives, those of one message in their order, and again under the same id."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from delivery.webhooks.rooms import MOST_AN_ENDPOINT
from tests.queue.house import House, rows
from tests.webhooks.house import endpoint, happens, states, time_passes
from tests.webhooks.receiver import Answer, Heard, Receiver
from tests.webhooks.sending import database_url, sending, until

END_OTHERS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND NOT pid = ANY (%s)
"""
ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.django_db(transaction=True)


def a_little_late(_: Heard) -> Answer:
    time.sleep(random.uniform(0.001, 0.02))
    return 204, {}, b""


def first_heard(receiver: Receiver) -> dict[str, int]:
    """At which place each id was heard first."""
    places: dict[str, int] = {}
    for place, heard in enumerate(receiver.heard):
        places.setdefault(heard.id, place)
    return places


def assert_all_in_order(receiver: Receiver, messages: list[list[str]]) -> None:
    places = first_heard(receiver)
    for message in messages:
        heard_at = [places[event] for event in message]
        assert heard_at == sorted(heard_at)


@contextmanager
def process() -> Iterator[subprocess.Popen[bytes]]:
    """The real thing."""
    environment = {**os.environ, "DATABASE_URL": database_url(), "LOG_LEVEL": "WARNING"}
    running = subprocess.Popen([sys.executable, "manage.py", "webhooks"], cwd=ROOT, env=environment)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def test_kill_9_loses_nothing_and_what_comes_twice_has_the_same_id() -> None:
    house, kills = House.build(), 3
    with Receiver(answers=a_little_late) as receiver:
        endpoint(house.tenant, receiver.url())
        messages = happens(house.tenant, messages=150, each=5)
        for _ in range(kills):
            with process() as sender:
                before = len(receiver.heard)
                until(lambda now=before: len(receiver.heard) > now + random.randrange(20, 150), 60)
                sender.kill()
                sender.wait()
            time_passes()
        with process() as sender:
            until(lambda: states() == {"sent": 750}, 60)
            sender.terminate()
            assert sender.wait(15) == 0, "it ends cleanly when it is told to"
    assert_all_in_order(receiver, messages)
    times = Counter(heard.id for heard in receiver.heard)
    assert set(times) == {event for message in messages for event in message}
    assert len(receiver.heard) - len(times) <= kills * 4 * MOST_AN_ENDPOINT, "only what was in its hands, or not yet written down, comes twice"


def test_two_senders_share_the_work_and_keep_the_order() -> None:
    house = House.build()
    with Receiver(answers=a_little_late) as receiver, sending(), sending():
        endpoint(house.tenant, receiver.url())
        messages = happens(house.tenant, messages=60, each=4)
        until(lambda: states() == {"sent": 240})
    assert_all_in_order(receiver, messages)
    assert max(Counter(heard.id for heard in receiver.heard).values()) == 1


def test_a_failed_event_keeps_the_later_ones_of_its_message_waiting_and_no_others() -> None:
    house = House.build()
    lost: list[str] = []

    def refuses_one(heard: Heard) -> Answer:
        return (500 if heard.id in lost else 204), {}, b""

    with Receiver(answers=refuses_one) as receiver:
        endpoint(house.tenant, receiver.url())
        one, *others = happens(house.tenant, messages=6, each=3)
        lost.append(one[1])
        with sending():
            until(lambda: states().get("sent") == 16)
            assert one[2] not in [heard.id for heard in receiver.heard]
            lost.clear()
            time_passes()
            until(lambda: states() == {"sent": 18})
    assert_all_in_order(receiver, [one, *others])


def test_what_was_in_hand_when_it_ended_is_given_back_at_once() -> None:
    house, gate = House.build(), threading.Event()

    def never(_: Heard) -> Answer:
        gate.wait(20)
        return 204, {}, b""

    with Receiver(answers=never) as receiver:
        endpoint(house.tenant, receiver.url())
        happens(house.tenant, messages=1)
        with sending():
            until(lambda: receiver.heard)
        assert rows("SELECT state, due_at <= platform_now() FROM delivery_webhookevent") == [("pending", True)]
        gate.set()


def test_what_came_of_it_is_kept_while_the_database_is_away() -> None:
    """Its sessions are ended while requests are under way, again and again; nothing is lost, nothing stays pending."""
    house = House.build()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        not_the_senders = [pid for (pid,) in cursor.fetchall()]  # a browser's server of other tests keeps its own
    with Receiver(answers=a_little_late) as receiver, sending():
        endpoint(house.tenant, receiver.url())
        messages = happens(house.tenant, messages=80, each=3)
        for _ in range(5):
            rows(END_OTHERS, not_the_senders)
            time.sleep(0.1)
        until(lambda: (time_passes(), states() == {"sent": 240})[1], 40)
    assert_all_in_order(receiver, messages)
