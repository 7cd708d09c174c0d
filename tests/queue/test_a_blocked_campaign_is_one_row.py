"""Blocks: opened once by whoever finds them, three canaries whoever sends them, decided once, ended by a person or by time."""

from uuid import UUID

import pytest

from delivery.engine.campaigns import decide
from delivery.queue.blocks import CANARIES, Aside, hear, live, open_block, release, set_aside, take_canary
from tests.queue.house import House, connect, engine, knows, rows
from tests.queue.test_what_became_of_a_delivery_is_recorded_once import claimed

pytestmark = pytest.mark.django_db(transaction=True)
BLOCKED = {"ip": 1, "reply": "550 5.7.1 no", "rule": "", "delivery": ""}


def _open(house: House, provider_id: int, fingerprint: int = 77) -> int:
    with connect() as raw:
        assert open_block(raw, provider_id, house.tenant.id, house.streams[0].id, fingerprint, BLOCKED)
        (block,) = live(raw)
    return block.id


def _canary(passed: bool) -> dict[str, object]:
    return {"ip": 2, "reply": "550 5.7.1 not this", "rule": "", "delivery": "", "passed": passed}


def _wait(house: House, provider_id: int, block: int, why: str = "campaign") -> list[UUID]:
    """Two deliveries that an engine sets aside."""
    (sentence,) = rows("SELECT sentence FROM delivery_campaignblock WHERE id = %s", block)[0]
    house.put(house.message("a@gmail.com", fingerprint=77), house.message("b@gmail.com", fingerprint=77))
    with engine(house) as number, connect() as raw:
        claims = claimed(house, provider_id, number)
        set_aside(raw, number, [Aside(one.id, one.lane, why, sentence, 60.0, block) for one in claims])
    return [one.id for one in claims]


def test_many_find_it_and_one_opens_it() -> None:
    house, provider = House.build(), knows("gmail.com")
    block = _open(house, provider.id)
    with connect() as raw:
        assert not open_block(raw, provider.id, house.tenant.id, house.streams[0].id, 77, BLOCKED)
        assert [take_canary(raw, block) for _ in range(CANARIES + 2)] == [True] * CANARIES + [False, False]
        raw.execute("UPDATE delivery_campaignblock SET expires_at = platform_now()")
        assert live(raw) == [] and not take_canary(raw, block)
        assert open_block(raw, provider.id, house.tenant.id, house.streams[0].id, 77, BLOCKED), "the next block tests it anew"
    assert rows("SELECT round, canaries FROM delivery_campaignblock") == [(2, 0)]


def test_what_waits_for_canaries_waits_a_minute_at_most() -> None:
    house, provider = House.build(), knows("gmail.com")
    _wait(house, provider.id, _open(house, provider.id))
    waiting = rows("SELECT why, due_at - platform_now() < interval '61 s', scope LIKE 'campaign % was blocked at %' FROM delivery_waiting")
    assert waiting == [("campaign", True, True)] * 2


def test_when_it_is_the_ip_the_campaign_goes_on_at_once() -> None:
    house, provider = House.build(), knows("gmail.com")
    block = _open(house, provider.id)
    _wait(house, provider.id, block)
    with connect() as raw:
        assert hear(raw, block, "canaries", _canary(passed=True), decide) == "ip"
    assert rows("SELECT due_at <= platform_now() FROM delivery_waiting") == [(True,)] * 2
    assert rows("SELECT count(*) FROM shell_notice") == [(0,)]


def test_what_comes_to_wait_when_it_is_decided_already_does_not() -> None:
    house, provider = House.build(), knows("gmail.com")
    block = _open(house, provider.id)
    with connect() as raw:
        assert hear(raw, block, "canaries", _canary(passed=True), decide) == "ip"
    _wait(house, provider.id, block)
    assert rows("SELECT due_at <= platform_now() FROM delivery_waiting") == [(True,)] * 2


def test_when_it_is_the_content_it_is_held_and_everybody_told() -> None:
    house, provider = House.build(), knows("gmail.com")
    block = _open(house, provider.id)
    waiting = _wait(house, provider.id, block)
    with connect() as raw:
        assert [hear(raw, block, "canaries", _canary(passed=False), decide) for _ in range(3)] == [""] * 3
        assert hear(raw, block, "passes", {"ip": 2}, decide) == "content", "others pass where it is blocked"
    assert rows("SELECT why, due_at = expires_at, scope LIKE '%550 5.7.1 not this' FROM delivery_waiting") == [("hold", True, True)] * 2
    assert {delivery for (delivery,) in rows("SELECT delivery_id FROM delivery_event WHERE kind = 'held'")} == set(waiting)
    assert rows("SELECT kind, scope, severity FROM shell_notice WHERE cleared_at IS NULL") == [("campaign_held", f"campaign {block}", 1)]


def test_a_person_releases_it_and_it_is_not_held_again() -> None:
    house, provider = House.build(), knows("gmail.com")
    block = _open(house, provider.id)
    _wait(house, provider.id, block)
    with connect() as raw:
        for _ in range(3):
            hear(raw, block, "canaries", _canary(passed=False), decide)
        hear(raw, block, "passes", {"ip": 2}, decide)
        with raw.transaction(), raw.cursor() as cursor:
            assert release(cursor, block, "ada@platform.example") == 2
        assert [one.state for one in live(raw)] == ["released"]
        assert hear(raw, block, "canaries", _canary(passed=False), decide) == ""
    assert rows("SELECT why, due_at <= platform_now() FROM delivery_waiting") == [("retry", True)] * 2
    assert rows("SELECT cleared_by FROM shell_notice") == [("ada@platform.example",)]
    assert rows("SELECT count(*) FROM delivery_event WHERE kind = 'released'") == [(2,)]


def test_one_sent_elsewhere_avoids_what_is_blocked() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message("a@gmail.com"))
    with engine(house) as number, connect() as raw:
        (one,) = claimed(house, provider.id, number)
        lanes = set_aside(raw, number, [Aside(one.id, one.lane, avoid=(5, 6))])
    assert lanes == {(house.pool.id, provider.id, 0)}
    assert rows("SELECT avoid_ip_ids, attempts, tries FROM delivery_ready") == [([5, 6], 0, 0)]
