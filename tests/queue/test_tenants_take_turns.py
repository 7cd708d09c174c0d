"""Fair tags: purpose before fairness before age, by weight, whoever comes first."""

import threading

import pytest

from delivery.queue.tags import Turn, give_places
from pools.purposes import Purpose
from tests.queue.house import House, connect, knows, rows

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = "SELECT tenant_id FROM delivery_ready ORDER BY purpose, tag"


def _neighbours() -> tuple[House, House]:
    first = House.build("harbour")
    return first, House.build("lumen", pool=first.pool)


def test_a_tenant_with_a_thousand_waiting_does_not_delay_one_with_ten() -> None:
    big, small = _neighbours()
    knows("gmail.com")
    big.put(*[big.message("a@gmail.com") for _ in range(200)])
    small.put(*[small.message("a@gmail.com") for _ in range(10)])
    turns = [tenant for (tenant,) in rows(ORDER)]
    assert max(place for place, tenant in enumerate(turns) if tenant == small.tenant.id) < 25


def test_who_comes_late_is_neither_punished_nor_favoured() -> None:
    early, late = _neighbours()
    provider = knows("gmail.com")
    early.put(*[early.message("a@gmail.com") for _ in range(100)])
    with connect() as raw:  # fifty of them were claimed: the lane's virtual time has moved on
        raw.execute("UPDATE delivery_lane SET virtual_time = ARRAY[(SELECT tag FROM delivery_ready ORDER BY tag OFFSET 49 LIMIT 1), 0, 0]")
        raw.execute("DELETE FROM delivery_ready WHERE ctid IN (SELECT ctid FROM delivery_ready ORDER BY tag LIMIT 50)")
    late.put(*[late.message("a@gmail.com") for _ in range(50)])
    first_forty = [tenant for (tenant,) in rows(ORDER)][:40]
    assert abs(first_forty.count(late.tenant.id) - first_forty.count(early.tenant.id)) <= 2
    assert provider.id


def test_twice_the_weight_is_twice_the_share() -> None:
    heavy, light = _neighbours()
    knows("gmail.com")
    heavy.tenant.weight = 2
    heavy.tenant.save()
    heavy.put(*[heavy.message("a@gmail.com") for _ in range(100)])
    light.put(*[light.message("a@gmail.com") for _ in range(100)])
    first_sixty = [tenant for (tenant,) in rows(ORDER)][:60]
    assert 38 <= first_sixty.count(heavy.tenant.id) <= 42


def test_a_large_message_costs_more_turns_than_a_small_one() -> None:
    large, small = _neighbours()
    knows("gmail.com")
    large.put(*[large.message("a@gmail.com", size=640 * 1024) for _ in range(10)])
    small.put(*[small.message("a@gmail.com") for _ in range(30)])
    assert [tenant for (tenant,) in rows(ORDER)][:20].count(large.tenant.id) <= 2


def test_transactional_goes_before_marketing_that_came_first() -> None:
    house = House.build()
    knows("gmail.com")
    house.put(*[house.message("a@gmail.com", purpose=Purpose.MARKETING) for _ in range(20)])
    house.put(house.message("b@gmail.com", purpose=Purpose.TRANSACTIONAL))
    assert rows("SELECT recipient FROM delivery_ready ORDER BY purpose, tag LIMIT 1") == [("b@gmail.com",)]


def test_submissions_to_the_same_lanes_in_any_order_never_deadlock() -> None:
    house = House.build()
    providers = [knows(f"d{n}.example", key=f"mx:d{n}.example").id for n in range(6)]
    turns = [Turn(house.pool.id, provider, 0, house.tenant.id, 1000) for provider in providers]
    errors: list[Exception] = []

    def submit(backwards: bool) -> None:
        try:
            with connect() as raw:
                for _ in range(30):
                    with raw.transaction(), raw.cursor() as cursor:
                        give_places(cursor, turns[::-1] if backwards else turns)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=submit, args=(number % 2 == 0,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {tag for (tag,) in rows("SELECT round(last_tag::numeric / (1 + 1000 / 65536.0)) FROM delivery_fairtag")} == {120}
