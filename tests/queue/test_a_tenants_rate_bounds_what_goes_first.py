"""Transactional mail goes first up to its tenant's rate; beyond it takes its place among the notifications, and stays what it is."""

import threading
import time
from datetime import UTC, datetime
from uuid import UUID

import pytest

from delivery.queue.claim import Bid
from delivery.queue.pace import let_first
from delivery.queue.promote import let_go, promote_due
from delivery.queue.put import NewMessage
from pools.purposes import Purpose
from tests.queue.house import House, connect, engine, knows, rows
from tests.queue.test_one_engine_at_a_time_holds_a_delivery import take

pytestmark = pytest.mark.django_db(transaction=True)
BY_PURPOSE = "SELECT purpose, count(*) FROM delivery_ready GROUP BY purpose ORDER BY purpose"


def _house(rate_per_s: float, name: str = "harbour", other: House | None = None) -> House:
    house = House.build(name, other and other.pool)
    house.tenant.transactional_rate_per_s = rate_per_s
    house.tenant.save()
    return house


def _codes(house: House, count: int, purpose: Purpose = Purpose.TRANSACTIONAL) -> list[NewMessage]:
    return [house.message("a@gmail.com", purpose=purpose) for _ in range(count)]


def test_a_second_of_the_rate_goes_first_and_the_rest_orders_as_notification() -> None:
    house = _house(20)
    knows("gmail.com")
    placed = house.put(*_codes(house, 50))
    (first, at_first), (beyond, at_last) = rows(BY_PURPOSE)
    assert (first, beyond) == (Purpose.TRANSACTIONAL, Purpose.NOTIFICATION)
    assert at_first == 20 and at_last == 30
    assert {purpose for _, _, purpose in placed.lanes} == {0, 1}


def test_the_rate_makes_good_what_was_used() -> None:
    house = _house(1000)
    with connect() as raw, raw.cursor() as cursor:
        assert let_first(cursor, {house.tenant.id: 1500}) == {house.tenant.id: 1000}
        raw.execute("UPDATE delivery_transactionalpace SET spent_until = spent_until - 0.5")
        assert 499 <= let_first(cursor, {house.tenant.id: 1500})[house.tenant.id] <= 600
        raw.execute("UPDATE delivery_transactionalpace SET spent_until = spent_until - 3600")
        assert let_first(cursor, {house.tenant.id: 1500}) == {house.tenant.id: 1000}, "an hour of silence is not saved up"


def test_a_rate_below_one_a_second_lets_one_go() -> None:
    house = _house(0.1)
    with connect() as raw, raw.cursor() as cursor:
        assert let_first(cursor, {house.tenant.id: 3}) == {house.tenant.id: 1}
        assert let_first(cursor, {house.tenant.id: 3}) == {house.tenant.id: 0}


def test_with_a_rate_of_nothing_nothing_goes_first() -> None:
    house = _house(0)
    knows("gmail.com")
    house.put(*_codes(house, 3))
    assert rows(BY_PURPOSE) == [(Purpose.NOTIFICATION, 3)]


def test_a_flood_takes_turns_with_other_tenants_notifications() -> None:
    flood = _house(1)
    small = _house(50, "lumen", flood)
    knows("gmail.com")
    flood.put(*_codes(flood, 200))
    small.put(*_codes(small, 10, Purpose.NOTIFICATION))
    turns = [tenant for (tenant,) in rows("SELECT tenant_id FROM delivery_ready WHERE purpose = 1 ORDER BY tag")]
    assert max(place for place, tenant in enumerate(turns) if tenant == small.tenant.id) < 25


@pytest.mark.parametrize("rate_per_s", [0, 0.5, 20, 1_000_000])
def test_a_clock_that_is_put_back_an_hour_leaves_no_debt_of_an_hour(rate_per_s: float) -> None:
    tenant = _house(rate_per_s).tenant.id
    at_once = min(100, 1 if rate_per_s == 0.5 else int(rate_per_s))
    with connect() as raw, raw.cursor() as cursor:
        for shift in ("1 hour", "0", "-1 hour"):
            raw.execute("SELECT set_config('mailplatform.clock_shift', %s, false)", [shift])
            assert let_first(cursor, {tenant: 100})[tenant] >= 0, "nobody is let less than nothing"
            raw.execute("UPDATE delivery_transactionalpace SET spent_until = spent_until - %s", [1 + 1 / (rate_per_s or 1)])  # time passes
            assert let_first(cursor, {tenant: 100}) == {tenant: at_once}


def test_what_went_beyond_the_rate_is_still_transactional_to_who_claims_it() -> None:
    house, provider = _house(1), knows("gmail.com")
    house.put(*_codes(house, 2), *_codes(house, 1, Purpose.NOTIFICATION))
    with engine(house) as number:
        bids = [Bid(house.pool.id, provider.id, int(purpose), 0, 10, tuple(ip.id for ip in house.ips)) for purpose in Purpose]
        claims = take(number, bids)
    assert sorted((claim.purpose, claim.own_purpose) for claim in claims) == [(0, 0), (1, 0), (1, 1)]


def test_a_retry_is_measured_anew() -> None:
    house = _house(1)
    knows("gmail.com")
    first, beyond = _codes(house, 2)
    house.put(first, beyond)
    with connect() as raw:
        raw.execute("INSERT INTO delivery_waiting SELECT *, 'retry', '', platform_now() FROM delivery_ready WHERE id >= %s AND purpose = 1", [UUID(int=0)])
        raw.execute("DELETE FROM delivery_ready")
        raw.execute("UPDATE delivery_transactionalpace SET spent_until = 0")
        let_go(raw, [row[0] for row in raw.execute("SELECT id FROM delivery_waiting")])
        assert {purpose for _, _, purpose in promote_due(raw)} == {Purpose.TRANSACTIONAL}
    assert rows(BY_PURPOSE) == [(Purpose.TRANSACTIONAL, 1)]


def test_submissions_of_several_tenants_at_the_same_time_never_deadlock_and_let_no_more_through() -> None:
    house = _house(40)
    other = _house(40, "lumen", house)
    tenants = [house.tenant.id, other.tenant.id]
    errors: list[Exception] = []
    let: dict[int, list[int]] = {tenant: [] for tenant in tenants}
    began, ticked = datetime.now(UTC), time.monotonic()

    def submit(backwards: bool) -> None:
        try:
            with connect() as raw:
                for _ in range(20):
                    with raw.transaction(), raw.cursor() as cursor:
                        for tenant, count in let_first(cursor, dict.fromkeys(tenants[::-1] if backwards else tenants, 2)).items():
                            let[tenant].append(count)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=submit, args=(number % 2 == 0,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = (datetime.now(UTC) - began).total_seconds()
    set_back_s = max(0.0, time.monotonic() - ticked - took_s)  # a virtual machine's wall clock is put right now and then
    assert errors == []
    least, most = 40 - 40 * set_back_s - 1, 40 + 40 * took_s + 1
    assert [sum(counts) for counts in let.values() if not least <= sum(counts) <= most] == [], (least, most, let)
