"""The admin: every word of the platform that is a model can be looked up there, and every list and form opens."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

import mailplatform.urls  # noqa: F401  it finds the admin's pages
from tests.console.world import World

OWN_APPS = ("shell", "tenants", "pools", "delivery", "warming", "monitoring")
# What is only a part or a counter of another: shown where its owner is.
# What people wrote (a body, a file's lines) is not for the admin: a body is read on the message page, by permission and audited.
WITHOUT = {"FairTag", "TransactionalPace", "IdempotencyKey", "PoolMember", "Body", "SuppressionImportPart"}


def test_every_model_is_registered() -> None:
    models = {model for label in OWN_APPS for model in apps.get_app_config(label).get_models()}
    missing = {model.__name__ for model in models if model not in admin.site._registry}
    assert missing <= WITHOUT, missing - WITHOUT


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda model: model._meta.label_lower), ids=lambda model: model._meta.label_lower)
def test_its_list_opens(as_role, world: World, model: type) -> None:
    client = as_role("administrator")
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")  # type: ignore[attr-defined]
    assert client.get(page).status_code == 200
    adding = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add"))  # type: ignore[attr-defined]
    assert adding.status_code in (200, 403), "history cannot be added to, everything else has a form"
