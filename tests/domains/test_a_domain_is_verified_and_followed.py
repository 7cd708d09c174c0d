"""From a claim to a domain that is ready, and what follows when its records go: real DNS, real rows, the clock alone is moved."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from delivery.domains.readiness import State, readiness
from delivery.domains.run import check
from delivery.submit.facts import facts_of
from mailplatform.shell import clock
from mailplatform.shell.models import AuditEntry
from mailplatform.shell.notices import open_notices
from mailplatform.tenants.models import SendingDomain
from tests.domains.conftest import House, make_house, say
from tests.resolver.zones import Zones, silent, with_code

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock_back() -> Iterator[None]:
    yield
    clock.set_shift(timedelta())


def look(house: House, after: timedelta = timedelta(), seconds: float = 5.0) -> SendingDomain:
    clock.set_shift(after)
    found = check(house.fresh(), seconds)
    assert found is not None
    return found


def notices() -> list[str]:
    return [notice.sentence for notice in open_notices()]


def test_publishing_what_is_asked_for_makes_it_ready(house: House) -> None:
    before = look(house)
    assert before.verified_at is None and house.answer("ownership").answer == "wrong"
    assert readiness(before).state is State.NOT_MET
    house.publish()
    after = look(house, timedelta(hours=1))
    assert {row.answer for row in house.domain.checks.all()} == {"right"}
    assert after.verified_at is not None and readiness(after).ready
    assert facts_of(house.tenant.pk).domains == {"acme.test": house.domain.pk}, "it may stand in From"
    assert {key.active for key in house.domain.dkim_keys.all()} == {True}
    assert AuditEntry.objects.filter(action="domain verified").count() == 1
    assert not notices()


def test_ownership_alone_verifies_and_leaves_the_keys_waiting(house: House) -> None:
    house.publish("ownership")
    after = look(house)
    assert after.verified_at is not None
    assert not house.domain.dkim_keys.filter(active=True).exists(), "no key signs that DNS does not have"
    assert "a DKIM key in DNS" in readiness(after).sentence


def test_a_token_of_another_tenant_verifies_nobody(house: House, dns: Zones) -> None:
    other = make_house(dns, "rival", "acme.test")
    house.publish("ownership")
    assert look(other).verified_at is None
    assert other.answer("ownership").seen == [f"mailplatform-verify={house.domain.ownership_token}"]


def test_the_second_to_prove_it_is_told_and_the_first_keeps_it(house: House, dns: Zones) -> None:
    house.publish("ownership")
    first = look(house)
    other = make_house(dns, "rival", "acme.test")
    token = f"mailplatform-verify={other.domain.ownership_token}"
    say(dns, "_mailplatform.acme.test", token, f"mailplatform-verify={house.domain.ownership_token}")
    assert look(other).verified_at is None
    assert house.fresh().verified_at == first.verified_at
    assert any("decide who may send" in sentence for sentence in notices())


def test_a_parents_proof_is_none_for_what_is_below(house: House, dns: Zones) -> None:
    house.publish("ownership")
    look(house)
    below = make_house(dns, "branch", "news.acme.test")
    assert look(below).verified_at is None
    below.publish("ownership")
    assert look(below).verified_at is not None, "who runs the zone below proves it there"


@pytest.mark.parametrize("trouble", [silent, with_code(2), with_code(5)])
def test_what_cannot_be_asked_counts_as_nothing(house: House, dns: Zones, trouble: object) -> None:
    house.publish()
    ready = look(house)
    for name in [name for name, _ in dns.records]:
        dns.odd[name] = trouble  # type: ignore[assignment]
    for hour in range(1, 4):
        after = look(house, timedelta(hours=hour), seconds=0.4)
    assert {row.answer for row in house.domain.checks.all()} == {"unknown"}
    assert after.verified_at == ready.verified_at and readiness(after).ready, "what was known stands for three days"
    assert house.key().active and not notices()
    much_later = look(house, timedelta(days=60), seconds=0.4)
    assert much_later.verified_at == ready.verified_at
    assert readiness(much_later).state is State.UNKNOWN and house.answer("dmarc").wrong_times == 0


def test_what_turns_wrong_is_told_once_it_is_sure_and_mail_goes_on(house: House, dns: Zones) -> None:
    house.publish()
    look(house)
    say(dns, "_dmarc.acme.test", "v=DMARC1; p=monitor")
    look(house, timedelta(hours=1))
    assert not notices(), "once is not sure"
    look(house, timedelta(hours=1, minutes=10))
    assert not notices(), "twice within minutes is not sure either"
    after = look(house, timedelta(hours=2))
    [told] = notices()
    assert "DMARC" in told and "Mail goes on" in told and after.verified_at is not None
    house.publish("dmarc")
    look(house, timedelta(hours=3))
    assert not notices()


def test_an_ownership_record_may_be_gone_for_a_month_and_no_longer(house: House, dns: Zones, settings) -> None:
    house.publish()
    look(house)
    del dns.records["_mailplatform.acme.test", "TXT"]
    for day in range(1, 30, 4):
        assert look(house, timedelta(days=day)).verified_at is not None
    assert any("after 30 days" in sentence for sentence in notices())
    assert look(house, timedelta(days=31, hours=1)).verified_at is None
    assert any("no longer verified" in sentence for sentence in notices())
    house.publish("ownership")
    assert look(house, timedelta(days=32)).verified_at is not None


def test_one_month_of_silence_and_one_wrong_answer_end_nothing(house: House, dns: Zones) -> None:
    house.publish()
    look(house)
    dns.odd["_mailplatform.acme.test"] = silent
    look(house, timedelta(days=1), seconds=0.4)
    del dns.odd["_mailplatform.acme.test"], dns.records["_mailplatform.acme.test", "TXT"]
    assert look(house, timedelta(days=40)).verified_at is not None


def test_what_a_person_verified_is_never_lost_to_a_record_that_never_was(house: House) -> None:
    SendingDomain.objects.filter(pk=house.domain.pk).update(verified_at=clock.now())
    for day in range(0, 100, 10):
        assert look(house, timedelta(days=day)).verified_at is not None


def test_a_return_path_of_its_own_is_used_while_it_is_right(house: House, dns: Zones) -> None:
    SendingDomain.objects.filter(pk=house.domain.pk).update(return_path_host="bounces.acme.test")
    assert look(house).return_path_seen_at is None
    house.publish()
    after = look(house, timedelta(hours=1))
    assert after.return_path_seen_at is not None, house.answer("own_return_path").sentence
    look(house, timedelta(hours=2))
    assert "SPF of the return path is aligned too" in house.answer("alignment").sentence
    del dns.records["bounces.acme.test", "CNAME"]
    say(dns, "bounces.acme.test", "v=spf1 -all")
    assert look(house, timedelta(hours=3)).return_path_seen_at is None
