"""Cancelling: a person's no undoes what was done, is told in the audit, and holds against the same evidence for a while."""

from datetime import timedelta

import pytest

from mailplatform.shell.models import AuditEntry, Notice
from pools.models import Path
from pools.reputation.models import Action
from pools.reputation.people import cancel
from tests.reputation.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def _left(**policy: object) -> World:
    world = World.build(**policy)
    for ip in (1, 2, 3):
        world.sends(ip, 100)
    world.is_blocked(0, {0: 15, 1: 15})
    world.passes(2)
    assert world.path(0).state == "quarantined"
    return world


def test_a_cancelled_action_opens_the_path_and_is_not_done_again_on_the_same_evidence() -> None:
    world = _left()
    assert cancel(Action.objects.get(), "someone@example.com", world.at)
    path = world.path(0)
    assert (path.state, path.share, path.probation_per_hour, path.state_why) == ("open", 100, None, "")
    assert path.lifted_at == world.at, "engines forget what they learned of it"
    action = Action.objects.get()
    assert (action.state, action.ended_by) == ("cancelled", "someone@example.com")
    assert AuditEntry.objects.get(action="reputation cancelled").actor == "someone@example.com"
    assert not Notice.objects.filter(kind="path_left", cleared_at=None).exists()
    world.passes(60)
    assert world.path(0).state == "open"
    assert Action.objects.count() == 1
    assert not cancel(action, "someone@example.com", world.at), "it is over"


def test_new_refusals_after_the_grace_take_it_out_again() -> None:
    world = _left(grace_s=60)
    cancel(Action.objects.get(), "someone@example.com", world.at)
    world.passes(20)
    world.is_blocked(0, {0: 15, 1: 15})
    world.passes(4)
    assert world.path(0).state == "open", "within the grace nothing is done"
    world.passes(60)
    world.is_blocked(0, {0: 15, 1: 15})
    world.passes(4)
    assert world.path(0).state == "quarantined"


def test_a_path_that_a_person_opens_by_hand_stays_open() -> None:
    world = _left()
    Path.objects.filter(pk=world.path(0).pk).update(state="open", share=100)
    world.passes(30)
    assert world.path(0).state == "open"
    assert Action.objects.get().state == "cancelled"
    assert world.path(0).standing.grace_until > world.at + timedelta(minutes=50)


def test_a_new_steward_remembers_what_counts_and_forgets_what_was_cancelled() -> None:
    from pools.reputation.round import begin

    world = _left()
    cancel(Action.objects.get(), "someone@example.com", world.at)
    world.at += timedelta(minutes=4)
    world.make = begin()
    world.passes(4)
    assert world.path(0).state == "open"
    world.at += timedelta(minutes=61)
    world.is_blocked(0, {0: 15, 1: 15})
    world.at += timedelta(minutes=4)
    world.make = begin()
    world.round()
    assert world.path(0).state == "quarantined", "what happened before it began is in its windows"


def test_a_steward_begins_with_any_half_lives_and_a_long_past() -> None:
    from pools.models import PathHour
    from pools.reputation.round import begin

    world = World.build(short_half_life_s=5, long_half_life_s=3600)
    for hours in (2, 5, 7):
        PathHour.objects.create(ip_id=world.ips[0].pk, provider_id=world.provider.pk, hour=world.at - timedelta(hours=hours), attempted=50, blocked=20)
    world.make = begin()
    world.round()
    assert world.path(0).state == "open", "what is forgotten does not count"
