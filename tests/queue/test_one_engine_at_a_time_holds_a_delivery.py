"""Claim and fence: nothing twice, nothing stranded, nothing by the dead."""

import asyncio
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from delivery.queue.claim import Bid, Claim, claim, lanes_with_work
from delivery.queue.fence import evict, leave, register, sweep
from pools.purposes import Purpose
from tests.queue.house import House, connect, engine, knows, rows

pytestmark = pytest.mark.django_db(transaction=True)


def take(engine_id: int, bids: Sequence[Bid], at: datetime | None = None) -> list[Claim]:
    async def once() -> list[Claim]:
        parameters = connect().info.dsn
        async with await psycopg.AsyncConnection.connect(parameters, autocommit=True) as raw:
            return await claim(raw, engine_id, bids, at or datetime.now(UTC) + timedelta(seconds=1))

    return asyncio.run(once())


def _bid(
    house: House, provider_id: int, limit: int = 100, handicap_ms: int = 0, ips: tuple[int, ...] | None = None, purpose: Purpose = Purpose.TRANSACTIONAL
) -> Bid:
    return Bid(house.pool.id, provider_id, int(purpose), handicap_ms, limit, ips or tuple(ip.id for ip in house.ips))


def test_two_engines_at_the_same_time_never_get_the_same_delivery() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(*[house.message("a@gmail.com") for _ in range(300)])
    got: list[Claim] = []
    with engine(house, 0) as first, engine(house, 1) as second:
        threads = [threading.Thread(target=lambda e=e: got.extend(take(e, [_bid(house, provider.id, limit=60)]))) for e in (first, second) * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == len({one.id for one in got}) == 300
        assert rows("SELECT count(*) FROM delivery_ready") == [(0,)]
        assert rows("SELECT count(*) FROM delivery_claimed") == [(300,)]


def test_an_evicted_engine_claims_nothing() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number, connect() as raw:
        evict(raw, number)
        assert take(number, [_bid(house, provider.id)]) == []


def test_a_slot_has_one_engine() -> None:
    house = House.build()
    with engine(house), connect() as raw:
        assert register(raw, house.node.name, 0, 2) is None


def test_a_worse_path_waits_its_handicap() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number:
        assert take(number, [_bid(house, provider.id, handicap_ms=60_000)]) == []
        assert len(take(number, [_bid(house, provider.id, handicap_ms=60_000)], datetime.now(UTC) + timedelta(seconds=61))) == 1


def test_a_bid_takes_of_its_own_purpose_only_and_the_first_purpose_comes_first() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(*[house.message("m@gmail.com", purpose=Purpose.MARKETING) for _ in range(5)], house.message("t@gmail.com"))
    with engine(house) as number:
        assert take(number, [_bid(house, provider.id, purpose=Purpose.NOTIFICATION)]) == []
        bids = [_bid(house, provider.id, limit=2, purpose=purpose) for purpose in reversed(Purpose)]
        assert [one.recipient for one in take(number, bids)] == ["t@gmail.com", "m@gmail.com", "m@gmail.com"]


def test_a_delivery_is_left_to_others_when_it_avoids_all_of_an_engines_ips_but_not_for_ever() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    mine, other = house.ips
    with engine(house) as number, connect() as raw:
        raw.execute("UPDATE delivery_ready SET avoid_ip_ids = ARRAY[%s]", [mine.id])
        assert take(number, [_bid(house, provider.id, ips=(mine.id,))]) == []
        assert len(take(number, [_bid(house, provider.id, ips=(other.id,))])) == 1
    house.put(house.message("b@gmail.com"))
    with engine(house) as number, connect() as raw:
        raw.execute("UPDATE delivery_ready SET avoid_ip_ids = ARRAY[%s]", [mine.id])
        later = datetime.now(UTC) + timedelta(seconds=40)
        assert {one.recipient for one in take(number, [_bid(house, provider.id, ips=(mine.id,))], later)} >= {"b@gmail.com"}


def test_a_greylisted_delivery_waits_for_its_ip() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    mine, other = house.ips
    with engine(house) as number, connect() as raw:
        raw.execute("UPDATE delivery_ready SET sticky_ip_id = %s", [mine.id])
        assert take(number, [_bid(house, provider.id, ips=(other.id,))]) == []
        assert len(take(number, [_bid(house, provider.id, ips=(mine.id,))])) == 1


def test_a_claim_that_is_being_committed_is_not_stranded_by_the_eviction() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(*[house.message("a@gmail.com") for _ in range(5)])
    assert provider
    with engine(house) as number, connect() as claiming, connect() as judging:
        claiming.execute("BEGIN")
        claiming.execute("SELECT 1 FROM delivery_engine WHERE id = %s FOR KEY SHARE", [number])
        evicting = threading.Thread(target=evict, args=(judging, number))
        evicting.start()
        time.sleep(0.2)  # the eviction waits for the claim's fence
        from delivery.queue import columns

        claiming.execute(
            f"WITH gone AS (DELETE FROM delivery_ready RETURNING *) INSERT INTO delivery_claimed ({columns.LIST}, engine_id, claimed_at)"
            f" SELECT {columns.LIST}, %s, now() FROM gone",
            [number],
        )
        claiming.execute("COMMIT")
        evicting.join(5)
        assert not evicting.is_alive()
        assert rows("SELECT count(*) FROM delivery_claimed") == [(0,)]
        assert rows("SELECT count(*) FROM delivery_ready") == [(5,)]


def test_a_delivery_that_two_engines_died_of_is_held_and_the_others_go_on() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("poison@gmail.com"), house.message("fine@gmail.com"))
    for _ in range(2):
        with engine(house) as number, connect() as raw:
            claims = take(number, [_bid(house, provider.id)])
            evict(raw, number, begun=[one.id for one in claims if one.recipient.startswith("poison")])
    assert rows("SELECT recipient, why, scope FROM delivery_waiting") == [("poison@gmail.com", "hold", "engines died twice with this delivery in their hands")]
    assert rows("SELECT recipient FROM delivery_ready") == [("fine@gmail.com",)]


def test_an_engine_that_leaves_in_order_gives_back_what_it_had_as_it_came() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    before = rows("SELECT id, tag, ready_at, tries, crashes FROM delivery_ready")
    with engine(house) as number, connect() as raw:
        take(number, [_bid(house, provider.id)])
        assert leave(raw, number) == 1
    assert rows("SELECT id, tag, ready_at, tries, crashes FROM delivery_ready") == before


def test_claims_of_engines_that_are_no_more_are_swept_back() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number, connect() as raw:
        take(number, [_bid(house, provider.id)])
        raw.execute("DELETE FROM delivery_engine")
        assert sweep(raw) == 1
    assert rows("SELECT count(*) FROM delivery_ready") == [(1,)]


def test_lanes_with_work_are_found_however_much_lies_in_them() -> None:
    house = House.build()
    lanes = {(house.pool.id, knows(f"d{n}.example", key=f"mx:d{n}.example").id, purpose) for n in range(5) for purpose in (0, 2)}
    house.put(*[house.message(f"a@d{n % 5}.example", purpose=Purpose(2 * (n % 2))) for n in range(50)])

    async def look() -> set[tuple[int, int, int]]:
        async with await psycopg.AsyncConnection.connect(connect().info.dsn, autocommit=True) as raw:
            return set(await lanes_with_work(raw, [house.pool.id]))

    assert asyncio.run(look()) == lanes
