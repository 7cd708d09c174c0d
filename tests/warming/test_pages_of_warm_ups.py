"""The pages of warm-ups: what they show is what is, who may not see them does not, and a button does what its sentence says."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from mailplatform.shell.models import AuditEntry
from mailplatform.tenants.models import Tenant, User
from tests.warming.conftest import House, clean, happened, path, warmup
from warming.forecast import outlook
from warming.models import WarmupPlan
from warming.start import mark_warm
from warming.warmups import Warmup, WarmupDecision

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_role(house: House) -> Callable[[str], Client]:
    def sign_in(role: str) -> Client:
        tenant = Tenant.objects.get_or_create(name="harbour")[0] if role == "tenant" else None
        person = User.objects.create(email=f"{role}@platform.example", role=role, tenant=tenant)
        client = Client()
        client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in


def test_the_board_shows_the_worst_first(house: House, rounds: Callable[..., None], as_role: Callable[[str], Client]) -> None:
    well, ill = house.new_ip(), house.new_ip()
    clean(well, n=30)
    clean(ill, "yahoo", n=21)
    happened(ill, attempted=40, blocked=30, delivered=10)
    rounds(3)
    page = as_role("viewer").get("/warmups/").content.decode().replace("\xa0", " ")
    assert "2 IPs are warming; 1 path is paused" in page
    assert page.index(str(ill)) < page.index(str(well))
    assert "30 of 40 attempts blocked" in page
    assert "Advance: enough was sent and is clean" in page


def test_an_ips_page_shows_curve_and_decisions(house: House, rounds: Callable[..., None], as_role: Callable[[str], Client]) -> None:
    ip = house.new_ip()
    clean(ip, n=50)
    rounds()
    rounds(after=timedelta(hours=6))
    page = as_role("viewer").get(f"/warmups/{ip.pk}/").content.decode().replace("\xa0", " ")
    assert WarmupDecision.objects.get(warmup=warmup(ip), kind="advance").sentence.replace("\xa0", " ") in page
    assert "data-chart" in page
    assert "Skip a stage" not in page, "a viewer gets no buttons"
    assert "Without mail yet" in page


def test_tenants_and_strangers_see_none_of_it(house: House, as_role: Callable[[str], Client]) -> None:
    ip = house.new_ip()
    tenant, viewer = as_role("tenant"), as_role("viewer")
    for address in ("/warmups/", "/warmups/board/", "/warmups/simulate/", "/warmups/plans/", f"/warmups/{ip.pk}/"):
        assert tenant.get(address).status_code == 403
        assert Client().get(address).status_code == 302
    for address in ("/warmups/start/", "/warmups/switch/", "/warmups/days/", f"/warmups/{ip.pk}/chosen/", f"/warmups/path/{warmup(ip).pk}/finish/"):
        assert tenant.post(address).status_code == 403
        assert viewer.post(address).status_code == 403
    assert path(ip).warm_per_day


def test_a_button_is_audited_and_can_be_taken_back(house: House, as_role: Callable[[str], Client]) -> None:
    ip = house.new_ip()
    was = path(ip).warm_per_day
    client = as_role("operator")
    page = client.post(f"/warmups/path/{warmup(ip).pk}/skip/", follow=True)
    assert (path(ip).warm_per_day or 0) > (was or 0)
    assert AuditEntry.objects.get(action="warm-up: skip").actor == "operator@platform.example"
    offer = client.session["undo"]["id"]
    assert "to undo" in page.content.decode().replace("\xa0", " ")
    client.post(reverse("undo", args=[offer]), follow=True)
    assert path(ip).warm_per_day == was
    assert WarmupDecision.objects.filter(warmup=warmup(ip)).order_by("number").last().kind == "undo"  # type: ignore[union-attr]


def test_several_are_paused_at_once_and_a_refusal_is_said(house: House, as_role: Callable[[str], Client]) -> None:
    ip = house.new_ip()
    ids = [warmup(ip).pk, warmup(ip, "yahoo").pk]
    client = as_role("operator")
    page = client.post(f"/warmups/{ip.pk}/chosen/", {"what": "pause", "chosen": ids}, follow=True).content.decode().replace("\xa0", " ")
    assert "Done for 2 providers" in page
    assert path(ip, "yahoo").warm_per_day == path(ip).warm_per_day == 0
    page = client.post(f"/warmups/{ip.pk}/chosen/", {"what": "pause", "chosen": ids[:1]}, follow=True).content.decode().replace("\xa0", " ")
    assert "paused already" in page
    other = house.new_ip()
    client.post(f"/warmups/{ip.pk}/chosen/", {"what": "finish", "chosen": [warmup(other).pk]})
    assert path(other).warm_per_day, "only this IP's"


def test_a_person_warms_up_an_ip(house: House, as_role: Callable[[str], Client]) -> None:
    ip = house.new_ip(joins=False)
    mark_warm([ip], "Long ago.")
    plan = WarmupPlan.objects.get(name="mailtrap")
    as_role("operator").post("/warmups/start/", {"ip": ip.pk, "plan": plan.pk})
    assert Warmup.objects.filter(ip=ip, plan=plan).count() > 20
    assert path(ip).warm_per_day == 300


def test_a_plan_is_simulated_before_it_begins(house: House, as_role: Callable[[str], Client]) -> None:
    client = as_role("viewer")
    page = client.get("/warmups/simulate/", {"per_day": "100000", "pace": "2"}).content.decode().replace("\xa0", " ")
    assert "All of 100,000 a day fits from day" in page
    for strange in ({"per_day": "-1"}, {"pace": "nan"}, {"plan": "x", "share_google": "1e99"}):
        assert client.get("/warmups/simulate/", strange).status_code == 200


def test_a_forecast_is_quicker_at_a_higher_pace_and_never_above_the_cap(house: House) -> None:
    plan = WarmupPlan.objects.get(name="default")
    slow, quick = (outlook(plan, pace, 100_000, {"google": 1})[0] for pace in (0.5, 2.0))
    assert slow.full_on and quick.full_on and quick.full_on < slow.full_on
    assert all(day.sent <= day.cap * 2 and day.sent <= day.wanted for one in (slow, quick) for day in one.days)


def test_it_is_switched_off_and_on(house: House, as_role: Callable[[str], Client]) -> None:
    client = as_role("operator")
    client.post("/warmups/switch/", {"on": "no"})
    assert house.rules().is_on is False
    assert "switched off" in client.get("/warmups/").content.decode().replace("\xa0", " ")
    client.post("/warmups/switch/", {"on": "yes"})
    assert house.rules().is_on is True
