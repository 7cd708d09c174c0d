"""Put: rows in the right tables, and only after the caller's commit."""

from datetime import UTC, datetime, timedelta

import pytest

from delivery.queue.put import NewDelivery, put
from mailplatform.shell.ids import delivery_id
from tests.queue.house import House, connect, knows, rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_sorted_domain_goes_straight_to_its_lane() -> None:
    house, provider = House.build(), knows("gmail.com")
    placed = house.put(house.message("a@gmail.com"))
    assert placed.lanes == {(house.pool.id, provider.id, 0)} and not placed.sorting
    assert rows("SELECT recipient, provider_id FROM delivery_ready") == [("a@gmail.com", provider.id)]
    assert rows("SELECT count(*) FROM delivery_waiting") == [(0,)]


def test_an_unknown_domain_waits_to_be_sorted() -> None:
    house = House.build()
    assert house.put(house.message("a@new.example")).sorting
    assert rows("SELECT why, scope, due_at FROM delivery_waiting") == [("sorting", "new.example", None)]


def test_a_scheduled_message_waits_for_its_time() -> None:
    house, at = House.build(), datetime.now(UTC) + timedelta(hours=2)
    knows("gmail.com")
    house.put(house.message("a@gmail.com", send_at=at))
    assert rows("SELECT why, due_at FROM delivery_waiting") == [("schedule", at)]


def test_a_suppressed_recipient_is_history_at_once_and_never_queued() -> None:
    house = House.build()
    message = house.message("a@gmail.com")
    suppressed = NewDelivery(delivery_id(message.id, 1), "a@gmail.com", "gmail.com", final="suppressed", reason="bounce")
    house.put(house.message("a@gmail.com", id=message.id, deliveries=(suppressed,)))
    assert rows("SELECT final FROM delivery_delivery") == [("suppressed",)]
    assert rows("SELECT (SELECT count(*) FROM delivery_ready) + (SELECT count(*) FROM delivery_waiting)") == [(0,)]


def test_one_body_is_stored_for_many_recipients_and_messages() -> None:
    house = House.build()
    first = house.message("a@x.example", "b@x.example")
    house.put(first, house.message("c@x.example", body=first.body))
    assert rows("SELECT count(*) FROM delivery_body") == [(1,)]
    assert rows("SELECT count(*) FROM delivery_waiting WHERE body_id = %s", first.body.id) == [(3,)]


def test_nothing_is_stored_when_the_transaction_does_not_commit() -> None:
    house = House.build()
    knows("gmail.com")
    with connect() as raw, raw.transaction(force_rollback=True), raw.cursor() as cursor:
        put(cursor, [house.message("a@gmail.com", "b@new.example")])
    for table in ("message", "body", "delivery", "ready", "waiting"):
        assert rows(f"SELECT count(*) FROM delivery_{table}") == [(0,)], table
