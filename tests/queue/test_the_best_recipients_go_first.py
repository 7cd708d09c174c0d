"""Marketing whose tenant says how engaged its recipients are: the best go first among its own, and never before another tenant's."""

from datetime import UTC, datetime, timedelta

import pytest

from delivery.queue.engaged import MOST, behind, engagement
from delivery.queue.promote import promote_due
from delivery.queue.put import NewMessage
from delivery.queue.sort import move_sorted
from pools.purposes import Purpose
from tests.queue.house import House, connect, knows, rows

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = "SELECT split_part(recipient, '@', 1) FROM delivery_ready ORDER BY purpose, tag"


def _said(house: House, who: str, said: object, purpose: Purpose = Purpose.MARKETING) -> NewMessage:
    return house.message(who, purpose=purpose, metadata={"engagement": said})


def _order() -> list[str]:
    return [name for (name,) in rows(ORDER)]


def test_a_number_or_a_word_says_how_engaged_they_are() -> None:
    assert [engagement(said) for said in ("high", "medium", "low", 0, 1, 0.25)] == [1, 0.5, 0, 0, 1, 0.25]
    assert [engagement(said) for said in ("best", "", -0.1, 1.1, True, None, "0.5")] == [None] * 7


def test_the_best_go_first_whichever_request_brought_them() -> None:
    house = House.build()
    knows("gmail.com")
    house.put(_said(house, "low@gmail.com", "low"), _said(house, "medium@gmail.com", 0.5))
    house.put(_said(house, "high@gmail.com", "high"), house.message("silent@gmail.com", purpose=Purpose.MARKETING))
    assert _order() == ["high", "silent", "medium", "low"]


def test_a_neighbour_waits_no_longer_for_it_than_for_any_other_mail() -> None:
    first = House.build("harbour")
    second = House.build("lumen", pool=first.pool)
    knows("gmail.com")
    second.put(*[second.message(f"neighbour{n}@gmail.com", purpose=Purpose.MARKETING) for n in range(20)])
    first.put(*[_said(first, f"high{n}@gmail.com", "high") for n in range(20)])
    first.put(*[_said(first, f"low{n}@gmail.com", "low") for n in range(20)])
    assert [name.startswith("neighbour") for name in _order()[:40]].count(True) == 20, "turn by turn with the best, before the others"
    assert all(name.startswith("low") for name in _order()[40:])


def test_the_others_lose_at_most_so_many_turns_of_their_own_tenant() -> None:
    house = House.build()
    house.tenant.weight = 4
    house.tenant.save()
    knows("gmail.com")
    house.put(_said(house, "high@gmail.com", 1), _said(house, "low@gmail.com", 0))
    (near,), (far,) = rows("SELECT tag FROM delivery_ready ORDER BY tag")
    assert far - near == pytest.approx((MOST + 1) / 4, rel=0.02)
    ((last,),) = rows("SELECT last_tag FROM delivery_fairtag")
    assert last < 1, "what comes next does not queue behind them"


def test_transactional_mail_and_notifications_do_not_move() -> None:
    house = House.build()
    assert not behind([_said(house, "a@gmail.com", "low", purpose) for purpose in (Purpose.TRANSACTIONAL, Purpose.NOTIFICATION)])


def test_what_waits_for_its_time_or_its_provider_is_put_in_order_then() -> None:
    house = House.build()
    house.put(_said(house, "low@gmail.com", "low"), _said(house, "high@gmail.com", "high"))
    with connect() as raw:
        assert move_sorted(raw, {"gmail.com": knows("gmail.com").id})
    assert _order() == ["high", "low"]


def test_a_campaign_for_tomorrow_is_put_in_order_tomorrow() -> None:
    house = House.build()
    knows("gmail.com")
    later = datetime.now(UTC) + timedelta(hours=1)
    house.put(*[house.message(f"{said}@gmail.com", purpose=Purpose.MARKETING, metadata={"engagement": said}, send_at=later) for said in ("low", "high")])
    assert rows("SELECT count(*) FROM delivery_ready") == [(0,)]
    with connect() as raw:
        raw.execute("UPDATE delivery_waiting SET due_at = platform_now()")
        promote_due(raw)
    assert _order() == ["high", "low"]
