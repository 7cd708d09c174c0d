"""The round on real tables: who leaves, who does not, who returns, and what is written of it."""

from datetime import timedelta

import pytest

from delivery.models import CampaignBlock
from mailplatform.shell.models import AuditEntry, Notice
from pools.models import Path, ResponseRule, SendingIP
from pools.reputation.models import Action, BlockEvidence, PathStanding, ScoreSample
from tests.reputation.world import POOR, World

pytestmark = pytest.mark.django_db(transaction=True)
QUICK = {"stay_s": 60, "step_s": 20, "step_floor": 10, "short_half_life_s": 60}


def test_refusals_of_two_tenants_take_a_path_out_within_one_round() -> None:
    world = World.build()
    for ip in range(4):
        world.sends(ip, 100)
    world.round()
    world.is_blocked(0, {0: 12, 1: 12})
    world.passes(2)
    path = world.path(0)
    assert (path.state, path.share) == ("quarantined", 0)
    assert path.score < 50
    assert "poor reputation" not in path.state_why
    assert path.state_why
    assert [world.path(n).state for n in (1, 2, 3)] == ["open"] * 3
    action = Action.objects.get()
    assert (action.scope, action.name, action.state, action.ip_id) == ("path", "leave", "done", world.ips[0].pk)
    assert {one["reply"] for one in action.evidence["replies"]} == {POOR}
    assert {one["tenant"] for one in action.evidence["replies"]} == {"Harbour", "Lumen"}
    assert [one["name"] for one in action.evidence["components"]] == ["refusals"]
    assert action.until == path.standing.until
    assert Notice.objects.get(kind="path_left").sentence == action.sentence
    assert AuditEntry.objects.get(action="reputation leave").sentence == action.sentence
    assert ScoreSample.objects.filter(scope="path", ip_id=world.ips[0].pk, score__lt=50).exists()


def test_a_path_comes_back_by_probe_and_steps_once_it_is_healed() -> None:
    world = World.build(**QUICK)
    for ip in range(4):
        world.sends(ip, 100)
    world.round()
    world.is_blocked(0, {0: 15, 1: 15})
    world.passes(2)
    assert world.path(0).state == "quarantined"
    seen = []
    for _ in range(150):
        world.passes(2, traffic=3)
        path = world.path(0)
        word = (path.state, path.share, path.probation_per_hour is not None)
        if not seen or seen[-1] != word:
            seen.append(word)
    assert seen == [("quarantined", 0, False), ("probation", 5, True), ("probation", 25, True), ("probation", 50, True), ("open", 100, False)] or seen == [
        ("quarantined", 0, False), ("probation", 5, True), ("probation", 5, True), ("probation", 25, True), ("probation", 50, True), ("open", 100, False),
    ]  # fmt: skip
    assert list(Action.objects.order_by("at", "id").values_list("name", flat=True)) == ["leave", "probe", "step", "step", "step", "return"]
    assert not Action.objects.filter(state="done").exists()
    assert not Notice.objects.filter(kind="path_left", cleared_at=None).exists()
    assert world.path(0).score > 90


def test_a_path_that_is_refused_on_probation_goes_back_for_longer() -> None:
    world = World.build(**QUICK)
    world.is_blocked(0, {0: 12, 1: 12})
    for ip in (1, 2, 3):
        world.sends(ip, 100)
    world.round()
    while world.path(0).state == "quarantined":
        world.passes(2)
    first = world.path(0).standing.entries[0]
    world.is_blocked(0, {0: 5, 1: 5})
    world.passes(2)
    path = world.path(0)
    assert path.state == "quarantined"
    assert len(path.standing.entries) == 2
    assert path.standing.until - world.at > path.standing.entries[1] - first


def test_one_tenants_refusals_take_nobody_out() -> None:
    world = World.build()
    world.is_blocked(0, {0: 40})
    world.passes(30)
    assert set(Path.objects.values_list("state", flat=True)) == {"open"}


def test_what_every_ip_hears_is_the_providers_and_takes_nobody_out() -> None:
    world = World.build()
    for _ in range(5):
        for ip in range(4):
            world.sends(ip, 200, deferred_reputation=180)
            world.is_blocked(ip, {0: 100, 1: 100})
        world.passes(6)
    assert set(Path.objects.values_list("state", flat=True)) == {"open"}
    assert not Action.objects.exists()


def test_content_that_is_refused_everywhere_is_taken_off_the_paths() -> None:
    world = World.build()
    for ip in (1, 2, 3):
        world.sends(ip, 100)
    world.is_blocked(0, {0: 20})
    for tenant, fingerprint in ((0, 1),):
        CampaignBlock.objects.create(
            provider=world.provider, tenant=world.tenants[tenant], stream=world.streams[tenant], fingerprint=fingerprint, state="content",
            started_at=world.at, expires_at=world.at,
        )  # fmt: skip
    world.passes(4)
    assert world.path(0).score == 100
    world.is_blocked(0, {1: 12})
    world.passes(4)
    assert world.path(0).state == "open", "of the others only one tenant is left"


