"""Promote and sort: what is due becomes ready, what expired ends, what is sorted finds its lane."""

from datetime import UTC, datetime, timedelta

import pytest

from delivery.queue import sort
from delivery.queue.promote import expire_ready, let_go, promote_due
from delivery.queue.wake import Lane, lanes_of, payload
from mailplatform.shell.ids import attempt_id, lowest_id_at
from tests.queue.house import House, connect, knows, rows

pytestmark = pytest.mark.django_db(transaction=True)


def _due(**changed: object) -> None:
    with connect() as raw:
        for name, value in changed.items():
            raw.execute(f"UPDATE delivery_waiting SET {name} = %s", [value])


def test_a_due_row_becomes_ready_with_a_new_turn() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com", send_at=datetime.now(UTC) + timedelta(hours=1)))
    house.put(house.message("b@gmail.com"))
    with connect() as raw:
        assert promote_due(raw) == frozenset()
        _due(due_at=datetime.now(UTC))
        assert promote_due(raw) == {(house.pool.id, provider.id, 0)}
    assert rows("SELECT recipient FROM delivery_ready ORDER BY tag") == [("b@gmail.com",), ("a@gmail.com",)]
    assert rows("SELECT count(*) FROM delivery_waiting") == [(0,)]


def test_an_expired_row_ends_visibly() -> None:
    house = House.build()
    knows("gmail.com")
    house.put(house.message("a@gmail.com", send_at=datetime.now(UTC) + timedelta(hours=1)))
    _due(due_at=datetime.now(UTC), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with connect() as raw:
        promote_due(raw)
    assert rows("SELECT final, reason FROM delivery_delivery") == [("expired", "expired")]
    assert rows("SELECT count(*) FROM delivery_ready") == [(0,)]


def test_what_nobody_could_take_ends_when_it_expires() -> None:
    house = House.build()
    knows("gmail.com")
    house.put(house.message("old@gmail.com", expires_at=datetime.now(UTC) - timedelta(seconds=1)), house.message("young@gmail.com"))
    with connect() as raw:
        assert expire_ready(raw, lowest_id_at(0)) == 0, "young rows are not looked at"
        assert expire_ready(raw, lowest_id_at(2**47)) == 1
    assert rows("SELECT recipient, final FROM delivery_delivery WHERE final IS NOT NULL") == [("old@gmail.com", "expired")]
    assert rows("SELECT recipient FROM delivery_ready") == [("young@gmail.com",)]


def test_a_scheduled_row_of_an_unsorted_domain_is_sorted_when_it_is_due() -> None:
    house = House.build()
    house.put(house.message("a@new.example", send_at=datetime.now(UTC) + timedelta(hours=1)))
    _due(due_at=datetime.now(UTC))
    with connect() as raw:
        promote_due(raw)
        assert sort.unsorted_domains(raw) == ["new.example"]


def test_a_held_row_goes_when_a_person_lets_it_go() -> None:
    house = House.build()
    knows("gmail.com")
    message = house.message("a@gmail.com", hold="looks odd")
    house.put(message)
    with connect() as raw:
        promote_due(raw)
        assert rows("SELECT count(*) FROM delivery_ready") == [(0,)]
        assert let_go(raw, [message.deliveries[0].id]) == 1
        promote_due(raw)
    assert rows("SELECT count(*) FROM delivery_ready") == [(1,)]


def test_domains_of_one_mx_set_share_a_lane_once_they_are_sorted() -> None:
    house = House.build()
    house.put(*[house.message(f"a@{name}.example") for name in ("one", "two", "two")])
    with connect() as raw:
        assert sort.unsorted_domains(raw) == ["one.example", "two.example"]
        found = [sort.Sorted(f"{name}.example", "mx:host.example", ((10, "mx.host.example"),), 300) for name in ("one", "two")]
        providers = sort.remember(raw, found)
        assert len(set(providers.values())) == 1
        (lane,) = sort.move_sorted(raw, providers)
    assert rows("SELECT count(*) FROM delivery_ready WHERE pool_id = %s AND provider_id = %s AND purpose = %s", *lane) == [(3,)]
    assert rows("SELECT is_tail FROM pools_provider") == [(True,)]


def test_a_domain_that_takes_no_mail_ends_its_deliveries() -> None:
    house = House.build()
    house.put(house.message("a@null.example"), house.message("b@other.example"))
    with connect() as raw:
        assert sort.end(raw, "null.example", "hard.invalid_domain", "null.example takes no mail") == 1
    assert rows("SELECT recipient, final, reply FROM delivery_delivery WHERE final IS NOT NULL") == [
        ("a@null.example", "bounced", "null.example takes no mail"),
    ]
    assert rows("SELECT recipient FROM delivery_waiting") == [("b@other.example",)]


def test_a_domain_whose_dns_is_silent_is_asked_again_later() -> None:
    house = House.build()
    house.put(house.message("a@silent.example"))
    with connect() as raw:
        assert sort.postpone(raw, "silent.example", "its DNS does not answer", 0) == 1
        assert sort.unsorted_domains(raw) == []
        promote_due(raw)
        assert sort.unsorted_domains(raw) == ["silent.example"]


@pytest.mark.parametrize(
    ("lanes", "sorting", "said"),
    [([(1, 2, 0)], False, "1:2:0"), ([(1, 2, 0)], True, "1:2:0,sort"), ([], True, "sort"), ([(1, 2, 2), (3, 4, 0)], False, "3:4:0,1:2:2"), ([], False, "")],
)
def test_a_wake_up_names_lanes(lanes: list[Lane], sorting: bool, said: str) -> None:
    assert payload(lanes, sorting) == said
    assert lanes_of(said.split(",")) == sorted(lanes, key=lambda lane: lane[2])


def test_when_there_are_too_many_lanes_to_name_the_transactional_ones_are_named_all_the_same() -> None:
    said = payload([*((10**18 + n, 10**18, 2) for n in range(500)), (7, 7, 0)], True).split(",")
    assert said[0] == "7:7:0" and said[-2:] == ["*", "sort"]
    assert len(",".join(said)) < 8000


def test_what_was_last_said_of_it_is_an_expired_ones_last_word() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com", send_at=datetime.now(UTC) + timedelta(hours=1)))
    with connect() as raw:
        ((delivery,),) = raw.execute("SELECT id FROM delivery_waiting").fetchall()
        for number, reason, reply in ((1, "soft.system", "451 4.3.0 first"), (2, "soft.congestion", "421 4.7.0 last")):
            raw.execute(
                "INSERT INTO delivery_attempt (id, engine_id, ip_id, pool_id, provider_id, started_at, verdict, reason, fault, phase, rule, reply,"
                " enhanced, mx_host, tls, connection_reused, timings, why)"
                " VALUES (%s, 1, 1, 1, %s, now(), 'deferred', %s, 'destination', 'rcpt', '', %s, '', '', '', false, '{}', '{}')",
                [attempt_id(delivery, number), provider.id, reason, reply],
            )
        _due(why="retry", due_at=datetime.now(UTC), expires_at=datetime.now(UTC) - timedelta(seconds=1))
        promote_due(raw)
    assert rows("SELECT final, reason, reply, provider_id FROM delivery_delivery") == [("expired", "soft.congestion", "421 4.7.0 last", provider.id)]


def test_one_whose_domain_was_never_found_says_so_when_it_expires() -> None:
    house = House.build()
    house.put(house.message("a@new.example"))
    with connect() as raw:
        sort.postpone(raw, "new.example", "its DNS does not answer", 60)
        _due(due_at=datetime.now(UTC), expires_at=datetime.now(UTC) - timedelta(seconds=1))
        promote_due(raw)
    assert rows("SELECT final, reason, reply FROM delivery_delivery") == [("expired", "network.dns", "its DNS does not answer")]
