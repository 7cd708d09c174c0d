"""The admin of pools: every page opens, and what is checked is checked there too."""

import json

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

import mailplatform.urls  # noqa: F401  it finds the admin's pages
from mailplatform.shell.models import AuditEntry
from mailplatform.shell.secrets import decrypt
from mailplatform.tenants.models import User
from pools.models import Provider, ResponseRule, StaticRoute, TlsException
from pools.providers.load import load_catalogue
from tests.pools.test_caps_hold_in_every_rolling_window import make_path

pytestmark = pytest.mark.django_db
MODELS = [model for model in apps.get_app_config("pools").get_models() if not model._meta.auto_created]


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create(email="operator@example.com", role=User.Role.ADMINISTRATOR, is_superuser=True))
    return client


def page(model: type, what: str, *args: object) -> str:
    return reverse(f"admin:pools_{model._meta.model_name}_{what}", args=args)  # type: ignore[attr-defined]


def rule_form(rule: ResponseRule, **changes: object) -> dict[str, object]:
    names = ("provider_group", "position", "pattern", "reason", "disposition", "source", "confidence", "note")
    form = {name: getattr(rule, name) for name in names}
    return {**form, "enabled": "on", "action": json.dumps(rule.action), "samples": json.dumps(rule.samples), **changes}


def test_every_model_has_an_admin_but_members_which_are_inside_their_pool() -> None:
    without = [model.__name__ for model in MODELS if model not in admin.site._registry]
    assert without == ["PoolMember"]


@pytest.mark.parametrize("model", [model for model in MODELS if model in admin.site._registry], ids=lambda model: model.__name__)
def test_every_list_and_form_opens(operator: Client, model: type) -> None:
    load_catalogue()
    make_path()
    assert operator.get(page(model, "changelist")).status_code == 200
    assert operator.get(page(model, "changelist") + "?q=x").status_code == 200
    if admin.site._registry[model].has_add_permission(operator.get("/").wsgi_request):  # type: ignore[index]
        assert operator.get(page(model, "add")).status_code == 200
    if (row := model._default_manager.first()) is not None:  # type: ignore[attr-defined]
        assert operator.get(page(model, "change", row.pk)).status_code == 200


def test_a_changed_rule_becomes_the_operators_and_can_be_restored(operator: Client) -> None:
    load_catalogue()
    rule = ResponseRule.objects.get(id="x-virus")
    answer = operator.post(page(ResponseRule, "change", rule.pk), rule_form(rule, note="seen at our site"))
    assert answer.status_code == 302, answer.context["errors"]
    rule.refresh_from_db()
    assert rule.edited and rule.note == "seen at our site"
    operator.post(page(ResponseRule, "changelist"), {"action": "restore_shipped", "_selected_action": [rule.pk]})
    rule.refresh_from_db()
    assert not rule.edited and rule.note == ""


def test_a_rule_that_was_only_looked_at_stays_shipped(operator: Client) -> None:
    load_catalogue()
    rule = ResponseRule.objects.get(id="x-virus")
    assert operator.post(page(ResponseRule, "change", rule.pk), rule_form(rule)).status_code == 302
    rule.refresh_from_db()
    assert not rule.edited


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pattern", "(a+)+$"),
        ("pattern", "("),
        ("pattern", "something else"),  # its samples do not match
        ("samples", "[]"),
        ("samples", '["554 5.7.1 Client host blocked using zen.spamhaus.org: virus"]'),  # an earlier rule takes it
        ("reason", "hard.luck"),
        ("disposition", "explode"),
        ("action", '{"kind": "suspend"}'),
        ("action", '{"kind": "suspend", "scope": "moon", "duration_s": 1, "trigger_count": 1, "trigger_period_s": 1}'),
        ("action", '{"kind": "suspend", "scope": "path", "duration_s": -1, "trigger_count": 1, "trigger_period_s": 1}'),
    ],
)
def test_a_rule_that_would_do_harm_is_not_saved(operator: Client, field: str, value: str) -> None:
    load_catalogue()
    rule = ResponseRule.objects.get(id="x-virus")
    assert operator.post(page(ResponseRule, "change", rule.pk), rule_form(rule, **{field: value})).status_code == 200
    rule.refresh_from_db()
    assert not rule.edited


