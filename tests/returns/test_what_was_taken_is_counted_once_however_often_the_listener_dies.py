"""`manage.py incoming` is killed again and again while bounces come in; their senders try again, as senders do. Each delivery is told and counted once."""

import contextlib
import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from uuid import UUID

import pytest

from tests.flow.platform import ROOT, wait_until
from tests.queue.house import House, rows
from tests.returns.arrivals import KEYS, bounce, counted, database_url, delivered, path_of

pytestmark = pytest.mark.django_db(transaction=True)
SENDERS = 8
TRY_EVERY_S = 0.1


class Incoming:
    """The process, started again each time that it is killed."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        own = {"DATABASE_URL": database_url(), "INCOMING": f"127.0.0.1:{self.port}", "DATA_DIR": str(folder), "RETURN_PATH_DOMAIN": KEYS.domain}
        self._environment = {**os.environ, **own}
        self._log = (folder / "incoming.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), "incoming"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=self._log, stderr=self._log)
        wait_until(self.listens, 60, "it listened", alive=lambda: self.process is not None and self.process.poll() is None)

    def listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as sock:
            return sock.recv(100).startswith(b"220 ")
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def end(self) -> int:
        """SIGTERM, as the supervisor says it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def incoming(tmp_path: Path) -> Iterator[Incoming]:
    process = Incoming(tmp_path)
    process.start()
    yield process
    if process.process is not None and process.process.poll() is None:
        process.kill()
    process._log.close()


def _bring(port: int, work: "SimpleQueue[UUID]", taken: list[UUID]) -> None:
    """A sender's queue: one message after the other, each until it is taken."""
    while True:
        try:
            one = work.get_nowait()
        except Empty:
            return
        while True:
            with contextlib.suppress(OSError, smtplib.SMTPException), smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
                client.sendmail("", [path_of(one)], bounce("anna@gmail.com"))
                taken.append(one)
                break
            time.sleep(TRY_EVERY_S)


def _killed(incoming: Incoming, kills: int, bounces: int) -> None:
    house = House.build()
    ids = [id_ for n in range(bounces // 20) for id_ in delivered(house, *[f"p{n}-{m}@gmail.com" for m in range(20)])]
    work: SimpleQueue[UUID] = SimpleQueue()
    for one in ids:
        work.put(one)
    taken: list[UUID] = []
    senders = [threading.Thread(target=_bring, args=(incoming.port, work, taken)) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for n in range(kills):
        share = (n + 1) * len(ids) // (kills + 1)
        wait_until(lambda share=share: len(taken) >= share, 120, f"{share} were taken", every_s=0.002)
        incoming.kill()
        incoming.start()
    for sender in senders:
        sender.join(120)
        assert not sender.is_alive()
    assert sorted(taken) == sorted(ids)
    assert rows("SELECT count(*), count(DISTINCT delivery_id) FROM delivery_cameback") == [(len(ids), len(ids))]
    assert rows("SELECT count(*) FROM delivery_delivery WHERE final = 'bounced'") == [(len(ids),)]
    assert rows("SELECT count(*) FROM delivery_event WHERE kind = 'bounced_late'") == [(len(ids),)]
    assert rows("SELECT sum(bounced_recipient)::int FROM pools_pathminute") == [(len(ids),)]
    counts = counted()
    assert counts["hard_bounce"] == len(ids)
    assert counts.get("replayed", 0) <= kills * SENDERS, "what was stored and not answered is told again, and no more than that"
    assert incoming.end() == 0


def test_two_kills(incoming: Incoming) -> None:
    _killed(incoming, 2, 200)


@pytest.mark.long
def test_twenty_kills(incoming: Incoming) -> None:
    _killed(incoming, 20, 2_000)
