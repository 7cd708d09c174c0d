"""The outbox: written in the transaction in which it happens, once, and only for who wants it."""

from datetime import UTC, datetime, timedelta

import pytest

from delivery.queue.cancel import cancel
from delivery.queue.fence import evict
from delivery.queue.happened import Happened, Kind, tell
from delivery.queue.promote import expire_ready, promote_due
from delivery.queue.put import put
from delivery.webhooks.kinds import EventKind
from mailplatform.shell.ids import delivery_id, lowest_id_at
from pools.purposes import Purpose
from tests.queue.house import House, connect, engine, knows, rows
from tests.queue.test_what_became_of_a_delivery_is_recorded_once import claimed, keep, settled
from tests.webhooks.house import endpoint, told

pytestmark = pytest.mark.django_db(transaction=True)

SOON = timedelta(minutes=5)


def test_a_message_is_told_from_its_acceptance_to_its_end() -> None:
    house, provider = House.build(), knows("gmail.com")
    endpoint(house.tenant)
    house.put(house.message("a@gmail.com"))
    with engine(house) as number:
        (one,) = claimed(house, provider.id, number)
        keep(number, settled(house, one, number, "deferred", due_at=datetime.now(UTC) - SOON, attempts=1))
        with connect() as raw:
            promote_due(raw)
        (one,) = claimed(house, provider.id, number)
        keep(number, settled(house, one, number))
    assert told() == [("message.accepted", "a@gmail.com"), ("message.deferred", "a@gmail.com"), ("message.delivered", "a@gmail.com")]


@pytest.mark.parametrize("state, hears", [("active", 1), ("paused", 1), ("disabled", 0)])
def test_a_paused_endpoints_events_wait_and_a_disabled_one_has_none(state: str, hears: int) -> None:
    house = House.build()
    endpoint(house.tenant, state=state)
    house.put(house.message("a@gmail.com"))
    assert len(told()) == hears


def test_nothing_is_written_for_a_tenant_without_an_endpoint() -> None:
    house, other = House.build(), None
    other = House.build("lumen", pool=house.pool)
    mine = endpoint(house.tenant)
    other.put(other.message("theirs@gmail.com"))
    house.put(house.message("ours@gmail.com"))
    assert told() == [("message.accepted", "ours@gmail.com")]
    assert rows("SELECT DISTINCT tenant_id, endpoint_id FROM delivery_webhookevent") == [(house.tenant.pk, mine.pk)]


def test_an_endpoint_hears_the_kinds_and_streams_that_it_asked_for() -> None:
    house, provider = House.build(), knows("gmail.com")
    bounces = endpoint(house.tenant, kinds=[EventKind.BOUNCED])
    news = endpoint(house.tenant, streams=[house.streams[Purpose.MARKETING].pk])
    house.put(house.message("code@gmail.com"), house.message("news@gmail.com", purpose=Purpose.MARKETING))
    with engine(house) as number:
        (one,) = claimed(house, provider.id, number)
        keep(number, settled(house, one, number, "bounced"))
    assert told(bounces.pk) == [("message.bounced", "code@gmail.com")]
    assert told(news.pk) == [("message.accepted", "news@gmail.com")]


def test_who_tells_without_knowing_the_stream_is_heard_by_the_streams_endpoint_alone() -> None:
    house = House.build()
    news = endpoint(house.tenant, streams=[house.streams[Purpose.MARKETING].pk])
    codes = endpoint(house.tenant, streams=[house.streams[Purpose.TRANSACTIONAL].pk])
    message = house.message("a@gmail.com", purpose=Purpose.MARKETING)
    house.put(message)
    with connect() as raw, raw.transaction(), raw.cursor() as cursor:
        tell(cursor, [Happened(delivery_id(message.id, 1), house.tenant.pk, Kind.COMPLAINED)])
    assert told(news.pk)[-1] == ("message.complained", "a@gmail.com")
    assert told(codes.pk) == []


def test_what_is_rolled_back_was_never_told() -> None:
    house = House.build()
    endpoint(house.tenant)
    with pytest.raises(RuntimeError), connect() as raw, raw.transaction(), raw.cursor() as cursor:
        put(cursor, [house.message("a@gmail.com")])
        raise RuntimeError
    assert told() == []


def test_an_attempt_recorded_again_is_told_once() -> None:
    """A COMMIT whose answer never came, or a journal's replay."""
    house, provider = House.build(), knows("gmail.com")
    endpoint(house.tenant, kinds=[EventKind.DELIVERED, EventKind.DEFERRED])
    house.put(house.message("a@gmail.com"), house.message("b@gmail.com"))
    with engine(house) as number:
        one, two = claimed(house, provider.id, number)
        batch = [settled(house, one, number), settled(house, two, number, "deferred", due_at=datetime.now(UTC) + SOON, attempts=1)]
        for _ in range(3):
            keep(number, *batch)
    assert sorted(kind for kind, _ in told()) == ["message.deferred", "message.delivered"]


def test_a_late_answer_that_decides_nothing_is_not_told() -> None:
    house, provider = House.build(), knows("gmail.com")
    endpoint(house.tenant, kinds=[EventKind.BOUNCED, EventKind.DEFERRED, EventKind.DELIVERED])
    house.put(house.message("a@gmail.com"), house.message("b@gmail.com"))
    with engine(house, 0) as first, engine(house, 1) as second, connect() as raw:
        one, two = claimed(house, provider.id, first)
        evict(raw, first, None)
        again, twice = claimed(house, provider.id, second)
        keep(second, settled(house, again, second), settled(house, twice, second))
        keep(first, settled(house, one, first, "bounced"), settled(house, two, first, "deferred", due_at=datetime.now(UTC) + SOON, attempts=1))
    assert [kind for kind, _ in told()] == ["message.delivered", "message.delivered"]


def test_what_is_rerouted_is_not_told() -> None:
    house, provider = House.build(), knows("gmail.com")
    endpoint(house.tenant)
    house.put(house.message("a@gmail.com"))
    with engine(house) as number:
        (one,) = claimed(house, provider.id, number)
        keep(number, settled(house, one, number, "rerouted", reroute=True, avoid_ip_ids=(house.ips[0].id,)))
    assert [kind for kind, _ in told()] == ["message.accepted"]


def test_the_held_the_suppressed_and_the_cancelled_are_told() -> None:
    house = House.build()
    endpoint(house.tenant)
    held = house.message("a@gmail.com", hold="the tenant is paused")
    house.put(held)
    with connect() as raw, raw.transaction(), raw.cursor() as cursor:
        cancel(cursor, house.tenant.pk, held.id, datetime.now(UTC), "somebody")
    assert [kind for kind, _ in told()] == ["message.accepted", "message.held", "message.cancelled"]


def test_what_expires_unclaimed_or_waiting_is_told() -> None:
    house = House.build()
    knows("gmail.com")
    endpoint(house.tenant, kinds=[EventKind.EXPIRED])
    house.put(house.message("ready@gmail.com"), house.message("later@gmail.com", send_at=datetime.now(UTC) + SOON))
    with connect() as raw:
        for table in ("delivery_ready", "delivery_waiting"):
            raw.execute(f"UPDATE {table} SET expires_at = platform_now() - interval '1 s'")
        raw.execute("UPDATE delivery_waiting SET due_at = platform_now()")
        promote_due(raw)
        expire_ready(raw, lowest_id_at(2**48 - 1))
    assert sorted(told()) == [("message.expired", "later@gmail.com"), ("message.expired", "ready@gmail.com")]
