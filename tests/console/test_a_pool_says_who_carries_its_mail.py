"""A pool's page: who carried how much, what was borrowed, and what is left at each provider if a member leaves."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mailplatform.shell.clock import now
from pools.models import Path, Pool, PoolMember
from pools.pages import pool_page
from pools.pages.pool_page import leaves
from pools.reputation.models import PoolHour, PoolMinute
from tests.console.world import World

NAMES = {7: "Gmail", 8: "Yahoo"}


def test_what_covers_a_member_is_said_by_provider() -> None:
    both = {7: {1, 2}, 8: {1, 2}}
    assert leaves(1, 0.31, both, [1, 2], [], NAMES) == "1\u00a0other IP would take its 31\u00a0%."
    assert leaves(1, 0.31, {7: {1}, 8: {1, 2}}, [1, 2], [], NAMES) == "Nothing else is open at Gmail: it would stay there at a reduced rate."
    assert "to Gmail would go along borrowed IPs" in leaves(1, 0.31, {7: {1, 9}, 8: {1, 2}}, [1, 2], [9], NAMES)
    assert leaves(1, 1.0, {}, [1], [], NAMES) == "Nothing else would carry its mail."


@pytest.mark.django_db
def test_shares_and_borrowing_are_those_of_the_last_day(world: World, as_role: Callable[[str], Client]) -> None:
    pool, hour = Pool.objects.get(name="harbour"), now().replace(minute=0, second=0, microsecond=0)
    own, borrowed, fallback = world.ips[7].pk, world.ips[1].pk, world.ips[4].pk
    PoolMember.objects.create(pool=pool, ip=world.ips[1], own=False)
    for ip, delivered in ((own, 600), (borrowed, 200), (fallback, 100)):
        PoolHour.objects.create(pool_id=pool.pk, ip_id=ip, hour=hour - timedelta(hours=3), attempted=delivered, delivered=delivered)
        PoolHour.objects.create(pool_id=pool.pk, ip_id=ip, hour=hour - timedelta(hours=30), attempted=9_999, delivered=9_999)
    PoolMinute.objects.create(pool_id=pool.pk, ip_id=own, minute=now().replace(second=0, microsecond=0), attempted=100, delivered=100)
    read = pool_page.read(pool, now())
    assert {one.ip_id: (one.role, one.delivered) for one in read.members} == {own: ("own", 700), borrowed: ("borrowed", 200), fallback: ("fallback", 100)}
    assert "200 (20.0\u00a0%) along borrowed IPs, 100 (10.0\u00a0%) along its fallback" in read.carried
    page = as_role("viewer").get("/pools/harbour/").content.decode()
    assert "70.0\u00a0%" in page and "along its fallback" in page


@pytest.mark.django_db
def test_the_page_shows_what_is_not_open_in_a_bounded_number_of_statements(world: World, as_role: Callable[[str], Client]) -> None:
    Path.objects.filter(ip=world.ips[0], provider=world.providers["google"]).update(state="quarantined", score=31)
    client = as_role("viewer")
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/pools/shared-transactional/").content.decode()
    assert "127.10.1.1 at Gmail" in page and "/matrix/?pool=shared-transactional" in page
    assert len(queries) <= 29
