"""The round over real minutes: warned, slowed, held; told, bounded, cancelled; off means off; made twice it does nothing twice."""

from datetime import timedelta

import pytest

from mailplatform.shell.clock import now
from mailplatform.shell.models import Notice
from mailplatform.tenants.models import Tenant
from pools.models import Pool, Stream
from pools.neighbours import facts, word
from pools.neighbours.models import Mode, StandingAction, StandingWindow
from pools.purposes import Purpose
from tests.neighbours.world import Neighbour, a_round, asks

pytestmark = pytest.mark.django_db


def active(kind: str) -> StandingAction:
    return StandingAction.objects.get(kind=kind, state="active")


def test_a_hostile_tenants_stream_is_held_and_its_neighbour_is_left_alone() -> None:
    asks()
    bad, good = Neighbour.build("hostile"), Neighbour.build("decent")
    bad.had(140, 60)
    good.had(198, 2)
    a_round()
    assert (bad.level, good.level) == ("held", "good")
    assert bad.held() == {"marketing"}
    assert (bad.tenant.bulk_share, bad.tenant.bulk_per_minute) == (10, 30)
    row = active("hold")
    assert "30 %" in row.sentence
    assert row.evidence["findings"][0]["rate"]["samples"] >= 190
    assert row.evidence["worst"] == [{"provider": "Google", "ended": 200, "bounced": 60}]
    assert row.expires_at is None, "a hold ends by a person"
    notice = Notice.objects.get(kind="tenant_standing", cleared_at=None)
    assert "Hostile" in notice.sentence


def test_made_twice_it_does_nothing_twice() -> None:
    asks()
    bad = Neighbour.build("hostile")
    bad.had(140, 60)
    at = now()
    a_round(at)
    a_round(at)
    assert StandingAction.objects.count() == 2  # slowed, and one stream held
    assert StandingWindow.objects.get().long_bounced < 61, "a minute is added once"


def test_young_minutes_are_read_as_they_are_and_old_ones_added_once() -> None:
    asks()
    bad = Neighbour.build("hostile")
    bad.had(140, 60, ago=timedelta(0))
    a_round()
    assert bad.level == "held", "within the very minute"
    for minutes in (3, 4, 5):
        a_round(now() + timedelta(minutes=minutes))
    assert StandingWindow.objects.get().long_bounced == pytest.approx(60, rel=0.01)
    [stream] = facts.judged(now() + timedelta(minutes=5), facts.folded_to(now()))[bad.tenant.pk]
    assert stream.sums.long_bounced == pytest.approx(60, rel=0.01)
    later = facts.judged(now() + timedelta(days=1), facts.folded_to(now()), tenant_id=bad.tenant.pk)[bad.tenant.pk]
    assert later[0].sums.long_bounced == pytest.approx(30, rel=0.02), "half of it after a day"


def test_complaints_count_among_providers_that_report_them() -> None:
    asks()
    one = Neighbour.build("noisy")
    one.had(100_000, provider="google")
    one.had(1_000, complaints=14, provider="yahoo")
    a_round()
    assert one.level == "held"


def test_with_the_policy_off_nothing_happens_by_itself() -> None:
    asks(mode=Mode.OFF)
    bad = Neighbour.build("hostile")
    bad.had(140, 60)
    a_round()
    assert bad.level == "good"
    assert not StandingAction.objects.exists()


def test_what_is_proposed_waits_for_a_person() -> None:
    asks(mode=Mode.PROPOSE)
    bad = Neighbour.build("hostile")
    bad.had(140, 60)
    a_round()
    a_round()
    assert bad.level == "good"
    proposal = StandingAction.objects.get(kind="hold")
    assert proposal.state == "proposed"
    word.apply(proposal, "ann@platform.example", now())
    assert (bad.level, bad.held()) == ("held", {"marketing"})
    assert active("hold").by == "ann@platform.example"


