"""The demo's domains, against the sandbox's own DNS: three that are ready, and one that shows what mistakes look like."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from delivery.domains import keys, simulated
from delivery.domains.readiness import State, readiness
from delivery.domains.run import check, check_due
from mailplatform.sandbox.aside import Aside, running
from mailplatform.tenants.models import DomainCheck, SendingDomain, Tenant
from mailplatform.up import seed

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(tmp_path: Path, settings: Any) -> Iterator[Aside]:
    settings.DATA_DIR = tmp_path
    (tmp_path / "sandbox").mkdir()
    call_command("load_catalogue", verbosity=0)
    seed.everything(tmp_path)
    with running(tmp_path / "sandbox", zones=tmp_path / "sandbox" / "zones.json") as world:
        settings.RESOLVER = world.resolver
        yield world


def answers(name: str) -> dict[str, str]:
    return {f"{row.kind} {row.subject}".strip(): row.answer for row in DomainCheck.objects.filter(domain__name=name)}


def test_the_demos_domains_are_right_and_one_is_not(demo: Aside) -> None:
    assert check_due() == 4
    for name in ("harbourbank.example", "lumen.example", "fieldnotes.example"):
        assert set(answers(name).values()) == {"right"}, list(DomainCheck.objects.filter(domain__name=name).values_list("kind", "sentence"))
        assert readiness(SendingDomain.objects.get(name=name)).state is State.MET, name
    flawed = SendingDomain.objects.get(name=seed.FLAWED_DOMAIN)
    wrong = {kind for kind, answer in answers(flawed.name).items() if answer == "wrong"}
    assert wrong == {"dmarc", "own_return_path", "dkim mp2"}
    verdict = readiness(flawed)
    assert verdict.state is State.NOT_MET and "a DMARC policy" in verdict.sentence
    assert flawed.verified_at is not None, "what is wrong stops no mail"
    assert check_due() == 0, "not due again"


def test_a_new_domain_is_verified_once_the_sandbox_publishes_its_records(demo: Aside) -> None:
    domain = SendingDomain.objects.create(tenant=Tenant.objects.get(name="lumen"), name="fresh.example")
    keys.add_keys(domain)
    after = check(domain)
    assert after is not None and after.verified_at is None
    assert simulated.publish(domain) == 4
    assert json.loads(simulated.zones_file().read_text())["harbourbank.example"], "what stood there stays"
    after = check(domain)
    assert after is not None and after.verified_at is not None
    assert {key.active for key in domain.dkim_keys.all()} == {True}
    assert readiness(after).ready, readiness(after).sentence
