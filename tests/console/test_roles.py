"""Who may do what: the matrix of roles, in the console and in the admin."""

import pytest
from django.test import Client

from mailplatform.shell.models import AuditEntry
from mailplatform.tenants.models import Tenant, User
from pools.models import SendingIP
from tests.console.world import PASSWORD, World

SEES = {"viewer": 200, "operator": 200, "staff": 200, "administrator": 200, "tenant": 403}


@pytest.mark.parametrize("role", SEES)
def test_what_all_of_the_platform_is_for_its_own_people(as_role, world: World, role: str) -> None:
    client = as_role(role)
    for url in ("/queues/", "/pools/", "/providers/", "/tenants/", "/audit/", f"/ips/{world.ips[0].pk}/"):
        assert client.get(url).status_code == SEES[role], url
    assert client.get("/people/").status_code == (200 if role == "administrator" else 403)
    assert client.get("/messages/").status_code == 200
    assert client.get("/domains/").status_code == 200


@pytest.mark.parametrize("role", SEES)
def test_only_those_who_steer_pause_an_ip(as_role, world: World, role: str) -> None:
    ip = world.ips[0]
    response = as_role(role).post(f"/ips/{ip.pk}/state/", {"state": "paused"})
    ip.refresh_from_db()
    if role in ("operator", "administrator"):
        assert response.status_code == 302 and ip.state == SendingIP.State.PAUSED
        assert AuditEntry.objects.filter(action="sending IP paused", actor=f"{role}@platform.example").count() == 1
    else:
        assert response.status_code == 403 and ip.state == SendingIP.State.ACTIVE


def test_an_action_is_undone_once_and_audited(as_role, world: World) -> None:
    client, ip = as_role("operator"), world.ips[0]
    client.post(f"/ips/{ip.pk}/state/", {"state": "paused"})
    offer = client.session["undo"]["id"]
    assert b"to undo" in client.get(f"/ips/{ip.pk}/").content
    client.post(f"/undo/{offer}/")
    ip.refresh_from_db()
    assert ip.state == SendingIP.State.ACTIVE
    client.post(f"/ips/{ip.pk}/state/", {"state": "paused"})
    client.post(f"/undo/{offer}/")  # the old offer is over
    ip.refresh_from_db()
    assert ip.state == SendingIP.State.PAUSED
    assert AuditEntry.objects.filter(action="sending IP state undone").count() == 1


def test_actions_are_posts(as_role, world: World) -> None:
    client = as_role("administrator")
    assert client.get(f"/ips/{world.ips[0].pk}/state/").status_code == 405
    assert client.get(f"/messages/{world.deliveries['queued']}/cancel/").status_code == 405


def test_actions_need_the_csrf_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["administrator"], backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(f"/ips/{world.ips[0].pk}/state/", {"state": "paused"}).status_code == 403


@pytest.mark.parametrize("role", SEES)
def test_the_admin_is_not_for_tenants(as_role, role: str) -> None:
    response = as_role(role).get("/admin/", follow=True)
    assert response.status_code == SEES[role]


def test_roles_are_permissions_in_the_admin(world: World) -> None:
    def may(role: str, permission: str) -> bool:
        return world.people[role].has_perm(permission)

    assert may("viewer", "pools.view_pool") and not may("viewer", "pools.change_pool")
    assert may("operator", "pools.change_pool") and not may("operator", "tenants.change_user")
    assert may("staff", "monitoring.change_drill") and not may("staff", "pools.change_pool")
    assert may("administrator", "tenants.delete_user") and not may("administrator", "auditlog.change_logentry")
    assert not may("tenant", "tenants.view_tenant")


def test_a_disabled_account_is_out_at_once(as_role, world: World) -> None:
    client = as_role("operator")
    assert as_role("administrator").post(f"/people/{world.people['operator'].pk}/active/", {"active": "no"}).status_code == 302
    assert not User.objects.get(pk=world.people["operator"].pk).is_active
    assert client.get("/queues/").status_code == 302


def test_nobody_disables_themselves(as_role, world: World) -> None:
    as_role("administrator").post(f"/people/{world.people['administrator'].pk}/active/", {"active": "no"})
    assert User.objects.get(pk=world.people["administrator"].pk).is_active


def test_a_tenant_can_be_paused_and_the_page_says_what_it_means(as_role) -> None:
    client = as_role("administrator")
    client.post("/tenants/lumen/state/", {"state": "paused"})
    assert Tenant.objects.get(name="lumen").state == "paused"
    assert b"accepted and held" in client.get("/tenants/lumen/").content


def test_signing_in_is_rate_limited(client, world: World) -> None:
    from django.core.cache import cache

    cache.clear()
    codes = [client.post("/accounts/login/", {"login": "operator@platform.example", "password": "wrong"}).status_code for _ in range(7)]
    assert client.post("/accounts/login/", {"login": "operator@platform.example", "password": PASSWORD}).status_code != 302, codes
    cache.clear()


def test_nobody_signs_up(client, db) -> None:
    response = client.post("/accounts/signup/", {"email": "me@example.com", "password1": PASSWORD, "password2": PASSWORD})
    assert response.status_code == 403
    assert not User.objects.filter(email="me@example.com").exists()
