"""Record: attempts once, deliveries to where they belong, minutes counted once, late answers kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from delivery.engine.recorder import store
from delivery.queue.claim import Claim
from delivery.queue.fence import evict
from delivery.queue.record import give_back_unbegun
from delivery.queue.settled import AttemptRow, Settled
from mailplatform.shell.ids import attempt_id
from tests.queue.house import House, connect, engine, knows, rows
from tests.queue.test_one_engine_at_a_time_holds_a_delivery import _bid, take

pytestmark = pytest.mark.django_db(transaction=True)


def settled(house: House, claim: Claim, engine_id: int, verdict: str = "delivered", **changed: object) -> Settled:
    reply = {"delivered": "250 ok", "bounced": "550 no such user"}.get(verdict, "451 later")
    attempt = AttemptRow(
        id=attempt_id(claim.id, claim.tries + 1), engine_id=engine_id, ip_id=house.ips[0].id, pool_id=claim.pool_id, provider_id=claim.provider_id,
        started_at=datetime.now(UTC), verdict=verdict, reason="accepted", fault="none", phase="body", code=250, reply=reply, timings={"envelope": 3, "body": 4},
    )  # fmt: skip
    final = {"final": verdict} if verdict in ("delivered", "bounced") else {}
    return replace(Settled(attempt, claim.tenant_id, claim.stream_id, claim.purpose, claim.recipient, claim.attempts), **{**final, **changed})


def keep(engine_id: int, *all_settled: Settled) -> None:
    """As an engine does."""
    with connect() as raw:
        store(raw, engine_id, list(all_settled), {})


def _everything() -> list[object]:
    return [rows(f"SELECT * FROM {table} ORDER BY 1") for table in ("delivery_attempt", "delivery_waiting", "pools_pathminute", "pools_streamminute")]


def claimed(house: House, provider_id: int, engine_id: int) -> list[Claim]:
    return take(engine_id, [_bid(house, provider_id)])


def test_a_delivered_one_leaves_the_queue_with_its_attempt_and_its_minutes() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number:
        (one,) = claimed(house, provider.id, number)
        keep(number, settled(house, one, number))
        assert rows("SELECT final, reply FROM delivery_delivery") == [("delivered", "250 ok")]
        assert rows("SELECT count(*) FROM delivery_claimed") == [(0,)]
        assert rows("SELECT attempted, delivered, latency_ms_sum FROM pools_pathminute") == [(1, 1, 7)]
        assert rows("SELECT attempted, delivered, delivered_first_try FROM pools_streamminute") == [(1, 1, 1)]


def test_a_stream_whose_purpose_changed_meanwhile_is_counted_once() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"), house.message("b@gmail.com"))
    with engine(house) as number:
        one, two = claimed(house, provider.id, number)
        keep(number, settled(house, one, number), replace(settled(house, two, number), purpose=2))
        assert rows("SELECT attempted, delivered FROM pools_streamminute") == [(2, 2)]


def test_recording_twice_changes_nothing() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"), house.message("b@gmail.com"))
    with engine(house) as number:
        one, two = claimed(house, provider.id, number)
        due = datetime.now(UTC) + timedelta(minutes=5)
        batch = [settled(house, one, number), settled(house, two, number, "deferred", due_at=due, attempts=1)]
        keep(number, *batch)
        before = _everything()
        keep(number, *batch)
        assert before == _everything()


def test_a_deferred_one_waits_until_it_is_due_and_counts() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    due = datetime.now(UTC) + timedelta(minutes=5)
    with engine(house) as number:
        (one,) = claimed(house, provider.id, number)
        keep(number, settled(house, one, number, "deferred", due_at=due, attempts=1, sticky_ip_id=house.ips[0].id))
    assert rows("SELECT why, due_at, attempts, tries, sticky_ip_id FROM delivery_waiting") == [("retry", due, 1, 1, house.ips[0].id)]


def test_a_rerouted_one_is_ready_at_once_keeps_its_turn_and_avoids_the_path() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number:
        (one,) = claimed(house, provider.id, number)
        keep(number, settled(house, one, number, "rerouted", reroute=True, avoid_ip_ids=(house.ips[0].id,)))
    assert rows("SELECT tag, attempts, tries, avoid_ip_ids FROM delivery_ready") == [(one.tag, 0, 1, [house.ips[0].id])]


def test_a_recipient_who_does_not_exist_is_suppressed_for_that_tenant_alone() -> None:
    house, provider = House.build(), knows("gmail.com")
    House.build("lumen", pool=house.pool)
    house.put(house.message("Gone@gmail.com"))
    with engine(house) as number:
        (one,) = claimed(house, provider.id, number)
        keep(number, settled(house, one, number, "bounced", suppress=True))
    assert rows("SELECT tenant_id, address, reason FROM delivery_suppression") == [(house.tenant.id, "gone@gmail.com", "bounce")]


def test_a_late_delivered_ends_what_went_back_to_the_queue() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number, connect() as raw:
        (one,) = claimed(house, provider.id, number)
        evict(raw, number)
        keep(number, settled(house, one, number))
    assert rows("SELECT final FROM delivery_delivery") == [("delivered",)]
    assert rows("SELECT (SELECT count(*) FROM delivery_ready) + (SELECT count(*) FROM delivery_claimed)") == [(0,)]


def test_a_late_delivered_does_not_take_it_out_of_another_engines_hands() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house, 0) as first, engine(house, 1) as second, connect() as raw:
        (one,) = claimed(house, provider.id, first)
        evict(raw, first)
        claimed(house, provider.id, second)
        keep(first, settled(house, one, first))
        assert rows("SELECT engine_id FROM delivery_claimed") == [(second,)]
        assert rows("SELECT final FROM delivery_delivery") == [(None,)]
        assert rows("SELECT count(*) FROM delivery_attempt") == [(1,)]


def test_a_late_answer_of_an_unread_journal_keeps_its_number_beside_the_next_ones() -> None:
    """Both went: the history shows both, and which came first."""
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house, 0) as first, engine(house, 1) as second, connect() as raw:
        (one,) = claimed(house, provider.id, first)
        evict(raw, first, None)
        (again,) = claimed(house, provider.id, second)
        keep(second, settled(house, again, second))
        keep(first, settled(house, one, first))
    assert rows("SELECT right(id::text, 2), engine_id, verdict FROM delivery_attempt ORDER BY id") == [("01", first, "delivered"), ("02", second, "delivered")]


def test_a_late_deferral_changes_nothing_but_the_history() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number, connect() as raw:
        (one,) = claimed(house, provider.id, number)
        evict(raw, number)
        keep(number, settled(house, one, number, "deferred", due_at=datetime.now(UTC), attempts=1))
    assert rows("SELECT count(*) FROM delivery_ready") == [(1,)]
    assert rows("SELECT count(*) FROM delivery_waiting") == [(0,)]


def test_what_was_not_begun_goes_back_as_it_came() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    before = rows("SELECT id, tag, ready_at, tries FROM delivery_ready")
    with engine(house) as number, connect() as raw, raw.cursor() as cursor:
        (one,) = claimed(house, provider.id, number)
        assert give_back_unbegun(cursor, number, [one.id, UUID(int=1)]) == 1
    assert rows("SELECT id, tag, ready_at, tries FROM delivery_ready") == before


def test_a_held_one_waits_for_a_person_and_is_never_due() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number:
        (one,) = claimed(house, provider.id, number)
        keep(number, settled(house, one, number, "deferred", hold="tried 255 times without a final answer"))
    assert rows("SELECT why, scope, due_at FROM delivery_waiting") == [("hold", "tried 255 times without a final answer", None)]


def test_a_second_try_to_give_back_leaves_what_was_claimed_anew() -> None:
    """The COMMIT of the first reached the database and its answer did not reach us: the same engine may be sending it by now."""
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number, connect() as raw, raw.cursor() as cursor:
        (one,) = claimed(house, provider.id, number)
        before = datetime.now(UTC)
        assert give_back_unbegun(cursor, number, [one.id]) == 1
        claimed(house, provider.id, number)
        assert give_back_unbegun(cursor, number, [one.id], claimed_by=before) == 0
        assert rows("SELECT engine_id FROM delivery_claimed") == [(number,)]


def test_a_reroute_that_is_recorded_again_leaves_what_was_claimed_anew() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number:
        (one,) = claimed(house, provider.id, number)
        rerouted = settled(house, one, number, "rerouted", reroute=True, avoid_ip_ids=())
        keep(number, rerouted)
        (again,) = claimed(house, provider.id, number)
        assert again.tries == 1
        keep(number, rerouted)
        assert rows("SELECT count(*) FROM delivery_claimed") == [(1,)]
        assert rows("SELECT count(*) FROM delivery_ready") == [(0,)]
