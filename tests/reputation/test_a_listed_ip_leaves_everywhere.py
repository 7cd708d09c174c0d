"""Whole IPs: a list or two large providers take one out at all providers; it comes back by probation on each path."""

import pytest

from mailplatform.shell.models import AuditEntry, Notice
from pools.models import Listing, Path, PoolMember, SendingIP
from pools.reputation.models import Action
from pools.reputation.people import cancel, confirm
from tests.reputation.world import World

pytestmark = pytest.mark.django_db(transaction=True)
QUICK = {"stay_s": 20, "ip_stay_s": 20, "step_s": 4, "step_floor": 5, "short_half_life_s": 60}


def _listed(world: World, severity: str = "critical") -> Listing:
    return Listing.objects.create(ip=world.ips[0], zone="zen.example", severity=severity, said=severity, listed_since=world.at, last_seen_at=world.at)


def _ip(world: World) -> SendingIP:
    return SendingIP.objects.get(pk=world.ips[0].pk)


def test_a_listing_takes_an_ip_out_and_the_delisting_brings_it_back_by_probation() -> None:
    world = World.build(**QUICK)
    yahoo = world.another_provider("yahoo")
    listing = _listed(world)
    world.passes(4)
    assert _ip(world).state == "quarantined"
    assert "zen.example" in _ip(world).state_why
    assert {world.path(0).state, world.path(0, yahoo).state} == {"quarantined"}
    assert list(Action.objects.values_list("scope", "name", "state")) == [("ip", "ip_out", "done")]
    assert Notice.objects.get(kind="ip_left", cleared_at=None).scope == str(world.ips[0].pk)
    world.passes(60)
    assert _ip(world).state == "quarantined", "it is listed still"
    listing.cleared_at = world.at
    listing.save()
    world.passes(14)
    assert _ip(world).state == "active"
    assert not Notice.objects.filter(kind="ip_left", cleared_at=None).exists()
    world.passes(120, traffic=3)
    assert {world.path(0).state, world.path(0, yahoo).state} == {"open"}
    assert {"probe", "step", "return"} <= set(Action.objects.filter(provider=yahoo).values_list("name", flat=True))


def test_a_listing_that_only_warns_takes_nobody_out() -> None:
    world = World.build(**QUICK)
    _listed(world, "warning")
    world.passes(20, traffic=5)
    assert _ip(world).state == "active"
    assert set(Path.objects.values_list("state", flat=True)) == {"open"}


def test_two_large_providers_take_the_whole_ip_out() -> None:
    world = World.build()
    yahoo = world.another_provider("yahoo")
    third = world.another_provider("apple")
    for ip in (1, 2, 3):
        world.sends(ip, 100)
        world.sends(ip, 100, yahoo)
    world.is_blocked(0, {0: 15, 1: 15})
    world.passes(2)
    assert _ip(world).state == "active"
    world.is_blocked(0, {0: 15, 1: 15}, yahoo)
    world.passes(4)
    assert _ip(world).state == "quarantined"
    assert world.path(0, third).state == "quarantined"


def test_an_ip_without_which_a_pool_is_empty_stays_at_a_reduced_rate() -> None:
    world = World.build()
    PoolMember.objects.exclude(ip=world.ips[0]).delete()
    _listed(world)
    world.passes(4)
    assert _ip(world).state == "active"
    assert (world.path(0).state, world.path(0).share) == ("open", 25)


def test_a_cancelled_departure_brings_the_ip_back_at_once_and_holds() -> None:
    world = World.build()
    _listed(world)
    world.passes(2)
    cancel(Action.objects.get(name="ip_out"), "someone@example.com", world.at)
    assert _ip(world).state == "active"
    assert world.path(0).state == "open"
    world.passes(30)
    assert _ip(world).state == "active"
    assert world.path(0).state == "open"


def test_an_ip_that_a_person_paused_is_let_alone() -> None:
    world = World.build()
    SendingIP.objects.filter(pk=world.ips[0].pk).update(state="paused")
    _listed(world)
    world.passes(4)
    assert _ip(world).state == "paused"
    assert not Action.objects.exists()


def test_what_is_proposed_of_a_whole_ip_a_person_does_unless_it_would_empty_a_pool() -> None:
    world = World.build(**QUICK, mode="propose")
    listing = _listed(world)
    world.passes(4)
    out = Action.objects.get()
    assert (out.scope, out.name, out.state, _ip(world).state) == ("ip", "ip_out", "proposed", "active")
    SendingIP.objects.exclude(pk=world.ips[0].pk).update(state="paused")
    assert not confirm(out, "someone@example.com", world.at)
    SendingIP.objects.exclude(pk=world.ips[0].pk).update(state="active")
    assert confirm(out, "someone@example.com", world.at)
    assert (_ip(world).state, world.path(0).state) == ("quarantined", "quarantined")
    assert AuditEntry.objects.get(action="reputation confirmed").actor == "someone@example.com"
    assert not confirm(out, "someone@example.com", world.at), "it was done"
    listing.cleared_at = world.at
    listing.save()
    world.passes(30)
    back = Action.objects.get(name="ip_back", state="proposed")
    assert _ip(world).state == "quarantined"
    assert confirm(back, "someone@example.com", world.at)
    assert (_ip(world).state, world.path(0).state) == ("active", "quarantined"), "its paths come back by their own probation"
