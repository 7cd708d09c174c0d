"""Two real servers, the primary killed: what was accepted is there, clients that wait hear no error, a record that the standby never had is made again.

The web server is the real one; the engine's hands, journal and lease are real and speak to nobody. `bin/bench dbswitch` does it with a whole platform.
"""

import contextlib
import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.db import connection
from psycopg import Error

from delivery.engine.database import Database
from delivery.engine.lease import Lease, lease_connection
from delivery.engine.recorder import store
from delivery.engine.start import RECORD
from delivery.queue.fence import register
from mailplatform.shell.database.connect import connect, connect_async
from tests.api.world import Sender, make_sender
from tests.dbswitch.pair import Pair, pair
from tests.engine.benches import Bench, until
from tests.flow.platform import ROOT, _free_port, wait_until
from tests.queue.house import House, knows
from tests.queue.test_one_engine_at_a_time_holds_a_delivery import _bid
from tests.queue.test_what_became_of_a_delivery_is_recorded_once import settled

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 60.0  # on a busy machine; bin/bench dbswitch holds it to 30


@contextlib.contextmanager
def web_server(url: str, folder: Path) -> Iterator[int]:
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "mailplatform.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4", "--log-level", "warning"]
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(folder)}
    process = subprocess.Popen([*command, "--no-control-socket"], cwd=ROOT, env=environment, stderr=(folder / "web.log").open("wb"))
    try:
        wait_until(lambda: _get(port, "/healthz") == 200, 60, "the web server answered")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _get(port: int, path: str) -> int:
    try:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        asked.request("GET", path)
        return asked.getresponse().status
    except OSError:
        return 0


class Program(threading.Thread):
    """A tenant's: sends one message after the other, each until it is accepted."""

    def __init__(self, port: int, sender: Sender, number: int) -> None:
        super().__init__(daemon=True)
        self._port, self._sender, self._number = port, sender, number
        self.stop = threading.Event()
        self.accepted: list[str] = []
        self.errors: list[Any] = []
        self.start()

    def run(self) -> None:
        while not self.stop.wait(0.05):
            key, until_s, answer = f"{self._number}-{len(self.accepted)}", time.monotonic() + PATIENCE_S, None
            while (answer := self._asked(key))[0] != 202 and time.monotonic() < until_s:
                time.sleep(0.2)
            if answer[0] == 202:
                self.accepted.append(answer[1]["id"])
            else:
                self.errors.append(answer)
                return

    def _asked(self, key: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._sender.key}", "Content-Type": "application/json", "Idempotency-Key": key}
        try:
            asked = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
            asked.request("POST", "/api/v1/messages", orjson.dumps(self._sender.message(to=f"{key}@gmail.com")), headers)
            answer = asked.getresponse()
            return answer.status, orjson.loads(answer.read())
        except OSError as error:
            return 0, error


@pytest.fixture
def servers(transactional_db: None) -> Iterator[tuple[Pair, str, Sender, House, int]]:
    """A pair that begins with a tenant, a house and a provider; (it, the address of its database, …)"""
    house, sender, provider = House.build("mill"), make_sender("acme"), knows("gmail.com")
    house.put(house.message("recorded@gmail.com"), house.message("never@gmail.com"))
    given = connection.get_connection_params()
    with pair(like=Path(given["host"]), fsync="off", shared_buffers="64MB") as made:
        yield made, made.url(given["dbname"]), sender, house, provider.id


