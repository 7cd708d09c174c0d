"""Audit and notices."""

from datetime import timedelta

import pytest

from mailplatform.shell.audit import record
from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry, Notice
from mailplatform.shell.notices import clear_notice, open_notices, raise_notice
from mailplatform.tenants.models import User
from pools.models import Zone
from tests.console.world import World


def test_a_change_in_the_admin_is_told_with_both_values(as_role, world: World) -> None:
    zone = Zone.objects.get(name="north")
    as_role("operator").post(f"/admin/pools/zone/{zone.pk}/change/", {"name": "north", "title": "North", "state": "drained"})
    entry = AuditEntry.objects.get(target="zone north")
    assert entry.actor == "operator@platform.example" and "state active → drained" in entry.sentence


def test_a_password_never_gets_into_the_audit(as_role, world: World) -> None:
    person = world.people["viewer"]
    as_role("administrator").post(f"/people/{person.pk}/active/", {"active": "no"})
    User.objects.get(pk=person.pk).set_password("x" * 20)
    assert not any("password" in str(entry.detail) + entry.sentence for entry in AuditEntry.objects.all())


def test_what_machines_do_without_a_person_makes_no_entry(db: None) -> None:
    Zone.objects.create(name="east")
    assert AuditEntry.objects.count() == 0


def test_the_audit_page_shows_it_and_finds_it(as_role, world: World) -> None:
    record("watcher-north", "engine evicted", "engine 7", "Evicted engine 7.")
    record(world.people["operator"], "pool paused", "pool harbour", "Paused the pool harbour.")
    client = as_role("viewer")
    assert "Evicted engine 7." in client.get("/audit/").content.decode()
    page = client.get("/audit/?who=operator").content.decode()
    assert "Paused the pool harbour." in page and "Evicted engine 7." not in page


def test_raising_a_notice_again_refreshes_it_and_keeps_its_age(db: None) -> None:
    first = raise_notice("deferrals", "google", "warning", "Deferrals at 6 %.")
    born = Notice.objects.get(pk=first).created_at
    assert raise_notice("deferrals", "google", "critical", "Deferrals at 9 %.", {"share": 0.09}) == first
    notice = open_notices().get()
    assert (notice.sentence, notice.severity, notice.created_at, notice.evidence) == ("Deferrals at 9 %.", 2, born, {"share": 0.09})


def test_a_cleared_notice_is_over_and_a_new_one_is_new(db: None) -> None:
    first = raise_notice("dead", "north-1/a", 2, "Dead.")
    assert clear_notice("dead", "north-1/a", by="operator") == 1 and clear_notice("dead", "north-1/a") == 0
    assert not open_notices().exists()
    assert raise_notice("dead", "north-1/a", 2, "Dead again.") != first


def test_an_expired_notice_is_not_open_and_begins_anew(db: None) -> None:
    past = now() - timedelta(minutes=5)
    old = raise_notice("slow", "x", 1, "Slow.", expires_at=past)
    Notice.objects.filter(pk=old).update(created_at=past)
    assert not open_notices().exists()
    raise_notice("slow", "x", 1, "Slow.", expires_at=now() + timedelta(minutes=5))
    assert open_notices().get().created_at > past


def test_a_severity_that_is_none_is_refused(db: None) -> None:
    with pytest.raises((KeyError, ValueError)):
        raise_notice("x", "y", "terrible", "…")
