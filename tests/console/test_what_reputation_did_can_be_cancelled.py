"""Actions have a cancel button: it undoes, is confirmed, is audited, and asks for the permission to steer."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from pools.models import Path
from pools.reputation.models import Action, PathStanding
from tests.console.test_a_path_says_why_it_has_its_score import out
from tests.console.world import World


@pytest.mark.django_db
def test_cancelling_opens_the_path_and_says_who_did_it(world: World, as_role: Callable[[str], Client]) -> None:
    path, left = out(world), Action.objects.get()
    assert as_role("viewer").post(f"/actions/{left.pk}/cancel/").status_code == 403
    assert "Cancel this action?" not in as_role("viewer").get(f"/paths/{path.pk}/").content.decode()
    assert "Cancel this action?" in as_role("operator").get(f"/paths/{path.pk}/").content.decode()
    answer = as_role("operator").post(f"/actions/{left.pk}/cancel/", {"back": f"/paths/{path.pk}/"})
    assert answer["Location"] == f"/paths/{path.pk}/"
    assert Path.objects.get(pk=path.pk).state == "open"
    left.refresh_from_db()
    assert (left.state, left.ended_by) == ("cancelled", "operator@platform.example")
    assert AuditEntry.objects.filter(action="reputation cancelled", actor="operator@platform.example").count() == 1
    as_role("operator").post(f"/actions/{left.pk}/cancel/")
    assert AuditEntry.objects.filter(action="reputation cancelled").count() == 1


@pytest.mark.django_db
def test_a_proposal_is_done_or_refused(world: World, as_role: Callable[[str], Client]) -> None:
    path = Path.objects.get(ip=world.ips[1], provider=world.providers["google"])
    evidence = {"before": {"state": "open", "share": 100, "per_hour": None}, "after": {"state": "quarantined", "share": 0, "per_hour": None},
                "standing": {"state": "quarantined"}}  # fmt: skip
    of = {"scope": "path", "ip": path.ip, "provider": path.provider, "name": "leave", "state": "proposed", "sentence": "It should leave.", "evidence": evidence}
    first = Action.objects.create(**of, at=now(), until=now() + timedelta(hours=1))
    page = as_role("operator").get("/actions/").content.decode()
    assert "1\u00a0action waits for a person" in page and "Do this now?" in page and "Refuse this proposal?" in page
    as_role("operator").post(f"/actions/{first.pk}/cancel/")
    assert Path.objects.get(pk=path.pk).state == "open"
    second = Action.objects.create(**of, at=now(), until=now() + timedelta(hours=1))
    assert as_role("viewer").post(f"/actions/{second.pk}/confirm/").status_code == 403
    as_role("operator").post(f"/actions/{second.pk}/confirm/")
    assert Path.objects.get(pk=path.pk).state == "quarantined"


@pytest.mark.django_db
def test_a_path_that_waits_is_probed_sooner_when_a_person_says_so(world: World, as_role: Callable[[str], Client]) -> None:
    path = out(world)
    before = PathStanding.objects.get(path=path)
    assert as_role("viewer").post(f"/paths/{path.pk}/probe/").status_code == 403
    as_role("operator").post(f"/paths/{path.pk}/probe/")
    after = PathStanding.objects.get(path=path)
    assert after.until is not None and after.until <= now() and after.version == before.version + 1
    assert Path.objects.get(pk=path.pk).state == "quarantined"
    as_role("operator").post(f"/paths/{path.pk}/probe/")
    assert AuditEntry.objects.filter(action="path probed sooner").count() == 1