async def test_what_was_accepted_recorded_and_leased_outlives_its_server(servers: Any, tmp_path: Path) -> None:
    made, url, sender, house, provider_id = servers
    with web_server(url, tmp_path) as port:
        engine = _Engine(url, house, tmp_path)
        claims = engine.claim(_bid(house, provider_id))
        assert {one.recipient for one in claims} == {"recorded@gmail.com", "never@gmail.com"}
        programs = [Program(port, sender, number) for number in range(6)]
        await until(lambda: sum(len(program.accepted) for program in programs) > 30, 120)
        (done,) = [one for one in claims if one.recipient == "recorded@gmail.com"]
        with made.out_of_touch():
            await engine.record(settled(house, done, engine.id))
            made.kill()
        before = [len(program.accepted) for program in programs]
        assert not engine.is_valid_soon(0.7), "a lease that nobody can renew ends"
        made.promote()
        await until(lambda: all(len(program.accepted) > count + 2 for program, count in zip(programs, before, strict=True)), 120)
        for program in programs:
            program.stop.set()
        for program in programs:
            program.join(PATIENCE_S)
        assert [error for program in programs for error in program.errors] == []
    with connect(url) as raw:
        stored = {row[0] for row in raw.execute("SELECT id FROM delivery_message")}
        assert {UUID(one) for program in programs for one in program.accepted} <= stored
        assert raw.execute("SELECT count(*), count(DISTINCT recipient) FROM delivery_delivery").fetchall()[0] == (len(stored), len(stored)), "none twice"
        assert raw.execute("SELECT final FROM delivery_delivery WHERE id = %s", [done.id]).fetchone() == (None,), "the standby never had this record"
    await until(lambda: engine.is_valid_soon(0), 60)
    await engine.reconnected()
    with connect(url) as raw:
        assert raw.execute("SELECT final FROM delivery_delivery WHERE id = %s", [done.id]).fetchone() == ("delivered",)
        assert raw.execute("SELECT d.recipient FROM delivery_ready r JOIN delivery_delivery d USING (id) WHERE d.recipient LIKE 'never@%%'").fetchall() == [
            ("never@gmail.com",)
        ]
    await engine.end()


class _Engine:
    """Hands, journal, lease and recorder of an engine, on the pair."""

    def __init__(self, url: str, house: House, folder: Path) -> None:
        self._url = url
        registering = lease_connection(url)
        self.id = register(registering, house.node.name, 0, os.getpid()) or 0
        assert self.id
        self.lease = Lease(url, self.id, registering, on_lost=lambda _: None, on_drain=lambda: None)
        self.lease.start()
        self._bench = Bench(folder, SimpleNamespace(port=1))  # type: ignore[arg-type]
        self.hands, self.database = self._bench.hands, Database(url, RECORD)
        self.hands.id, self.hands.in_database = self.id, self.database.run
        self._ticking = threading.Event()
        threading.Thread(target=self._tick, daemon=True).start()

    def _tick(self) -> None:
        while not self._ticking.wait(0.05):
            self.lease.tick()

    def claim(self, bid: Any) -> list[Any]:
        from asgiref.sync import async_to_sync

        from delivery.queue.claim import claim

        async def take() -> list[Any]:
            async with await connect_async(self._url) as line:
                return await claim(line, self.id, [bid], self.hands.now())

        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.extend(async_to_sync(take)()))
        thread.start()
        thread.join(20)
        return found

    async def record(self, one: Any) -> None:
        self.hands.journal.begun(one.attempt.id)
        self.hands.journal.answer(one)
        await self.database.record(store, self.id, [one], {})
        self.hands.journal.recorded([one.attempt.id])

    def is_valid_soon(self, seconds: float) -> bool:
        time.sleep(seconds)
        return self.lease.valid()

    async def reconnected(self) -> None:
        """What the claimer does with its new connection, and the recorder with what it is given."""
        async with await connect_async(self._url) as line:
            rows = await (await line.execute("SELECT id, tries FROM delivery_claimed WHERE engine_id = %s", [self.id])).fetchall()
        await self.hands.take_in(dict(rows))
        again = self._bench.settled
        with contextlib.suppress(Error):  # the former server's last word, to a connection that did nothing since
            await self.database.record(store, self.id, again, {})
        for _ in range(2):  # a COMMIT without an answer
            await self.database.record(store, self.id, again, {})
        await until(lambda: not self.hands._returning)

    async def end(self) -> None:
        self._ticking.set()
        self.lease.stop()
        await self.hands.let_go()
        self.database.close()