def test_a_rule_that_closes_a_path_for_a_block_hands_it_over() -> None:
    world = World.build()
    ResponseRule.objects.create(
        id="x-poor-rep", position=1, pattern="poor reputation", reason="block.ip_reputation", disposition="bounce",
        action={"kind": "suspend", "scope": "path", "duration_s": 7200, "trigger_count": 3, "trigger_period_s": 3600},
    )  # fmt: skip
    for ip in range(4):
        world.sends(ip, 500)
    world.round()
    world.is_blocked(0, {0: 2, 1: 1})
    world.passes(2)
    assert world.path(0).state == "open", "three of five hundred are no reason"
    Path.objects.filter(ip=world.ips[0]).update(suspended_until=world.at.replace(hour=12))
    world.passes(4)
    assert world.path(0).state == "open", "nobody was heard of since: it may be the provider"
    world.passes(2, traffic=2)
    assert world.path(0).state == "quarantined"
    assert "x-poor-rep" in Action.objects.get().sentence


def test_an_operators_pause_is_never_touched() -> None:
    world = World.build()
    Path.objects.filter(ip=world.ips[0]).update(state="paused")
    world.is_blocked(0, {0: 12, 1: 12})
    world.passes(10)
    assert world.path(0).state == "paused"
    assert not Action.objects.exists()


def test_in_mode_propose_it_is_written_once_and_a_person_does_it() -> None:
    from pools.reputation.people import confirm

    world = World.build(mode="propose")
    world.is_blocked(0, {0: 12, 1: 12})
    world.passes(10)
    action = Action.objects.get()
    assert (action.state, action.name) == ("proposed", "leave")
    assert world.path(0).state == "open"
    assert confirm(action, "someone@example.com", world.at)
    assert world.path(0).state == "quarantined"
    assert PathStanding.objects.get(path=world.path(0)).until is not None
    assert not confirm(action, "someone@example.com", world.at)


def test_switched_off_it_does_nothing() -> None:
    world = World.build(mode="off")
    world.is_blocked(0, {0: 12, 1: 12})
    world.passes(10)
    assert not Action.objects.exists()
    assert world.path(0).state == "open"
    assert world.path(0).score == 100


def test_one_tenants_campaigns_are_enough_where_a_rule_has_shut_the_path_but_never_for_its_ip() -> None:
    world = World.build()
    yahoo = world.another_provider("yahoo")
    for provider in (world.provider, yahoo):
        ResponseRule.objects.get_or_create(
            id="x-poor-rep", defaults={
                "position": 1, "pattern": "poor reputation", "reason": "block.ip_reputation", "disposition": "bounce",
                "action": {"kind": "suspend", "scope": "path", "duration_s": 7200, "trigger_count": 3, "trigger_period_s": 3600},
            },
        )  # fmt: skip
        for tenant_campaign in (5, 6):
            world.is_blocked(0, {0: 2}, provider)
            BlockEvidence.objects.filter(fingerprint=1).update(fingerprint=tenant_campaign)
    Path.objects.filter(ip=world.ips[0]).update(suspended_until=world.at.replace(hour=12))
    world.passes(8, traffic=3)
    assert {world.path(0).state, world.path(0, yahoo).state} == {"quarantined"}
    assert SendingIP.objects.get(pk=world.ips[0].pk).state == "active"


def test_what_one_tenants_mail_took_out_by_a_rule_fails_its_probe_and_returns_once_healed() -> None:
    """The rule shuts the probe again, for hours; nobody else's mail goes there: it is taken back, probed anew without the suspension, and returns."""
    world = World.build(**QUICK, entries_per_day=6)
    ResponseRule.objects.create(
        id="x-poor-rep", position=1, pattern="poor reputation", reason="block.ip_reputation", disposition="bounce",
        action={"kind": "suspend", "scope": "path", "duration_s": 7200, "trigger_count": 3, "trigger_period_s": 3600},
    )  # fmt: skip

    def refused() -> None:
        """Three of one tenant's campaigns, and its engine suspends the path."""
        for campaign in (5, 6, 7):
            world.is_blocked(0, {0: 2})
            BlockEvidence.objects.filter(fingerprint=1).update(fingerprint=world.at.timestamp() + campaign)
        Path.objects.filter(ip=world.ips[0]).update(suspended_until=world.at + timedelta(hours=2))

    refused()
    world.passes(8, traffic=3)
    assert world.path(0).state == "quarantined"
    world.passes(62)
    assert world.path(0).state == "probation"
    lifted = world.path(0).lifted_at
    assert lifted is not None and lifted > world.at - timedelta(seconds=12)
    assert world.path(0).standing.memory["by_rule"] is True
    refused()
    world.passes(4)
    path = world.path(0)
    assert (path.state, len(path.standing.entries)) == ("quarantined", 2)
    assert SendingIP.objects.get(pk=world.ips[0].pk).state == "active"
    for _ in range(150):
        world.passes(2, traffic=3)
        if world.path(0).state == "open":
            break
    path = world.path(0)
    assert path.state == "open" and path.lifted_at > lifted
    assert "by_rule" not in path.standing.memory
    names = list(Action.objects.order_by("at", "id").values_list("name", flat=True))
    assert names[:4] == ["leave", "probe", "back", "probe"] and names[-1] == "return"
