"""The admin: every list opens, a key is shown once, private halves never, and roles keep to what is theirs."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import mailplatform.urls  # noqa: F401  it finds the admin's pages
from delivery.models import Delivery, Suppression
from mailplatform.shell.secrets import decrypt
from mailplatform.tenants import keys
from mailplatform.tenants.models import ApiKey, DkimKey, SendingDomain, Tenant, User
from tests.api.world import Sender

MINE = [model for model in admin.site._registry if model._meta.app_label in ("tenants", "delivery")]
BIG = {"message", "delivery", "attempt", "event", "ready", "waiting", "claimed"}


def signed_in(role: str, **fields: object) -> Client:
    user = User.objects.create_user(f"{role}@platform.example", "correct horse battery", role=role, **fields)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss(db: None) -> Client:
    return signed_in("administrator")


@pytest.mark.parametrize("model", MINE, ids=lambda model: model._meta.label)
def test_every_list_opens_without_counting_big_tables(boss: Client, client: Client, acme: Sender, model: type) -> None:
    acme.send(client)
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    with CaptureQueriesContext(connection) as queries:
        assert boss.get(reverse(name)).status_code == 200
        assert boss.get(reverse(name), {"q": "anna@gmail.com"}).status_code == 200
    if model._meta.model_name in BIG:
        assert not [each["sql"] for each in queries if "COUNT(" in each["sql"] and f'"delivery_{model._meta.model_name}"' in each["sql"]]


def test_a_delivery_is_found_by_its_whole_id_or_address(boss: Client, client: Client, acme: Sender) -> None:
    acme.send(client, to=["anna@gmail.com", "bob@gmail.com"])
    anna = Delivery.objects.get(recipient="anna@gmail.com")
    for term in (str(anna.pk), "anna@gmail.com"):
        page = boss.get(reverse("admin:delivery_delivery_changelist"), {"q": term}).content.decode()
        assert "anna@gmail.com" in page
        assert "bob@gmail.com" not in page
    assert boss.get(reverse("admin:delivery_delivery_change", args=[anna.pk])).status_code == 200


def test_a_new_key_is_shown_once_and_works(boss: Client, client: Client, acme: Sender) -> None:
    form = {"tenant": acme.tenant.pk, "name": "made here", "scopes": ["messages:send"], "allowed_networks": "127.0.0.0/8"}
    made = boss.post(reverse("admin:tenants_apikey_add"), form)
    assert made.status_code == 200, made.content
    row = ApiKey.objects.get(name="made here")
    plain = made.content.decode().split('id="new-key"')[1].split(">")[1].split("<")[0]
    assert plain.startswith(row.prefix)
    assert plain not in str(boss.session.items()) + str(boss.cookies)
    assert plain.encode() not in boss.get(reverse("admin:tenants_apikey_change", args=[row.pk])).content
    assert client.post("/api/v1/messages", acme.message(), "application/json", HTTP_AUTHORIZATION=f"Bearer {plain}").status_code == 202
    boss.post(reverse("admin:tenants_apikey_changelist"), {"action": "revoke", "_selected_action": [row.pk]})
    assert client.post("/api/v1/messages", acme.message(), "application/json", HTTP_AUTHORIZATION=f"Bearer {plain}").status_code == 401


def test_a_network_that_is_none_is_refused(boss: Client, acme: Sender) -> None:
    form = {"tenant": acme.tenant.pk, "name": "bad", "scopes": ["messages:send"], "allowed_networks": "here"}
    assert b"Networks are written like" in boss.post(reverse("admin:tenants_apikey_add"), form).content
    assert not ApiKey.objects.filter(name="bad").exists()


def test_a_dkim_key_is_made_and_its_private_half_never_shown(boss: Client, acme: Sender) -> None:
    domain = SendingDomain.objects.get(tenant=acme.tenant)
    boss.post(reverse("admin:tenants_dkimkey_add"), {"domain": domain.pk, "selector": "s1", "algorithm": "ed25519-sha256"})
    row = DkimKey.objects.get()
    assert decrypt(row.private_encrypted).startswith(b"-----BEGIN PRIVATE KEY-----")
    page = boss.get(reverse("admin:tenants_dkimkey_change", args=[row.pk])).content
    assert b"k=ed25519" in page
    assert b"PRIVATE KEY" not in page
    assert bytes(row.private_encrypted) not in page


def test_a_suppression_is_added_in_lower_case(boss: Client, acme: Sender) -> None:
    form = {"tenant": acme.tenant.pk, "address": "ANNA@gmail.com", "stream": "", "reason": "manual", "detail": ""}
    boss.post(reverse("admin:delivery_suppression_add"), form)
    assert Suppression.objects.get().address == "anna@gmail.com"


def test_whoever_is_no_administrator_any_more_is_no_superuser(boss: Client) -> None:
    other = User.objects.create_superuser("other@platform.example", "correct horse battery")
    boss.post(reverse("admin:tenants_user_change", args=[other.pk]), {"email": other.email, "name": "", "role": "viewer", "tenant": "", "is_active": "on"})
    other.refresh_from_db()
    assert (other.role, other.is_superuser) == ("viewer", False)


def test_a_person_is_added_by_address(boss: Client) -> None:
    password = "a long and quiet phrase 7"
    passwords = {"usable_password": "true", "password1": password, "password2": password}
    form = {"email": "New@Platform.example", "name": "New", "role": "operator", "tenant": "", **passwords}
    answer = boss.post(reverse("admin:tenants_user_add"), form)
    assert answer.status_code == 302, answer.content
    assert User.objects.get(email="new@platform.example").check_password(password)


@pytest.fixture
def tenants_own(acme: Sender) -> Iterator[Client]:
    yield signed_in("tenant", tenant=acme.tenant)


def test_a_tenants_user_never_reaches_the_admin(tenants_own: Client) -> None:
    assert tenants_own.get(reverse("admin:tenants_apikey_changelist")).status_code in (302, 403)


@pytest.mark.parametrize("role", ["viewer", "staff", "operator"])
def test_others_cannot_make_keys_or_people(db: None, role: str) -> None:
    tenant = Tenant.objects.create(name="t", title="T")
    client = signed_in(role)
    assert client.post(reverse("admin:tenants_apikey_add"), {"tenant": tenant.pk, "name": "x", "scopes": ["messages:send"]}).status_code == 403
    assert client.post(reverse("admin:tenants_user_add"), {"email": "x@x.example"}).status_code == 403
    assert not ApiKey.objects.exists()
    keys.forget_cached()
