"""Returns: shares that grow, times that double with each loss, a switch that ends it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from mailplatform.shell.clock import now
from pools.failover.models import FailoverPolicy, NodeReturn
from pools.failover.returns import WHOLE, look, note_loss, returning
from tests.queue.house import House, connect

pytestmark = pytest.mark.django_db(transaction=True)
TERMS: dict[str, Any] = {"by_steps": True, "first_s": 30, "longest_s": 100, "window_s": 3600}


def test_its_share_grows_until_it_is_whole() -> None:
    shares = [returning(second, 30).share for second in range(31)]
    assert shares[0] == 10 and shares[29] == 75 and shares == sorted(shares)
    assert returning(30, 30) == WHOLE == returning(0, 0)
    assert returning(12, 30).left_s == 18


def test_each_loss_within_the_window_doubles_the_time_up_to_a_bound() -> None:
    node = House.build().node
    with connect() as raw:
        for losses, takes_s in ((1, 30), (2, 60), (3, 100), (4, 100)):
            note_loss(raw, node.pk, **TERMS)
            note_loss(raw, node.pk, **TERMS)  # another engine of the same node, given up in the same moment
            found = NodeReturn.objects.get()
            assert (found.losses, found.takes_s, found.back_at) == (losses, takes_s, None)
            NodeReturn.objects.update(back_at=now())
        NodeReturn.objects.update(lost_at=F("lost_at") - timedelta(hours=2))
        note_loss(raw, node.pk, **TERMS)
        assert (NodeReturn.objects.get().losses, NodeReturn.objects.get().takes_s) == (1, 30)


def test_an_engine_of_it_begins_with_a_tenth_unless_the_policy_says_all_at_once() -> None:
    from psycopg.rows import dict_row

    node = House.build().node
    with connect() as raw, raw.cursor(row_factory=dict_row) as cursor:
        assert look(cursor, node.name, first=True) == 100, "it was never lost"
        note_loss(raw, node.pk, **TERMS)
        assert look(cursor, node.name, first=True) == 10
        NodeReturn.objects.update(back_at=now() - timedelta(seconds=15))
        assert look(cursor, node.name, first=False) == 50
        FailoverPolicy.objects.create(returns_by_steps=False)
        assert look(cursor, node.name, first=False) == 100
