"""Workers against a real peer: never a burst above the rate, never a connection that the peer may still count, none more than a limit that fell."""

import asyncio
import threading
import time
from itertools import pairwise
from pathlib import Path

from pools.outcomes import ActionKind, ActionScope, PathAction
from pools.providers.profile import Profile
from tests.engine.benches import Bench, claim, until
from tests.smtp.hostile import Line, Peer

FREE = {"per_second": None, "connections_per_minute": None}


class Host:
    """Takes everything; notes when each message and connection came, and can leave QUIT unanswered."""

    def __init__(self, closes: bool = True) -> None:
        self.closes = closes
        self.messages: list[float] = []
        self.connected: list[float] = []
        self.ended: list[float] = []
        self._lock = threading.Lock()

    def __call__(self, line: Line) -> None:
        self.connected.append(time.monotonic())
        line.greet()
        while (word := line.hear()) and not word.upper().startswith(b"QUIT"):
            with self._lock:
                self.messages.append(time.monotonic())
            line.say("250 2.1.0 Ok")
            for command, answer in (("RCPT", "250 2.1.5 Ok"), ("DATA", "354 go on")):
                line.hear(command)
                line.say(answer)
            line.hear_message()
            line.say("250 2.0.0 Ok")
        self.ended.append(time.monotonic())
        if word and not self.closes:
            line.stall()


def _limited(bench: Bench, **limits: object) -> None:
    bench.path.adopt(Profile(**{**FREE, **limits}), time.monotonic(), time.time())  # type: ignore[arg-type]


async def test_many_connections_share_one_rate_without_a_burst(tmp_path: Path) -> None:
    host = Host()
    with Peer(host) as peer:
        bench = Bench(tmp_path, peer)
        _limited(bench, connections=8, per_second=20)
        bench.give(*(claim() for _ in range(45)))
        workers = [bench.start() for _ in range(8)]
        await until(lambda: len(bench.settled) == 45)
        bench.hands.stopping = True
        bench.outbox.drain()
        while bench.outbox.close_one_idle():
            pass
        await asyncio.wait_for(asyncio.gather(*workers), 20)
    assert all(later - sooner >= 1.0 for sooner, later in zip(sorted(host.messages), sorted(host.messages)[20:], strict=False))
    assert host.messages[-1] - host.messages[0] < 3.0, "a rate of 20 a second was used"


async def test_a_connection_that_the_peer_did_not_close_counts_for_a_second_more(tmp_path: Path) -> None:
    host = Host(closes=False)
    with Peer(host) as peer:
        bench = Bench(tmp_path, peer)
        _limited(bench, messages_per_connection=1)
        bench.give(claim(), claim())
        worker = bench.start()
        await until(lambda: len(bench.settled) == 2)
        bench.hands.stopping = True
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    assert host.connected[1] - host.ended[0] >= 1.0


async def test_a_connection_that_the_peer_closed_is_free_at_once(tmp_path: Path) -> None:
    host = Host()
    with Peer(host) as peer:
        bench = Bench(tmp_path, peer)
        _limited(bench, messages_per_connection=1)
        bench.give(*(claim() for _ in range(4)))
        worker = bench.start()
        await until(lambda: len(bench.settled) == 4)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    assert len(host.connected) == 4 and all(later - sooner < 0.9 for sooner, later in pairwise(host.connected))


async def test_when_the_limit_falls_the_connections_too_many_end(tmp_path: Path) -> None:
    host = Host()
    with Peer(host) as peer:
        bench = Bench(tmp_path, peer)
        _limited(bench, connections=4)
        bench.give(*(claim() for _ in range(4)))
        workers = [bench.start() for _ in range(4)]
        await until(lambda: len(bench.settled) == 4)
        halve = PathAction(ActionKind.REDUCE_CONNECTIONS, ActionScope.PATH, 600, 1, 3600)
        bench.path.act(halve, "rule", time.monotonic(), time.time(), "too many")
        bench.give(*(claim() for _ in range(8)))
        await until(lambda: len(bench.settled) == 12 and len(host.ended) == 2)
        assert bench.path.slots.open == 2
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def test_a_path_that_is_suspended_sends_nothing_of_what_is_in_hand(tmp_path: Path) -> None:
    host = Host()
    with Peer(host) as peer:
        bench = Bench(tmp_path, peer)
        _limited(bench, per_second=2)
        bench.give(*(claim() for _ in range(6)))
        workers = [bench.start() for _ in range(3)]
        await until(lambda: len(bench.settled) == 1)
        suspend = PathAction(ActionKind.SUSPEND, ActionScope.PATH, 600, 1, 3600)
        bench.path.act(suspend, "rule", time.monotonic(), time.time(), "no more")
        said = len(host.messages)
        await until(lambda: not bench.hands.in_hand)
        assert len(host.messages) == said
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
