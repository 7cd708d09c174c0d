"""An IP that nobody answers: other providers' hosts tell it from a provider that is silent."""

import time
from dataclasses import replace
from pathlib import Path as Folder

from delivery.engine.connections import Connections
from delivery.engine.owned import OwnIp
from delivery.engine.vanish import AGAIN_S, ANSWERS_WITHIN_S, HINT_S, IP_RESTS_S
from tests.engine.benches import IP, PROVIDER, Bench, claim, until
from tests.smtp.hostile import Line, Peer

SIBLING = 8


def _greets(line: Line) -> None:
    line.greet()


def _bench(folder: Folder, peer: Peer, marks: int = 2) -> Bench:
    bench = Bench(folder, peer)
    own = bench.hands.world.ips[IP]
    bench.hands.look(replace(bench.hands.world, ips={IP: own, SIBLING: OwnIp(SIBLING, "127.0.0.2", "two.sender.test", "")}))
    for provider in range(100, 100 + marks):
        bench.hands.vanish.answered(provider, "mx.other.test", "127.0.0.1", peer.port)
    return bench


def _swallow(bench: Bench, *ips: int) -> None:
    for ip in ips:
        bench.hands.holes[ip] = (time.monotonic(), time.monotonic() + 60)


async def test_all_its_paths_close_and_what_waits_for_an_answer_goes_elsewhere(tmp_path: Folder) -> None:
    with Peer(_greets) as peer:
        bench = _bench(tmp_path, peer)
        other = bench.hands.path(IP, PROVIDER + 1)  # it has sent nothing yet, and need not
        spared = bench.hands.path(SIBLING, PROVIDER)
        _swallow(bench, IP)
        connections = Connections(bench.hands)
        (job,) = bench.give(claim())
        bench.outbox.drain()
        connections.send(job, bench.outbox.site)
        begun_s = time.monotonic()

        def met() -> bool:
            connections.reopen()
            return other.circuit_failures > 0 and bool(bench.settled)

        await until(met, AGAIN_S + 5)
        assert time.monotonic() - begun_s >= HINT_S
        assert not bench.path.open(time.monotonic()) and not other.open(time.monotonic())
        assert not spared.circuit_failures
        assert bench.settled[0].reroute
        await bench.hands.let_go()


async def test_a_provider_that_is_silent_says_nothing_of_the_ip(tmp_path: Folder) -> None:
    with Peer(_greets) as peer:
        bench = _bench(tmp_path, peer)
        bench.hands.vanish.hint(bench.path)
        await until(lambda: not bench.hands.busy)
        assert not bench.path.circuit_failures


async def test_where_its_sibling_gets_no_answer_either_it_is_not_the_ip(tmp_path: Folder) -> None:
    with Peer(_greets) as peer:
        bench = _bench(tmp_path, peer)
        _swallow(bench, IP, SIBLING)
        bench.hands.vanish.hint(bench.path)
        await until(lambda: not bench.hands.busy)
        assert not bench.path.circuit_failures


async def test_one_silent_host_is_too_little_to_go_by(tmp_path: Folder) -> None:
    with Peer(_greets) as peer:
        bench = _bench(tmp_path, peer, marks=1)
        _swallow(bench, IP)
        bench.hands.vanish.hint(bench.path)
        await until(lambda: not bench.hands.busy)
        assert not bench.path.circuit_failures


async def test_a_needless_question_is_not_asked_again_soon(tmp_path: Folder) -> None:
    with Peer(_greets) as peer:
        bench = _bench(tmp_path, peer)
        bench.hands.vanish.hint(bench.path)
        await until(lambda: not bench.hands.busy)
        _swallow(bench, IP)
        bench.hands.vanish.hint(bench.path)
        assert not bench.hands.busy


async def test_a_path_that_hinted_in_vain_hides_no_hole_that_another_meets(tmp_path: Folder) -> None:
    with Peer(_greets) as peer:
        bench = _bench(tmp_path, peer)
        other = bench.hands.path(IP, PROVIDER + 1)
        bench.hands.vanish.hint(bench.path)
        await until(lambda: not bench.hands.busy)
        _swallow(bench, IP)
        bench.hands.vanish.hint(other)
        assert not bench.hands.busy, "the IP asked only just now"
        begun_s = time.monotonic()

        def found() -> bool:
            bench.hands.vanish.hint(other)
            return bench.path.circuit_failures > 0

        await until(found)
        assert time.monotonic() - begun_s < IP_RESTS_S + ANSWERS_WITHIN_S + 1 and not other.open(time.monotonic())
        await bench.hands.let_go()
