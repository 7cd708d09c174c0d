"""An automatic limit has its evidence and a button that ends it."""

from datetime import timedelta

from delivery.models import IpLease
from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from pools.models import Path
from tests.console.world import World


def _limited(world: World) -> Path:
    values = {"suspended_until": now() + timedelta(hours=20), "why": "y-ts03: 553 [TSS03]", "learned": {"suspended_until_s": 1.0}, "updated_at": now()}
    return Path.objects.update_or_create(ip=world.ips[0], provider=world.providers["microsoft"], defaults=values)[0]


def test_an_operator_lifts_it_and_the_audit_says_what_it_was(as_role, world: World) -> None:
    path = _limited(world)
    client = as_role("operator")
    assert f"/paths/{path.pk}/lift/" in client.get(f"/ips/{path.ip_id}/").content.decode()
    assert client.post(f"/paths/{path.pk}/lift/").status_code == 302
    path.refresh_from_db()
    assert (path.suspended_until, path.learned, path.why) == (None, {}, "") and path.lifted_at is not None
    assert "TSS03" in AuditEntry.objects.latest("pk").sentence


def test_a_viewer_sees_the_reason_and_no_button(as_role, world: World) -> None:
    path = _limited(world)
    client = as_role("viewer")
    page = client.get(f"/ips/{path.ip_id}/").content.decode()
    assert "TSS03" in page and "/lift/" not in page
    assert client.post(f"/paths/{path.pk}/lift/").status_code == 403


def test_all_paths_of_a_lane_are_lifted_at_once_and_the_person_stays_where_they_were(as_role, world: World) -> None:
    path = _limited(world)
    pool, provider = world.pools["shared-transactional"], world.providers["microsoft"]
    values = {"suspended_until": now() + timedelta(hours=1), "why": "m-block", "updated_at": now()}
    IpLease.objects.create(ip=world.ips[4], engine=world.engine, granted_at=now())
    other = Path.objects.create(ip=world.ips[4], provider=provider, **values)
    answer = as_role("operator").post(f"/lanes/{pool.pk}/{provider.pk}/lift/", {"back": "/queues/"})
    assert answer["Location"] == "/queues/"
    for one in (path, other):
        one.refresh_from_db()
        assert one.suspended_until is None and one.lifted_at is not None
    assert AuditEntry.objects.filter(action="path lifted").count() == 2
    assert as_role("viewer").post(f"/lanes/{pool.pk}/{provider.pk}/lift/").status_code == 403


def test_a_button_leads_back_within_this_host_only(as_role, world: World) -> None:
    path = _limited(world)
    for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "evil"):
        assert as_role("operator").post(f"/paths/{path.pk}/lift/", {"back": elsewhere})["Location"] == f"/paths/{path.pk}/"


def test_a_path_is_paused_and_resumed_with_undo_and_audit(as_role, world: World) -> None:
    path = _limited(world)
    client = as_role("operator")
    client.post(f"/paths/{path.pk}/state/", {"state": "paused"})
    assert "paused by an operator" in client.get(f"/paths/{path.pk}/").content.decode()
    client.post(f"/undo/{client.session['undo']['id']}/")
    path.refresh_from_db()
    assert path.state == "open"
    client.post(f"/paths/{path.pk}/state/", {"state": "quarantined"})
    path.refresh_from_db()
    assert path.state == "open", "quarantine is reputation's word"
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == ["path paused", "path state undone"]
    assert as_role("viewer").post(f"/paths/{path.pk}/state/", {"state": "paused"}).status_code == 403
