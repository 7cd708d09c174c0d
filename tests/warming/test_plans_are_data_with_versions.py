"""Warm-up plans: loaded as they are, never changed behind a version's back."""

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from mailplatform.tenants.models import User
from warming.models import WarmupPlan
from warming.plans import PlanChanged, load_plans

pytestmark = pytest.mark.django_db


def test_loading_twice_changes_nothing_and_every_plan_has_a_source() -> None:
    call_command("load_warmup_plans", verbosity=0)
    once = list(WarmupPlan.objects.order_by("id").values())
    assert load_plans() == len(once)
    assert list(WarmupPlan.objects.order_by("id").values()) == once
    assert all(row["source"] and row["confidence"] for row in once)


def test_the_default_grows_every_day_to_a_million() -> None:
    load_plans()
    daily = WarmupPlan.objects.get(name="default").daily
    assert daily[0] == 50 and daily[-1] == 1_000_000
    assert daily == sorted(set(daily))


def test_changed_figures_need_a_new_version() -> None:
    load_plans()
    WarmupPlan.objects.filter(name="mailtrap").update(daily=[1, 2, 3])
    with pytest.raises(PlanChanged, match="mailtrap"):
        load_plans()


def test_an_operators_plan_and_switch_are_left_alone() -> None:
    WarmupPlan.objects.create(name="mailtrap", version=1, title="Mine", daily=[7])
    load_plans()
    assert WarmupPlan.objects.get(name="mailtrap").daily == [7]
    WarmupPlan.objects.filter(name="default").update(is_enabled=False)
    load_plans()
    assert not WarmupPlan.objects.get(name="default").is_enabled


def test_a_shipped_plan_is_read_and_copied_in_the_admin(client: Client) -> None:
    load_plans()
    client.force_login(User.objects.create(email="operator@example.com", role=User.Role.ADMINISTRATOR, is_superuser=True))
    plan = WarmupPlan.objects.get(name="default")
    listing = reverse("admin:warming_warmupplan_changelist")
    assert client.get(listing).status_code == 200
    assert client.get(reverse("admin:warming_warmupplan_change", args=[plan.pk])).status_code == 200
    client.post(reverse("admin:warming_warmupplan_change", args=[plan.pk]), {"daily": "1,2", "title": "x", "is_enabled": "on"})
    plan.refresh_from_db()
    assert plan.title != "x"
    client.post(listing, {"action": "copy_as_new_version", "_selected_action": [plan.pk]})
    client.post(listing, {"action": "copy_as_new_version", "_selected_action": [plan.pk]})
    assert list(WarmupPlan.objects.filter(name="own-default", is_shipped=False).order_by("version").values_list("version", flat=True)) == [1, 2]
