"""A standby that takes over may not have the last records: their answers are in the journal still, and nothing is sent for want of them."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest

from delivery.engine import journal as journals
from delivery.engine.claimer import Claimer
from delivery.engine.journal import Journal, kept_of, life_mark, remove, replay
from delivery.engine.lease import Lease, session_lock_key
from delivery.queue.fence import evict
from delivery.queue.settled import AttemptRow, Settled
from mailplatform.shell.ids import attempt_id, delivery_id, message_id
from tests.engine.benches import Bench, claim
from tests.queue.house import OURS, House, connect, engine, knows, rows
from tests.queue.test_what_became_of_a_delivery_is_recorded_once import claimed, settled


def _answer(delivery: UUID, number: int = 1) -> Settled:
    row = AttemptRow(attempt_id(delivery, number), 5, 1, 1, 1, datetime.now(UTC), "delivered", "accepted", "none", "body", reply="250 ok")
    return Settled(row, 1, 1, 0, "a@b.example", 0, final="delivered")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "ROTATE_BYTES", 100)


def _recorded(journal: Journal, *deliveries: UUID) -> None:
    for delivery in deliveries:
        one = _answer(delivery)
        journal.begun(one.attempt.id)
        journal.answer(one)
        journal.recorded([one.attempt.id])


def test_what_was_recorded_is_found_for_a_while(tmp_path: Path, small: None) -> None:
    journal, deliveries = Journal(tmp_path, 5), [delivery_id(message_id(), 1) for _ in range(6)]
    _recorded(journal, *deliveries)
    assert kept_of(journal.path)
    assert journal.answers(dict.fromkeys(deliveries, 0)).keys() == set(deliveries)
    assert journal.answers(dict.fromkeys(deliveries, 1)) == {}, "another try than the one that was answered"
    for path in kept_of(journal.path):
        os.utime(path, (0, time.time() - journals.KEPT_S - 1))
    _recorded(journal, *(delivery_id(message_id(), 1) for _ in range(3)))
    assert deliveries[0] not in journal.answers({deliveries[0]: 0})
    journal.close(keep=False)
    assert list(tmp_path.iterdir()) == []


async def test_an_engine_records_again_what_it_had_recorded_and_gives_back_what_it_never_had(tmp_path: Path, small: None) -> None:
    bench = Bench(tmp_path, SimpleNamespace(port=1))  # type: ignore[arg-type]
    hands, answered, never, in_hand = bench.hands, *(claim() for _ in range(3))
    _recorded(hands.journal, answered.id, *(delivery_id(message_id(), 1) for _ in range(4)))
    hands.in_hand[in_hand.id] = in_hand
    await hands.take_in({answered.id: 0, never.id: 0, in_hand.id: 0})
    assert [one.attempt.delivery_id for one in bench.settled] == [answered.id]
    assert hands._returning == {never.id}
    await hands.take_in({answered.id: 0, never.id: 0, in_hand.id: 0})  # the other round's connection finds the same a moment later
    assert len(bench.settled) == 1
    await hands.let_go()


@pytest.mark.django_db(transaction=True)
def test_an_agent_records_what_a_dead_engine_had_recorded_in_an_earlier_life_of_the_database(tmp_path: Path, small: None) -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(*[house.message(f"{name}@gmail.com") for name in ("recorded", "begun")])
    with engine(house) as number, connect() as raw:
        claims = {one.recipient.partition("@")[0]: one for one in claimed(house, provider.id, number)}
        journal = Journal(tmp_path, number)
        journal.life = "the former primary's"
        one = settled(house, claims["recorded"], number)
        journal.begun(one.attempt.id)
        journal.answer(one)
        journal.recorded([one.attempt.id])  # rotates
        _recorded(journal, delivery_id(message_id(), 1))
        assert kept_of(journal.path)
        assert kept_of(journal.path)[0].name.endswith(life_mark("the former primary's"))
        replayed = replay(raw, journal.path)
        evict(raw, number, replayed.begun)
        remove(journal.path)
        assert list(tmp_path.iterdir()) == []
    assert rows("SELECT recipient FROM delivery_delivery WHERE final = 'delivered'") == [("recorded@gmail.com",)]
    assert rows("SELECT recipient FROM delivery_ready") == [("begun@gmail.com",)]


WARNING = """
    CREATE FUNCTION not_replicated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'might not have been replicated'; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER not_replicated AFTER INSERT ON delivery_claimed DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION not_replicated();
"""


def _drop() -> None:
    with connect() as raw:
        raw.execute("DROP FUNCTION not_replicated CASCADE")


@pytest.mark.django_db(transaction=True)
async def test_a_claim_that_a_standby_may_not_know_of_is_not_sent(tmp_path: Path) -> None:
    from asgiref.sync import sync_to_async
    from psycopg import OperationalError

    from delivery.queue.claim import Bid
    from mailplatform.shell.database.connect import connect_async
    from mailplatform.shell.database.doubt import Doubt

    def prepare() -> tuple[House, int, str]:
        house, provider = House.build(), knows("gmail.com")
        house.put(house.message("a@gmail.com"))
        with connect() as raw:
            raw.execute(WARNING)
            return house, provider.id, raw.info.dsn

    house, provider_id, dsn = await sync_to_async(prepare)()
    bench = Bench(tmp_path, SimpleNamespace(port=1))  # type: ignore[arg-type]
    claimer = Claimer(bench.hands, None, lambda *_: None)  # type: ignore[arg-type]
    engine_ = engine(house)
    try:
        bench.hands.id = await sync_to_async(engine_.__enter__)()
        connection = await connect_async(dsn)
        claimer._doubts[True] = Doubt(connection)
        bids = [Bid(house.pool.id, provider_id, 0, 0, 10, (house.ips[0].id,))]
        with pytest.raises(OperationalError, match="replicated"):
            await claimer._claim(connection, bids, True)
        assert not bench.hands.in_hand
        assert len(bench.hands._returning) == 1
        await connection.close()
        await bench.hands.let_go()
    finally:
        await sync_to_async(_drop)()
        await sync_to_async(engine_.__exit__)(None, None, None)


@pytest.mark.django_db(transaction=True)
def test_an_engine_ends_its_own_session_that_was_cut_off(tmp_path: Path) -> None:
    with engine(House.build()) as number, connect() as cut_off:
        cut_off.execute("SELECT pg_advisory_lock(%s, %s)", session_lock_key(number))
        lease = Lease(connect().info.dsn, number, connect(), on_lost=lambda _: None, on_drain=lambda: None)
        lease.start()
        try:
            assert lease.valid()
            of_class = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND granted AND {OURS}"
            assert rows(of_class, session_lock_key(number)[0]) == [(1,)]
        finally:
            lease.stop()
