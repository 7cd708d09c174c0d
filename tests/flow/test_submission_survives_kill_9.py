"""kill -9 of the submission process under load: what got its 250 is delivered once; what did not is stored at most once, and trying again with the
same key never doubles it."""

import os
import random
import signal
import smtplib
import threading
import time
from uuid import UUID

import pytest

from mailplatform.shell.ids import delivery_id
from tests.flow.platform import Platform, wait_until
from tests.flow.smtp_client import logged_in, send
from tests.flow.words import fresh

SESSIONS = 8
STORED = "SELECT subject, count(*), min(id::text) FROM delivery_message WHERE subject LIKE %s GROUP BY 1"


class Program(threading.Thread):
    """Sends numbered messages until told to stop. `tries_again`: with the same key until it hears 250."""

    def __init__(self, platform: Platform, run: str, number: int, tries_again: bool) -> None:
        super().__init__(daemon=True)
        self._platform, self._run, self._number, self._tries_again = platform, run, number, tries_again
        self.told: dict[str, str] = {}  # subject → id, of what got its 250
        self.unanswered: set[str] = set()
        self.again = 0
        self.stopping = threading.Event()
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            self._send_all()
        except BaseException as error:
            self.failed = error

    def _send_all(self) -> None:
        client, count = None, 0
        while not self.stopping.is_set():
            count += 1
            subject = f"{self._run} {self._number} {count}"
            while subject not in self.told:
                client = client or self._connected()
                try:
                    to = f"user{self._number}-{count}@{self._run}.example"
                    fields = {"X-Mailplatform-Idempotency-Key": subject, "X-Mailplatform-Stream": "notification"}
                    self.told[subject] = send(client, self._platform.address(), to, subject, **fields)
                except (OSError, smtplib.SMTPException) as error:
                    assert not isinstance(error, smtplib.SMTPResponseException) or 400 <= error.smtp_code < 500, error
                    client.close()
                    client = None
                    if not self._tries_again:
                        self.unanswered.add(subject)
                        break
                    self.again += 1
        if client:
            client.quit()

    def _connected(self) -> smtplib.SMTP:
        while True:
            try:
                return logged_in(self._platform)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)


@pytest.mark.parametrize("kills", [pytest.param(3, id="3"), pytest.param(20, id="20", marks=pytest.mark.long)])
def test_what_got_its_250_is_delivered_once_and_nothing_is_doubled(platform: Platform, kills: int) -> None:
    run = fresh("k")
    programs = [Program(platform, run, number, tries_again=number % 2 == 0) for number in range(SESSIONS)]
    for program in programs:
        program.start()
    for _ in range(kills):
        _await_traffic(programs)
        pid = wait_until(lambda: platform.pid_of("manage.py submission"), 30, "it ran")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: platform.pid_of("manage.py submission") not in (0, pid), 30, "the supervisor had started it again")  # noqa: B023
    _await_traffic(programs)
    for program in programs:
        program.stopping.set()
    for program in programs:
        program.join(60)
        assert not program.is_alive() and program.failed is None, program.failed
    told = {subject: message for program in programs for subject, message in program.told.items()}
    unanswered = {subject for program in programs for subject in program.unanswered}
    again = sum(program.again for program in programs)
    stored = {subject: (count, message) for subject, count, message in platform.rows(STORED, f"{run} %")}
    print(f"\n{len(told)} accepted, {again} tries again, {len(unanswered)} never answered, {len(unanswered & stored.keys())} of them stored, {kills} kills")
    assert {subject: message for subject, (_, message) in stored.items() if subject in told} == told
    assert {count for count, _ in stored.values()} == {1}
    assert stored.keys() <= told.keys() | unanswered
    assert len(unanswered & stored.keys()) <= kills * SESSIONS  # a session has one message in a commit at most
    wait_until(lambda: platform.queued() == 0, 90, "everything was delivered", every_s=0.2)
    arrivals = platform.arrivals()
    assert {arrivals.get(str(delivery_id(UUID(message), 1)), 0) for _, message in stored.values()} == {1}


def _await_traffic(programs: list[Program]) -> None:
    """Every program gets a few messages accepted from now on, and then some milliseconds pass: a kill comes anywhere in the next ones."""
    before = [len(program.told) for program in programs]
    wait_until(lambda: all(len(program.told) >= count + 5 for program, count in zip(programs, before, strict=True)), 60, "mail was accepted", every_s=0.01)
    time.sleep(random.uniform(0, 0.05))
