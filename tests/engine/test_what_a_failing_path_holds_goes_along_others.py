"""Relief: what waits behind a path that fails, hangs or is closed leaves it at once, unbegun and uncounted."""

import asyncio
import time
from pathlib import Path as Folder

from delivery.engine.connections import SLOW_CONNECT_S, Connections
from delivery.engine.outbox import WAITING_A_CONNECTION
from pools.outcomes import Verdict
from tests.engine.benches import Bench, claim, until
from tests.smtp.hostile import Line, Peer


def _takes(line: Line) -> None:
    line.greet()
    while True:
        line.accept()


def _too_many(line: Line) -> None:
    line.say("421 4.7.0 too many connections")


def _cuts(line: Line) -> None:
    line.greet()
    line.hear("MAIL")
    line.cut()


def _says_nothing(line: Line) -> None:
    line.stall()


async def _sent(folder: Folder, peer: Peer, count: int) -> tuple[Bench, Connections]:
    bench = Bench(folder, peer)
    connections = Connections(bench.hands)
    jobs = bench.give(*(claim() for _ in range(count)))
    bench.outbox.drain()
    for job in jobs:
        connections.send(job, bench.outbox.site)
    return bench, connections


async def _until_one_is_settled(bench: Bench) -> None:
    await until(lambda: bench.settled)


async def test_a_path_that_cannot_connect_gives_back_all_that_waits_for_it(tmp_path: Folder) -> None:
    for name, script in (("busy", _too_many), ("cut", _cuts), ("reset", Line.cut)):
        with Peer(script) as peer:
            bench, _ = await _sent(tmp_path / name, peer, 50)
            await _until_one_is_settled(bench)
            assert {one.attempt.verdict for one in bench.settled} == {Verdict.REROUTED}, name
            assert all(one.reroute and one.attempts == 0 for one in bench.settled)
            await until(lambda b=bench: not b.hands.in_hand)  # type: ignore[misc]
            assert len(bench.settled) <= 2, "the rest was not tried along this path"
            assert len(bench.hands._returning) == 50 - len(bench.settled)
            assert bench.path.in_hand == 0
            await bench.hands.let_go()


async def test_what_hangs_holds_nothing_but_what_it_has_begun(tmp_path: Folder) -> None:
    with Peer(_says_nothing) as peer:
        bench, connections = await _sent(tmp_path, peer, 30)
        started = time.monotonic()
        while len(bench.hands.in_hand) > bench.path.slots.open and time.monotonic() - started < 10:
            connections.reopen()
            await asyncio.sleep(0.02)
        assert SLOW_CONNECT_S <= time.monotonic() - started < SLOW_CONNECT_S + 1
        assert not bench.path.open(time.monotonic())
        await bench.hands.let_go()


async def test_other_connections_keep_what_they_take_soon(tmp_path: Folder) -> None:
    with Peer(_takes) as peer:
        bench, connections = await _sent(tmp_path, peer, 0)
        bench.give(*(claim() for _ in range(20)))
        connections.relieve(bench.outbox, others=3)
        assert len(bench.outbox) == 3 * WAITING_A_CONNECTION
        assert len(bench.hands._returning) == 20 - 3 * WAITING_A_CONNECTION
        await bench.hands.let_go()


async def test_a_closed_path_gives_up_every_outbox_of_its_own(tmp_path: Folder) -> None:
    with Peer(_says_nothing) as peer:
        bench, connections = await _sent(tmp_path, peer, 20)
        bench.path.closed_until_s = time.monotonic() + 60
        connections.reopen()
        assert not len(bench.outbox)
        await until(lambda: len(bench.hands.in_hand) <= bench.path.slots.open)
        await bench.hands.let_go()
