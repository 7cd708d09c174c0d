"""People of every role at the console, and an hour of a metric."""

from datetime import datetime, timedelta

from django.test import Client

from mailplatform.tenants.models import Tenant, User
from monitoring.metrics.store import Store
from monitoring.metrics.tick import Tick

TICK = timedelta(seconds=10)


def signed_in(role: str) -> Client:
    tenant = Tenant.objects.get_or_create(name="harbour")[0] if role == "tenant" else None
    person = User.objects.filter(role=role).first() or User.objects.create(email=f"{role}@platform.example", role=role, tenant=tenant)
    client = Client()
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def measured(until: datetime, ticks: int = 60) -> None:
    """CPU of two nodes, attempts and TLS errors at a provider, rising to what they are at the end."""
    store = Store()
    for n in range(ticks):
        share = (n + 1) / ticks
        values = {
            ("collect_ms", "all"): {"all": 5.0}, ("cpu_share", "node"): {"1": 0.95 * share, "2": 0.2}, ("database_bytes", "all"): {"all": 3e9 * share},
            ("attempted", "provider"): {"7": 100.0}, ("connects", "provider"): {"7": 100.0}, ("tls_errors", "provider"): {"7": 20.0 * share},
        }  # fmt: skip
        labels = {("node", "1"): "north-1", ("node", "2"): "south-1", ("provider", "7"): "Outlook"}
        store.keep(Tick(until - TICK * (ticks - n), values, labels))
