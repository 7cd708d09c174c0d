"""The dot was written and no answer came: the one moment in which mail may go twice. It is told as it is, and tried again."""

import os
import signal
import time

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh, small_domain

HOLDER = "SELECT e.id, e.pid FROM delivery_claimed c JOIN delivery_engine e ON e.id = c.engine_id WHERE c.id >= %s::uuid"


def _unknown(attempt: dict[str, object]) -> bool:
    return (attempt["verdict"], attempt["reason"], attempt["fault"], attempt["phase"]) == ("unknown", "network.answer_lost", "infrastructure", "body")


def test_a_connection_cut_after_the_dot_is_unknown_and_tried_again(platform: Platform) -> None:
    message = platform.send(f"drop+{fresh()}@{small_domain()}")
    first = platform.until(message, "deferred", attempts=1)
    assert _unknown(first["attempts"][0])
    assert "354" not in first["attempts"][0]["reply"]  # not the last word before the dot, which says nothing of what became of it
    platform.make_due(message)
    again = platform.until(message, "deferred", attempts=2)
    assert platform.arrived(again["id"]) == []


def test_one_that_was_taken_without_an_answer_goes_twice_and_both_are_counted(platform: Platform) -> None:
    message = platform.send(f"dropkeep+{fresh()}@{small_domain()}")
    platform.until(message, "deferred", attempts=1)
    platform.make_due(message)
    delivery = platform.until(message, "deferred", attempts=2)
    assert all(map(_unknown, delivery["attempts"]))
    assert len(platform.arrived(delivery["id"])) == 2


def test_a_server_that_never_answers_the_dot_holds_up_nobody_else(platform: Platform) -> None:
    domain = small_domain()
    silent = platform.send(f"hang+{fresh()}@{domain}")
    wait_until(lambda: platform.delivery(silent)["state"] == "sending", 30, "it was being sent")
    platform.until(platform.send(f"{fresh()}@{domain}"), "delivered")
    assert platform.delivery(silent)["state"] == "sending"
    time.sleep(2)  # its dot is written: nothing outside the engine tells of that
    platform.control("outage", provider=domain, mode="reset")
    assert _unknown(platform.until(silent, "deferred", attempts=1)["attempts"][0])


def test_a_message_in_whose_hands_engines_die_twice_is_held(platform: Platform) -> None:
    """No message crashes engine after engine: the third one never gets it."""
    message = platform.send(f"hang+{fresh()}@{small_domain()}")
    killed: set[int] = set()
    for _ in range(2):
        engine, pid = wait_until(lambda: [row for row in platform.rows(HOLDER, message) if row[0] not in killed], 40, "an engine had it")[0]
        wait_until(lambda e=engine: _dot_written(platform, e), 20, "its dot was written")
        os.kill(pid, signal.SIGKILL)
        killed.add(engine)
    platform.until(message, "held", within_s=40)
    wait_until(lambda: len(platform.engine_pids()) == 2, 60, "both engines were back")


def _dot_written(platform: Platform, engine: int) -> bool:
    journal = platform.data / "journal" / f"engine-{engine}.journal"
    return journal.exists() and any(line.startswith(b"D ") for line in journal.read_bytes().rstrip(b"\0").splitlines()[-1:])
