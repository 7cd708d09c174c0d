"""After a rescue a machine has too much to do: a connection more, with its handshake, is opened where it brings mail sooner, and not all at once."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path as Folder

import pytest

from delivery.engine.hands import CONNECT_EVERY_S
from delivery.engine.outbox import STANDS_STILL_S
from pools.mood import Mood
from pools.purposes import Purpose
from tests.engine.benches import Bench, claim
from tests.smtp.hostile import Line, Peer


@pytest.fixture
async def bench(tmp_path: Folder) -> Bench:
    with Peer(Line.cut) as peer:
        return Bench(tmp_path, peer)


def _two_busy(bench: Bench, answer_s: float, connect_s: float) -> Callable[..., bool]:
    """Two connections with a session, both busy, and one delivery that waits."""
    now_s = time.monotonic()
    bench.path.mood = Mood(answer_s=answer_s, connect_s=connect_s, answered_at_s=now_s, connected_at_s=now_s)
    bench.outbox.workers, bench.outbox.connecting = 2, 0
    return bench.outbox.wants_connection


async def test_a_transactional_message_waits_for_a_connection_that_is_free_sooner_than_a_new_one(bench: Bench) -> None:
    bench.give(claim())
    assert not _two_busy(bench, answer_s=0.4, connect_s=2.0)(), "a turn comes after 0.2 s, a new connection after 2 s"


async def test_it_has_one_opened_where_that_is_sooner(bench: Bench) -> None:
    bench.give(claim())
    assert _two_busy(bench, answer_s=0.4, connect_s=0.1)()


async def test_it_waits_no_longer_than_opening_takes_for_connections_that_hang(bench: Bench) -> None:
    bench.give(claim())
    wants = _two_busy(bench, answer_s=0.02, connect_s=0.3)
    assert not wants()
    bench.outbox.moved_at_s -= 0.35
    assert wants()


async def test_others_wait_for_a_connection_that_hangs_as_long_as_ever(bench: Bench) -> None:
    bench.give(claim(purpose=Purpose.NOTIFICATION))
    wants = _two_busy(bench, answer_s=0.02, connect_s=0.1)
    bench.outbox.moved_at_s -= 0.35
    assert not wants()
    bench.outbox.moved_at_s -= STANDS_STILL_S
    assert wants()


async def test_connections_begin_one_after_the_other_and_those_for_transactional_mail_first(bench: Bench) -> None:
    began: list[tuple[bool, float]] = []

    async def begin(first: bool) -> None:
        await bench.hands.connection_turn(first)
        began.append((first, time.monotonic()))

    started_s = time.monotonic()
    await asyncio.gather(*(begin(False) for _ in range(40)), *(begin(True) for _ in range(10)))
    at = {kind: [when for first, when in began if first is kind] for kind in (True, False)}
    assert max(at[True]) - started_s >= 9 * CONNECT_EVERY_S
    assert max(at[False]) - started_s >= 39 * CONNECT_EVERY_S
    assert max(at[True]) < max(at[False])