def test_a_providers_facts_cannot_be_changed_and_its_overrides_are_checked(operator: Client) -> None:
    load_catalogue()
    google = Provider.objects.get(key="google")
    assert operator.post(page(Provider, "change", google.pk), {"overrides": '{"connections": 0}'}).status_code == 200
    assert operator.post(page(Provider, "change", google.pk), {"overrides": '{"connections": 3}', "name": "mine", "facts": "{}"}).status_code == 302
    google.refresh_from_db()
    assert google.overrides == {"connections": 3} and google.name != "mine" and google.facts["limits"]


def test_a_routes_password_is_written_and_never_shown(operator: Client) -> None:
    form = {"match": "Example.com", "host": "relay.example.net", "port": 587, "tls": "verified", "username": "me", "new_password": "s3cret"}
    assert operator.post(page(StaticRoute, "add"), form).status_code == 302
    route = StaticRoute.objects.get(match="example.com")
    assert decrypt(route.password_encrypted) == b"s3cret"
    shown = operator.get(page(StaticRoute, "change", route.pk)).content.decode()
    assert "s3cret" not in shown and bytes(route.password_encrypted).decode() not in shown
    operator.post(page(StaticRoute, "change", route.pk), {**form, "new_password": "", "note": "kept"})
    route.refresh_from_db()
    assert decrypt(route.password_encrypted) == b"s3cret" and route.note == "kept"
    operator.post(page(StaticRoute, "change", route.pk), {**form, "username": "", "new_password": "", "forget_password": "on"})
    route.refresh_from_db()
    assert not route.password_encrypted


def test_a_changed_password_is_audited_and_not_written_down(operator: Client) -> None:
    form = {"match": "example.com", "host": "relay.example.net", "port": 587, "tls": "verified", "username": "me", "new_password": "s3cret"}
    operator.post(page(StaticRoute, "add"), form)
    told = list(AuditEntry.objects.values_list("action", "sentence", "detail"))
    assert "route password changed" in [action for action, _, _ in told] and "s3cret" not in repr(told) and "gAAAA" not in repr(told)


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "me"},  # and no password
        {"new_password": "s3cret"},  # and no username
        {"match": "provider:nobody"},
        {"match": "*", "tls": "none", "host": "192.0.2.1"},
        {"tls": "none", "host": "relay.example.net", "username": "me", "new_password": "s3cret"},
        {"port": 0},
        {"host": "bad host"},
        {"tls": "maybe"},
    ],
)
def test_a_route_that_must_not_be_is_refused_in_the_admin(operator: Client, wrong: dict) -> None:
    form = {"match": "example.com", "host": "relay.example.net", "port": 587, "tls": "verified", "username": "", "new_password": "", **wrong}
    answer = operator.post(page(StaticRoute, "add"), form)
    assert answer.status_code == 200 and not StaticRoute.objects.exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "localhost"])
def test_everything_in_the_clear_may_go_to_our_own_hosts_in_the_admin_too(operator: Client, host: str) -> None:
    assert operator.post(page(StaticRoute, "add"), {"match": "*", "host": host, "port": 2525, "tls": "none"}).status_code == 302
    assert StaticRoute.objects.get().match == "*"


def test_everything_in_the_clear_to_the_world_is_refused_in_the_admin_too(operator: Client) -> None:
    answer = operator.post(page(StaticRoute, "add"), {"match": "*", "host": "relay.example.net", "port": 25, "tls": "none"})
    assert answer.status_code == 200 and not StaticRoute.objects.exists()


def test_a_tls_exception_names_one_destination_and_who_made_it(operator: Client) -> None:
    assert operator.post(page(TlsException, "add"), {"match": "*", "reason": "no"}).status_code == 200
    assert operator.post(page(TlsException, "add"), {"match": "old.example", "reason": "their server is from 2003"}).status_code == 302
    assert TlsException.objects.get().created_by == "operator@example.com"