def test_what_is_declined_is_not_proposed_again_for_the_same() -> None:
    asks(mode=Mode.PROPOSE)
    bad = Neighbour.build("hostile")
    bad.had(140, 60)
    a_round()
    for proposal in StandingAction.objects.filter(state="proposed"):
        word.decline(proposal, "ann@platform.example", now())
    a_round()
    assert not StandingAction.objects.exclude(state="ended").exists()
    bad.had(140, 60, ago=-timedelta(minutes=2))
    a_round(now() + timedelta(minutes=3))
    assert StandingAction.objects.filter(state="proposed").exists(), "for new evidence it is"


def test_a_release_lets_the_stream_go_on_slowed_and_the_same_evidence_does_not_hold_it_again() -> None:
    asks()
    bad = Neighbour.build("hostile")
    bad.had(140, 60)
    a_round()
    word.cancel(active("hold"), "ann@platform.example", now())
    a_round()
    assert (bad.level, bad.held()) == ("slowed", set())
    assert bad.tenant.bulk_per_minute == 30
    ended = StandingAction.objects.get(kind="hold")
    assert (ended.state, ended.ended_by) == ("ended", "ann@platform.example")
    bad.had(140, 60, ago=-timedelta(minutes=2))
    a_round(now() + timedelta(minutes=3))
    assert bad.level == "held", "new evidence does"


def test_a_slowed_tenant_comes_back_by_good_mail_step_by_step() -> None:
    asks()
    one = Neighbour.build("careless")
    one.had(920, 80)
    a_round()
    assert one.level == "slowed"
    hour = timedelta(minutes=61)
    one.had(4_000, 20, ago=-hour)
    a_round(now() + hour + timedelta(minutes=1))
    assert one.level == "warned"
    assert one.tenant.bulk_per_minute is None
    one.had(4_000, 20, ago=-3 * hour)
    a_round(now() + 3 * hour + timedelta(minutes=1))
    assert one.level == "good"
    assert not StandingAction.objects.exclude(state="ended").exists()
    assert not Notice.objects.filter(kind="tenant_standing", cleared_at=None).exists()


def test_a_slowed_tenant_that_sends_no_more_is_let_go_when_it_expires() -> None:
    asks()
    one = Neighbour.build("careless")
    one.had(920, 80)
    a_round()
    a_round(now() + timedelta(hours=71))
    assert one.level == "slowed"
    a_round(now() + timedelta(hours=73))
    assert one.level == "warned", "what is left of the day's evidence still says so much"
    a_round(now() + timedelta(hours=146))
    assert one.level == "good"


def test_an_operator_holds_what_the_figures_do_not() -> None:
    asks()
    one = Neighbour.build("decent")
    word.impose(one.tenant, "hold", one.streams[Purpose.NOTIFICATION].pk, "They asked us to.", "ann@platform.example", now())
    a_round()
    assert (one.level, one.held()) == ("held", {"notification"})
    held = Stream.objects.get(pk=one.streams[Purpose.NOTIFICATION].pk)
    assert held.held_why.startswith("The stream notification is held: They asked us to.")


def test_a_tenant_on_its_own_pool_is_warned_only() -> None:
    asks()
    tenant = Tenant.objects.create(name="alone", title="Alone")
    pool = Pool.objects.create(name="alone", kind="dedicated", tenant=tenant)
    stream = Stream.objects.create(tenant=tenant, name="news", purpose=Purpose.MARKETING, pool=pool)
    one = Neighbour(tenant, {Purpose.MARKETING: stream})
    one.had(500, 500)
    a_round()
    assert one.level == "warned"


def test_another_decision_came_first() -> None:
    """Two stewards, or a person who was faster: what was decided on another level is not done."""
    from pools.neighbours.act import change
    from pools.neighbours.policy import policy_now
    from pools.neighbours.standing import Decision, Held

    asks()
    one = Neighbour.build("decent")
    word.impose(one.tenant, "slow", 0, "By hand.", "ann@platform.example", now())
    stale = Decision("warned", frozenset(), "x", ())  # type: ignore[arg-type]
    assert change(one.tenant, Held(), stale, [], policy_now(), now()) is False
    assert one.level == "slowed"
