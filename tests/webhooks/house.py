"""Endpoints for the tests' small house, and what was written down for them."""

from datetime import UTC, datetime
from typing import Any

from delivery.models import WebhookEndpoint
from delivery.webhooks import outbox, signature, wishes
from delivery.webhooks.kinds import EventKind
from mailplatform.shell.ids import delivery_id, message_id
from mailplatform.shell.secrets import encrypt
from mailplatform.tenants.models import Tenant
from tests.queue.house import connect, rows


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


def happens(tenant: Tenant, messages: int, each: int = 1) -> list[list[str]]:
    """For every message so many events, one after the other; their webhook-ids a message, for the tenant's one endpoint."""
    made = [message_id() for _ in range(messages)]
    kinds = list(EventKind)
    with connect() as raw:
        for number in range(each):
            with raw.transaction(), raw.cursor() as cursor:
                outbox.write(cursor, [outbox.Note(tenant.pk, 0, delivery_id(one, 1), delivery_id(one, 1), kinds[number]) for one in made])
    found = rows("SELECT message_id, 'evt_' || replace(webhook_id::text, '-', '') FROM delivery_webhookevent WHERE tenant_id = %s ORDER BY id", tenant.pk)
    return [[told for message, told in found if message == one] for one in made]


def time_passes() -> None:
    """Leases and waits are over."""
    with connect() as raw:
        raw.execute("UPDATE delivery_webhookevent SET due_at = platform_now() WHERE state = 'pending' AND due_at > platform_now()")
        raw.execute("UPDATE delivery_webhookendpoint SET retry_at = NULL")


def states() -> dict[str, int]:
    return dict(rows("SELECT state, count(*) FROM delivery_webhookevent GROUP BY state"))
