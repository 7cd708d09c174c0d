"""New tenants: a cap that holds at submission, by API and however many ask at once, grows by clean days, and is an operator's to set or lift."""

from datetime import timedelta

import pytest
from django.test import Client

from delivery.submit import cap, facts
from mailplatform.shell.clock import now
from mailplatform.tenants.models import Tenant
from pools.neighbours import newcomers, word
from pools.neighbours.models import CappedHour, NewcomerCap
from pools.neighbours.newcomers import Grown, grown
from tests.api.world import make_sender
from tests.neighbours.world import a_round, asks

DAY = timedelta(hours=24, minutes=1)


@pytest.mark.parametrize(
    ("cap_", "used", "good", "next_"),
    [
        (1_000, 1_000, True, Grown(2_000, True)), (1_000, 100, True, Grown(2_000, True)), (1_000, 99, True, Grown(1_000, False)),
        (1_000, 1_000, False, Grown(1_000, False)), (32_000, 32_000, True, Grown(None, True)), (1, 1, True, Grown(2, True)),
    ],
)  # fmt: skip
def test_a_clean_day_that_was_used_raises_it(cap_: int, used: int, good: bool, next_: Grown) -> None:
    assert grown(cap_, used, good, 100, 50_000) == next_


@pytest.mark.django_db
def test_who_was_there_before_has_no_cap_and_who_comes_has() -> None:
    old = Tenant.objects.create(name="old", title="Old")
    asks(caps_newcomers=True)
    new = Tenant.objects.create(name="new", title="New")
    chosen = Tenant.objects.create(name="chosen", title="Chosen", daily_cap=5)
    made_up = Tenant.objects.create(name="demo", title="Demo", is_simulated=True)
    assert [tenant.daily_cap for tenant in (old, new, chosen, made_up)] == [None, 1_000, 5, None]
    assert list(NewcomerCap.objects.values_list("tenant__name", flat=True)) == ["new"]


@pytest.mark.django_db
def test_it_grows_by_clean_days_until_it_is_lifted() -> None:
    asks(caps_newcomers=True, first_day_cap=100, lifted_above=300)
    tenant, at = Tenant.objects.create(name="new", title="New"), now()
    seen = []
    for _ in range(3):
        CappedHour.objects.create(tenant_id=tenant.pk, hour=at, accepted=60)
        at += DAY
        a_round(at)
        tenant.refresh_from_db()
        seen.append(tenant.daily_cap)
    assert seen == [200, None, None]
    assert NewcomerCap.objects.get().lifted_at is not None


@pytest.mark.django_db
def test_a_day_with_a_warning_in_it_earns_nothing() -> None:
    asks(caps_newcomers=True, first_day_cap=100)
    tenant, at = Tenant.objects.create(name="new", title="New"), now()
    word.impose(tenant, "warn", 0, "A bad list.", "ann", at)
    CappedHour.objects.create(tenant_id=tenant.pk, hour=at, accepted=100)
    a_round(at + DAY)
    tenant.refresh_from_db()
    assert tenant.daily_cap == 100


@pytest.mark.django_db
def test_an_operators_cap_is_the_operators() -> None:
    asks(caps_newcomers=True)
    tenant, at = Tenant.objects.create(name="new", title="New"), now()
    newcomers.set_cap(tenant, 7, "ann", at)
    CappedHour.objects.create(tenant_id=tenant.pk, hour=at, accepted=7)
    a_round(at + DAY)
    tenant.refresh_from_db()
    assert tenant.daily_cap == 7
    Tenant.objects.filter(pk=tenant.pk).update(daily_cap=None)
    other = Tenant.objects.create(name="other", title="Other")
    Tenant.objects.filter(pk=other.pk).update(daily_cap=9)  # in the admin
    a_round(at + 2 * DAY)
    assert NewcomerCap.objects.get(tenant=other).lifted_by == "whoever set the tenant's own cap"


@pytest.mark.django_db(transaction=True)
def test_beyond_it_nothing_is_accepted_and_the_answer_says_when_to_ask_again(client: Client) -> None:
    asks(caps_newcomers=True, first_day_cap=3)
    acme = make_sender("acme")
    assert acme.send(client, to=["a@gmail.com", "b@gmail.com"]).status_code == 202
    refused = acme.send(client, to=["c@gmail.com", "d@gmail.com"])
    assert refused.status_code == 429
    told = refused.json()["detail"]
    assert "3 deliveries in 24 hours, of which 1 are left" in told
    assert 23 * 3600 < int(refused["Retry-After"]) <= 25 * 3600 + 1
    assert acme.send(client, to="c@gmail.com").status_code == 202, "what still has room goes"
    assert CappedHour.objects.get().accepted == 3
    large = acme.send(client, to=[f"p{n}@gmail.com" for n in range(4)])
    assert "smaller parts" in large.json()["detail"]


@pytest.mark.django_db(transaction=True)
def test_a_cap_that_is_new_counts_what_was_accepted_before_it(client: Client) -> None:
    asks()
    acme = make_sender("acme")
    assert acme.send(client, to=["a@gmail.com", "b@gmail.com"]).status_code == 202
    Tenant.objects.filter(pk=acme.tenant.pk).update(daily_cap=2)
    facts.forget_cached()
    assert acme.send(client).status_code == 429


def test_an_hour_counts_until_all_of_it_is_over() -> None:
    at = now().replace(minute=30, second=0, microsecond=0)
    hour = at.replace(minute=0)
    room = cap.Room(10, ((hour - timedelta(hours=24), 4), (hour, 6)), at)
    assert room.left == 0
    assert room.free_in_s(4) == 1_801
    assert room.free_in_s(5) == 25 * 3600 - 1_800 + 1
