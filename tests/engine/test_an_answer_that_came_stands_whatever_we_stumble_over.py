"""An exception of ours, at any moment of a conversation, neither forgets what the provider said nor settles a delivery twice."""

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest

from delivery.engine import tape
from delivery.engine.journal import read
from delivery.queue.settled import Settled
from pools.outcomes import Reason, Verdict
from tests.engine.benches import Bench, claim, until
from tests.smtp.hostile import Line, Peer


def _takes(line: Line) -> None:
    line.greet()
    while True:
        line.accept()


def _refuses(line: Line) -> None:
    line.greet()
    line.accept("451 4.3.0 not now")


def _is_silent_after_the_dot(line: Line) -> None:
    line.greet()
    line.envelope()
    line.hear_message()
    line.stall()


def _once(error: Exception, then: Any = 0.5) -> Any:
    calls: list[int] = []

    def stumble() -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise error
        return then

    return stumble


async def _one(bench: Bench) -> Settled:
    bench.give(claim())
    await asyncio.wait_for(bench.start(), 20)
    (settled,) = bench.settled
    assert bench.path.in_hand == 0 and not bench.hands.in_hand
    return settled


async def test_an_acceptance_stands(tmp_path: Path) -> None:
    with Peer(_takes) as peer:
        bench = Bench(tmp_path, peer)
        bench.hands.jitter = _once(ZeroDivisionError("ours, after the answer and before it was settled"))
        settled = await _one(bench)
    assert (settled.final, settled.attempt.verdict, settled.attempt.code) == ("delivered", Verdict.DELIVERED, 250)


async def test_a_refusal_is_tried_again_as_our_error(tmp_path: Path) -> None:
    with Peer(_refuses) as peer:
        bench = Bench(tmp_path, peer)
        bench.hands.jitter = _once(ZeroDivisionError())
        settled = await _one(bench)
    assert settled.due_at is not None
    assert (settled.attempt.verdict, settled.attempt.reason) == (Verdict.DEFERRED, Reason.LOCAL_ERROR)


async def test_stumbling_after_it_was_settled_settles_it_once(tmp_path: Path) -> None:
    with Peer(_takes) as peer:
        bench = Bench(tmp_path, peer)
        bench.hands.on_room = _once(ZeroDivisionError("ours, after it was settled"))
        settled = await _one(bench)
    assert settled.final == "delivered"
    assert bench.hands.settled_count == 1
    assert [one.attempt.id for one in read(bench.hands.journal.path).answers] == [settled.attempt.id]


async def test_a_worker_that_is_ended_after_its_dot_tells_an_unknown_answer(tmp_path: Path) -> None:
    """The end of a drain, with a server that keeps us waiting: not a crash, and no one's secret."""
    with Peer(_is_silent_after_the_dot) as peer:
        bench = Bench(tmp_path, peer)
        bench.give(claim())
        working = bench.start()
        await until(lambda: peer.messages)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        (settled,) = bench.settled
    assert (settled.attempt.verdict, settled.attempt.reason) == (Verdict.UNKNOWN, Reason.NETWORK_ANSWER_LOST)
    assert settled.due_at is not None


async def test_a_worker_without_a_lease_leaves_the_unknown_to_its_journal(tmp_path: Path) -> None:
    with Peer(_is_silent_after_the_dot) as peer:
        bench = Bench(tmp_path, peer)
        (job,) = bench.give(claim())
        working = bench.start()
        await until(lambda: peer.messages)
        bench.hands.lease.lost = "evicted"
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert bench.settled == []
    assert read(bench.hands.journal.path).unknowable == {job.id}


async def test_without_a_journal_no_dot_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: nothing is begun that could not be told afterwards; it goes back as it came, and claims rest."""
    with Peer(_takes) as peer:
        bench = Bench(tmp_path, peer)
        monkeypatch.setattr(tape.os, "posix_fallocate", _is_full)
        (job,) = bench.give(claim())
        working = bench.start()
        await until(lambda: not bench.hands.in_hand)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert peer.messages == [] and bench.settled == []
    assert job.id in bench.hands._returning
    assert bench.hands.journal.rests_until_s > 0


def _is_full(fd: int, offset: int, length: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
