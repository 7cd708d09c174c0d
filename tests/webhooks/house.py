"""Endpoints for the tests' small house, and what was written down for them."""

from datetime import UTC, datetime
from typing import Any

from delivery.models import WebhookEndpoint
from delivery.webhooks import signature, wishes
from mailplatform.shell.secrets import encrypt
from mailplatform.tenants.models import Tenant
from tests.queue.house import rows


def endpoint(tenant: Tenant, url: str = "https://hooks.example/", **changed: Any) -> WebhookEndpoint:
    """One that is heard of at once."""
    secret = changed.pop("secret", None) or signature.new_secret()
    made = WebhookEndpoint.objects.create(tenant=tenant, url=url, secret_encrypted=encrypt(secret.encode()), created_at=datetime.now(UTC), **changed)
    wishes.forget()
    return made


def told(endpoint_id: int | None = None) -> list[tuple[str, str]]:
    """(kind, the delivery's address), in the order in which it is sent."""
    return rows(
        "SELECT e.kind, d.recipient FROM delivery_webhookevent e LEFT JOIN delivery_delivery d ON d.id = e.delivery_id "
        "WHERE %s::int8 IS NULL OR e.endpoint_id = %s ORDER BY e.id",
        endpoint_id, endpoint_id,
    )  # fmt: skip
