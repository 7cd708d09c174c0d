"""Removing: anybody's own, audited; who complained is mailed again only after its own word was said."""

import pytest
from django.test import Client

from delivery.models import Suppression
from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from tests.api.world import Sender


def add(sender: Sender, reason: str) -> Suppression:
    return Suppression.objects.create(tenant=sender.tenant, address="anna@gmail.com", reason=reason, created_at=now())


def delete(client: Client, sender: Sender, row: Suppression, query: str = "") -> int:
    return client.delete(f"/api/v1/suppressions/{row.pk}{query}", **sender.auth).status_code


@pytest.mark.parametrize("reason", ["bounce", "unsubscribe", "manual"])
def test_others_are_removed_at_once_and_audited(client: Client, acme: Sender, reason: str) -> None:
    assert delete(client, acme, add(acme, reason)) == 204
    entry = AuditEntry.objects.get(action="suppression removed")
    assert entry.actor == f"key {acme.row.prefix}" and "anna@gmail.com" in entry.sentence


def test_a_complaint_needs_its_word(client: Client, acme: Sender) -> None:
    row = add(acme, "complaint")
    answer = client.delete(f"/api/v1/suppressions/{row.pk}", **acme.auth)
    assert answer.status_code == 409 and "complained" in answer.json()["detail"] and answer.json()["errors"][0]["field"] == "confirm"
    assert delete(client, acme, row, "?confirm=yes") == 409 and Suppression.objects.exists()
    assert delete(client, acme, row, "?confirm=complaint") == 204 and not Suppression.objects.exists()
    assert AuditEntry.objects.filter(action="suppression removed").count() == 1


def test_another_tenants_is_not_there(client: Client, acme: Sender, other: Sender) -> None:
    row = add(acme, "manual")
    assert delete(client, other, row) == 404 and Suppression.objects.exists()
