"""Cover: a pool keeps its best paths when nothing else is left, overflows where something is, and borrows no more than it may."""

from datetime import timedelta

import pytest

from mailplatform.shell.models import Notice
from pools.models import Node, Path, Pool, PoolMember, SendingIP
from pools.reputation.models import Action, PoolMinute
from pools.reputation.people import cancel
from tests.reputation.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def _blocks(world: World, *ips: int) -> None:
    for ip in range(len(world.ips)):
        if ip not in ips:
            world.sends(ip, 200)
    for n, ip in enumerate(ips):
        world.is_blocked(ip, {0: 20 - n, 1: 20 - n})
    world.passes(2)


def _cover(world: World, role: str) -> SendingIP:
    """One more IP that helps, without a path of its own yet."""
    ip = SendingIP.objects.create(node=Node.objects.get(), address="127.10.2.1", ehlo_name="cover.example")
    if role == "borrowed":
        PoolMember.objects.create(pool=world.pool, ip=ip, own=False)
    else:
        fallback = Pool.objects.create(name="fallback")
        PoolMember.objects.create(pool=fallback, ip=ip)
        Pool.objects.filter(pk=world.pool.pk).update(fallback=fallback)
    return ip


def test_the_last_path_stays_at_a_reduced_rate_and_people_are_told() -> None:
    world = World.build(ips=2, most_out_percent=100)
    other = SendingIP.objects.create(node=Node.objects.get(), address="127.10.9.9", ehlo_name="healthy.example")
    world.ips.append(other)  # another pool's: it shows that the provider takes mail
    Path.objects.create(ip=other, provider=world.provider, updated_at=world.at)
    _blocks(world, 0, 1)
    states = [(world.path(n).state, world.path(n).share) for n in (0, 1)]
    assert sorted(states) == [("open", 25), ("quarantined", 0)]
    assert set(Action.objects.values_list("name", flat=True)) == {"leave", "reduce", "rescue"}
    notice = Notice.objects.get(kind="pool_short", cleared_at=None)
    assert notice.get_severity_display().lower() == "critical"
    world.passes(6)
    assert Action.objects.count() == 3, "it is said once"


def test_a_kept_path_leaves_as_soon_as_something_covers_its_pool() -> None:
    world = World.build(ips=1, most_out_percent=100)
    other = SendingIP.objects.create(node=Node.objects.get(), address="127.10.9.9", ehlo_name="healthy.example")
    world.ips.append(other)
    Path.objects.create(ip=other, provider=world.provider, updated_at=world.at)
    _blocks(world, 0)
    assert (world.path(0).state, world.path(0).share) == ("open", 25)
    _cover(world, "fallback")
    world.passes(4)
    assert world.path(0).state == "quarantined"
    assert Action.objects.get(name="rescue").state == "over"
    assert Action.objects.get(name="overflow").state == "done"


@pytest.mark.parametrize("role", ["borrowed", "fallback"])
def test_a_pool_with_cover_overflows_and_says_so_until_its_own_are_back(role: str) -> None:
    world = World.build(ips=1, most_out_percent=100)
    _cover(world, role)
    _blocks(world, 0)
    assert world.path(0).state == "quarantined"
    overflow = Action.objects.get(scope="pool")
    assert (overflow.name, overflow.state, overflow.pool_id) == ("overflow", "done", world.pool.pk)
    cancel(Action.objects.get(name="leave"), "someone@example.com", world.at)
    world.passes(4)
    assert Action.objects.get(scope="pool").state == "over"
    assert not Notice.objects.filter(kind="pool_short", cleared_at=None).exists()


def test_no_more_of_a_providers_paths_leave_by_themselves_than_operators_allow() -> None:
    world = World.build(ips=6, most_out_percent=34)
    _blocks(world, 0, 1, 2)
    assert Path.objects.filter(state="quarantined").count() == 2
    assert Action.objects.filter(name="leave", state="proposed").count() == 1


def test_borrowing_ends_when_it_is_used_up_and_begins_anew_at_midnight() -> None:
    world = World.build(ips=1)
    ip = _cover(world, "borrowed")
    Pool.objects.filter(pk=world.pool.pk).update(kind="hybrid", tenant=world.tenants[0], borrow_per_day=100)
    minute = world.at.replace(second=0)
    PoolMinute.objects.create(pool_id=world.pool.pk, ip_id=world.ips[0].pk, minute=minute, attempted=5000)
    borrowed = PoolMinute.objects.create(pool_id=world.pool.pk, ip_id=ip.pk, minute=minute, attempted=99)
    world.passes(2)
    assert Pool.objects.get(pk=world.pool.pk).borrowing_closed_at is None
    borrowed.attempted = 100
    borrowed.save()
    world.passes(4)
    assert Pool.objects.get(pk=world.pool.pk).borrowing_closed_at is not None
    action = Action.objects.get()
    assert (action.name, action.tenant_id, action.evidence) == ("borrowing_ends", world.tenants[0].pk, {"borrowed": 100, "limit": 100})
    assert action.until == (world.at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    world.at += timedelta(hours=14)
    world.passes(2)
    assert Pool.objects.get(pk=world.pool.pk).borrowing_closed_at is None
    assert Action.objects.get(name="borrowing_ends").state == "over"


def test_a_person_may_let_a_pool_borrow_on() -> None:
    world = World.build(ips=1)
    ip = _cover(world, "borrowed")
    Pool.objects.filter(pk=world.pool.pk).update(kind="hybrid", tenant=world.tenants[0], borrow_per_day=10)
    PoolMinute.objects.create(pool_id=world.pool.pk, ip_id=ip.pk, minute=world.at.replace(second=0), attempted=10)
    world.passes(2)
    cancel(Action.objects.get(), "someone@example.com", world.at)
    world.passes(6)
    assert Pool.objects.get(pk=world.pool.pk).borrowing_closed_at is None
