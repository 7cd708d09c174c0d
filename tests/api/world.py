"""A small world for the API's tests: two tenants, their keys, domains, streams and a pool."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.test import Client

from delivery.submit import facts
from mailplatform.tenants import keys
from mailplatform.tenants.models import ApiKey, SendingDomain, Tenant
from pools.models import Pool, Stream
from pools.purposes import Purpose


@dataclass(frozen=True)
class Sender:
    """A tenant that can send, and its key."""

    tenant: Tenant
    domain: str
    row: ApiKey
    key: str

    @property
    def auth(self) -> dict[str, str]:
        return {"HTTP_AUTHORIZATION": f"Bearer {self.key}"}

    def message(self, **changed: Any) -> dict[str, Any]:
        return {"from": f"News <news@{self.domain}>", "to": "anna@gmail.com", "subject": "Hello", "text": "Hi Anna", **changed}

    def post(self, client: Client, path: str, data: Any, **extra: Any) -> Any:
        body = data if isinstance(data, bytes) else orjson.dumps(data)
        return client.post(f"/api/v1/{path}", body, content_type="application/json", **{**self.auth, **extra})

    def send(self, client: Client, data: Any = None, **changed: Any) -> Any:
        return self.post(client, "messages", self.message(**changed) if data is None else data)

    def get(self, client: Client, path: str, **params: Any) -> Any:
        return client.get(f"/api/v1/{path}", params, **self.auth)


def make_sender(name: str) -> Sender:
    """A tenant with a verified domain, two streams and a key for everything."""
    keys.forget_cached()
    facts.forget_cached()
    tenant = Tenant.objects.create(name=name, title=name.title())
    domain = f"{name}.example"
    SendingDomain.objects.create(tenant=tenant, name=domain, verified_at=datetime.now(UTC))
    pool, _ = Pool.objects.get_or_create(name="shared")
    Stream.objects.create(tenant=tenant, name="receipts", purpose=Purpose.TRANSACTIONAL, pool=pool, is_default=True)
    Stream.objects.create(tenant=tenant, name="news", purpose=Purpose.MARKETING, pool=pool)
    row, key = keys.make_key(tenant, "test")
    return Sender(tenant, domain, row, key)
