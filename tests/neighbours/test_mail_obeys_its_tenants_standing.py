"""What is held waits and is told, what is slowed goes in its turn, nothing is lost, and all of it is undone when it is over."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivery.queue.promote import promote_due
from delivery.queue.standing import begin
from mailplatform.shell.clock import now
from mailplatform.shell.ids import message_id
from mailplatform.tenants.models import Tenant
from pools.models import Stream
from pools.neighbours import word
from pools.neighbours.models import StandingAction
from pools.purposes import Purpose
from tests.neighbours.world import asks
from tests.queue.house import House, connect, knows, rows

pytestmark = pytest.mark.django_db(transaction=True)
BY = "ann@platform.example"
MARKETING, TRANSACTIONAL = Purpose.MARKETING, Purpose.TRANSACTIONAL


@pytest.fixture
def house() -> Iterator[House]:
    knows("gmail.com")
    asks()
    yield House.build()


def put(house: House, count: int, purpose: Purpose = MARKETING, **changed: Any) -> None:
    for n in range(count):
        house.put(house.message(f"p{n}@gmail.com", purpose=purpose, fingerprint=7, id=message_id(), **changed))


def held() -> int:
    return int(rows("SELECT count(*) FROM delivery_waiting WHERE why = 'hold'")[0][0])


def ready(purpose: Purpose = MARKETING) -> int:
    return int(rows("SELECT count(*) FROM delivery_ready WHERE purpose = %s", int(purpose))[0][0])


def impose(house: House, kind: str, purpose: Purpose = MARKETING) -> None:
    word.impose(house.tenant, kind, house.streams[purpose].pk if kind == "hold" else 0, "A bad list.", BY, now())


def promote() -> None:
    with connect() as raw:
        promote_due(raw)


def test_what_was_queued_is_held_too_and_a_release_lets_exactly_that_go(house: House) -> None:
    put(house, 5)
    put(house, 3, TRANSACTIONAL)
    rows("UPDATE delivery_ready SET fingerprint = 0 WHERE id = (SELECT min(id::text)::uuid FROM delivery_ready WHERE purpose = 2) RETURNING 1")
    put(house, 1, hold="The tenant is paused.")
    impose(house, "hold")
    follow = begin()
    follow(now())
    assert (held(), ready(), ready(TRANSACTIONAL)) == (5, 1, 3), "all but what a person let go by itself"
    assert rows("SELECT count(*), min(data->>'why') FROM delivery_event WHERE kind = 'held'") == [(4, rows("SELECT max(held_why) FROM pools_stream")[0][0])]
    word.cancel(StandingAction.objects.get(kind="hold"), BY, now())
    follow(now())
    assert held() == 1, "what was held for another reason stays"
    assert rows("SELECT count(*), min(data->>'by') FROM delivery_event WHERE kind = 'released'") == [(4, BY)]
    assert rows("SELECT why, count(*) FROM delivery_waiting WHERE why <> 'hold' GROUP BY 1") == [("quota", 4)], "released, and slowed: in its turn"


def test_what_becomes_due_while_its_stream_is_held_is_held_then(house: House) -> None:
    put(house, 2, send_at=datetime.now(UTC) + timedelta(seconds=60))
    impose(house, "hold")
    begin()(now())
    assert held() == 0
    rows("UPDATE delivery_waiting SET due_at = platform_now() RETURNING 1")
    promote()
    assert (held(), ready()) == (2, 0)
    rows("UPDATE delivery_waiting SET why = 'retry', fingerprint = 0, due_at = platform_now() RETURNING 1")  # a person's own word
    promote()
    assert (held(), ready()) == (0, 2)


def test_a_slowed_tenants_mail_gets_turns_and_its_transactional_mail_does_not_wait(house: House) -> None:
    put(house, 4)
    impose(house, "slow")
    follow = begin()
    follow(now())
    put(house, 3, per_minute=30)
    put(house, 2, TRANSACTIONAL)
    assert ready(TRANSACTIONAL) == 2
    due = [row[0] for row in rows("SELECT due_at FROM delivery_waiting WHERE why = 'quota' ORDER BY due_at")]
    apart = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(due)]
    assert len(due) == 7
    assert apart == pytest.approx([2.0] * 6, abs=0.01), "30 a minute, what was queued before and what came since"
    StandingAction.objects.update(begun_at=now() - timedelta(seconds=10))
    promote()
    follow(now())
    assert ready() == 1, "what has had its turn is not put back"
    word.cancel(StandingAction.objects.get(kind="slow", state="active"), BY, now())
    follow(now())
    promote()
    assert ready() == 7


def test_the_turns_of_a_tenants_own_time_are_not_before_it(house: House) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=3)
    put(house, 3, per_minute=30, send_at=soon)
    waiting = rows("SELECT why, due_at FROM delivery_waiting ORDER BY due_at")
    assert [why for why, _ in waiting] == ["schedule", "schedule", "quota"]
    assert min(due for _, due in waiting) >= soon


def test_a_slowed_tenants_weight_is_cut_outside_of_transactional_mail(house: House) -> None:
    put(house, 1)
    put(house, 1, TRANSACTIONAL)
    before = dict(rows("SELECT purpose, last_tag FROM delivery_fairtag"))
    Tenant.objects.filter(pk=house.tenant.pk).update(bulk_share=10)
    put(house, 1)
    put(house, 1, TRANSACTIONAL)
    after = dict(rows("SELECT purpose, last_tag FROM delivery_fairtag"))
    assert after[2] - before[2] == pytest.approx(10 * before[2])
    assert after[0] - before[0] == pytest.approx(before[0])


def test_more_than_one_move_of_rows_is_held_and_every_delivery_is_somewhere(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [f"p{n}@gmail.com" for n in range(900)]
    for _ in range(3):
        house.put(house.message(*people, purpose=MARKETING, fingerprint=7))
    impose(house, "hold")
    begin()(now())
    assert held() == 2_700
    assert rows("SELECT count(*) FROM delivery_delivery WHERE final IS NULL") == [(2_700,)]


def test_a_stream_that_is_held_for_good_reason_says_so_to_whoever_asks(house: House) -> None:
    impose(house, "hold")
    assert Stream.objects.get(pk=house.streams[MARKETING].pk).held_why.endswith(f"(action {StandingAction.objects.get(kind='hold').pk})")
