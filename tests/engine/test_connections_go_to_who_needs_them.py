"""Connections: an idle one gives its slot to another site of the same path, whatever the mail that waits there."""

import asyncio
import time
from pathlib import Path as Folder

import pytest

from delivery.engine.connections import Connections
from delivery.engine.outbox import Job, Site
from delivery.smtp.target import TlsMode
from pools.providers.profile import Profile
from pools.purposes import Purpose
from tests.engine.benches import Bench, claim, until
from tests.smtp.hostile import Line, Peer

CONNECTIONS = 4
SOON_S = 3.0  # a slot lingers for a second after its connection; an idle connection lives for ten


def _takes(line: Line) -> None:
    line.greet()
    while True:
        line.accept()


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_idle_connections_to_one_site_do_not_keep_mail_from_another(tmp_path: Folder, purpose: Purpose) -> None:
    with Peer(_takes) as first, Peer(_takes) as second:
        bench = Bench(tmp_path, first)
        bench.path.adopt(Profile(connections=CONNECTIONS, connections_per_minute=None), time.monotonic(), time.time())
        connections = Connections(bench.hands)
        for job in _jobs(bench, 40):
            connections.send(job, bench.outbox.site)
        await until(lambda: len(bench.settled) == 40)
        assert bench.path.slots.open == CONNECTIONS, "all its connections go to the first site"
        started = time.monotonic()
        for job in _jobs(bench, 10, purpose=purpose):
            connections.send(job, Site(("127.0.0.1",), second.port, TlsMode.NONE))
        while len(bench.settled) < 50 and time.monotonic() - started < SOON_S:
            connections.reopen()  # as the engine does, for slots that linger
            await asyncio.sleep(0.02)
        assert len(bench.settled) == 50
        for job in connections.unbegun():
            bench.hands.in_hand.pop(job.id)
        await bench.hands.let_go()


def _jobs(bench: Bench, count: int, **changed: object) -> list[Job]:
    jobs = bench.give(*(claim(**changed) for _ in range(count)))
    bench.outbox.drain()
    return jobs
