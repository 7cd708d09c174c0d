"""The routing benchmark, shortest form: eight real paths, four in trouble, ours against round robin."""

import pytest

from pools.providers.load import load_catalogue
from tests.bench.routing import Plan, measure
from tests.queue.house import connect


@pytest.mark.django_db(transaction=True)
def test_mail_is_delivered_sooner_than_in_turn_and_never_too_fast_for_a_path() -> None:
    load_catalogue()
    with connect() as raw:
        url = raw.info.dsn
    figures = measure(url, Plan(5.0, 1, ("ours", "round robin")))
    assert figures["p95_vs_round_robin"] < 1
    assert figures["violations"] == figures["doubled"] == figures["undelivered"] == 0
