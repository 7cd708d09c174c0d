"""Warm-up plans as files: what goes out comes in; what is wrong is named with its place; what ran is never changed."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from mailplatform.shell.models import AuditEntry
from mailplatform.tenants.models import User
from tests.warming.conftest import House, warmup
from warming.models import WarmupPlan
from warming.plan_files import PlansRefused, import_plans
from warming.plans import load_plans

pytestmark = pytest.mark.django_db


def plan(**changed: Any) -> dict[str, Any]:
    return {"name": "mine", "version": 1, "title": "Mine", "daily": [10, 20, 40], "facts": {"provider_factor": {"google": 1.0}}, **changed}


def text(*plans: dict[str, Any]) -> str:
    return json.dumps({"plans": plans})


def test_what_goes_out_comes_in_elsewhere_as_it_was(tmp_path: Path) -> None:
    load_plans()
    file = str(tmp_path / "plans.json")
    call_command("warmup_plans", "export", file, verbosity=0)
    was = list(WarmupPlan.objects.values("name", "version", "daily", "facts", "source"))
    call_command("warmup_plans", "import", file, verbosity=0)
    assert WarmupPlan.objects.count() == len(was)
    WarmupPlan.objects.all().delete()
    call_command("warmup_plans", "import", file, verbosity=0)
    assert list(WarmupPlan.objects.values("name", "version", "daily", "facts", "source")) == was
    assert not WarmupPlan.objects.filter(is_shipped=True).exists()


def test_other_figures_are_the_next_version_and_the_old_one_stays() -> None:
    import_plans(text(plan()))
    assert import_plans(text(plan(daily=[10, 30]))).made == ("mine, version 2",)
    assert list(WarmupPlan.objects.filter(name="mine").order_by("version").values_list("daily", flat=True)) == [[10, 20, 40], [10, 30]]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"daily": [10, 5]}, "plans[1].daily[1]: 5 is less"),
        ({"daily": [0]}, "plans[1].daily[0]"),
        ({"daily": [True]}, "plans[1].daily[0]"),
        ({"daily": "many"}, "plans[1].daily"),
        ({"name": "a b"}, "plans[1].name"),
        ({"title": ""}, "plans[1].title"),
        ({"version": 0}, "plans[1].version"),
        ({"dayly": []}, "plans[1].dayly: there is no such field"),
        ({"facts": {"provider_factor": {"google": -1}}}, "plans[1].facts.provider_factor.google"),
        ({"facts": {"hourly_cap_fraction": 2}}, "plans[1].facts.hourly_cap_fraction"),
        ({"facts": {"gates": {"hold": {"rain": 0.1}}}}, "plans[1].facts.gates.hold.rain"),
        ({"facts": {"gates": {"hold": {"deferred": float("nan")}}}}, "plans[1].facts.gates.hold.deferred"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_nothing_comes_in(wrong: dict[str, Any], where: str) -> None:
    with pytest.raises(PlansRefused) as refused:
        import_plans(text(plan(), plan(**wrong)))
    assert any(problem.startswith(where) for problem in refused.value.problems), refused.value.problems
    assert not WarmupPlan.objects.exists()


@pytest.mark.parametrize("file", ["", "[]", '{"plans": []}', '{"plans": [7]}', "{" * 9])
def test_a_file_that_is_none_is_refused_in_words(file: str, tmp_path: Path) -> None:
    (path := tmp_path / "plans.json").write_text(file)
    with pytest.raises(CommandError):
        call_command("warmup_plans", "import", str(path), verbosity=0)


def test_a_change_of_a_plan_that_ran_is_a_new_version(client: Client, house: House) -> None:
    client.force_login(User.objects.create(email="operator@example.com", role=User.Role.ADMINISTRATOR, is_superuser=True))
    mine = WarmupPlan.objects.create(name="mine", title="Mine", daily=[10, 20])
    page = reverse("admin:warming_warmupplan_change", args=[mine.pk])
    form = {
        "name": "mine", "version": "1", "title": "Mine", "unit": "messages/day", "scope": "ip", "daily": "10,30", "facts": "{}", "is_enabled": "on",
        "source": "", "confidence": "",
    }  # fmt: skip
    assert client.post(page, form).status_code == 302
    mine.refresh_from_db()
    assert (mine.daily, WarmupPlan.objects.filter(name="mine").count()) == ([10, 30], 1)  # nobody used it
    one = warmup(house.new_ip())
    type(one).objects.filter(pk=one.pk).update(plan=mine)
    assert client.post(page, form | {"daily": "30,10"}).status_code == 200  # refused: it falls
    assert client.post(page, form | {"daily": "10,50"}).status_code == 302
    mine.refresh_from_db()
    one.refresh_from_db()
    assert mine.daily == [10, 30] and one.plan_id == mine.pk
    assert WarmupPlan.objects.get(name="mine", version=2).daily == [10, 50]


@pytest.fixture
def steers(client: Client, house: House) -> Client:
    client.force_login(User.objects.create(email="operator@example.com", role=User.Role.ADMINISTRATOR, is_superuser=True))
    return client


def _choose(client: Client, content: bytes) -> Any:
    return client.post(reverse("warmup_plans_preview"), {"file": SimpleUploadedFile("mine.json", content)})


def test_a_file_is_looked_at_before_it_comes_in(steers: Client) -> None:
    was = WarmupPlan.objects.count()
    import_plans(text(plan()))
    page = _choose(steers, text(plan(), plan(daily=[10, 30]), plan(name="other")).encode())
    said = page.content.decode()
    assert page.status_code == 200 and "would bring in 2 plans" in said.replace("\xa0", " ")
    assert "is here already" in said and "mine, version 2" in said and "other, version 1" in said
    assert WarmupPlan.objects.count() == was + 1, "nothing came in yet"
    assert steers.post(reverse("warmup_plans_bring_in"), {"text": page.context["text"]}).status_code == 302
    assert WarmupPlan.objects.count() == was + 3
    assert AuditEntry.objects.filter(action="warm-up plans brought in").count() == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "This is no JSON"), (b"\xff\xfe", "no text in UTF-8"), (text(plan(daily=[9, 8])).encode(), "plans[0].daily[1]: 8 is less"),
        (b" " * 600_000, "at most"),
    ],
)
def test_the_page_says_what_is_wrong_in_a_file(steers: Client, content: bytes, said: str) -> None:
    was = WarmupPlan.objects.count()
    page = _choose(steers, content)
    assert page.status_code == 422 and said in page.content.decode().replace("\xa0", " ")
    assert WarmupPlan.objects.count() == was


def test_a_file_of_the_page_comes_in_on_another_platform(steers: Client) -> None:
    file = steers.get(reverse("warmup_plans_file")).content.decode()
    WarmupPlan.objects.all().delete()
    assert len(import_plans(file).made) > 10


def test_who_may_only_look_brings_nothing_in(client: Client, house: House) -> None:
    client.force_login(User.objects.create(email="viewer@example.com", role=User.Role.VIEWER))
    assert _choose(client, text(plan()).encode()).status_code == 403
    assert client.post(reverse("warmup_plans_bring_in"), {"text": text(plan())}).status_code == 403
    assert "Bring in a file" not in client.get(reverse("warmup_plans")).content.decode()
