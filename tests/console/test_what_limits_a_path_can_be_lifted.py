"""An automatic limit has its evidence and a button that ends it."""

from datetime import timedelta

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
