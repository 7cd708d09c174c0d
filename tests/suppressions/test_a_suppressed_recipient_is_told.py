"""Who sends to a suppressed address reads so, with the reason: in the answer, in the API, on the message's page, in the stream's minutes."""

import pytest
from django.test import Client

from delivery.models import Suppression
from mailplatform.shell.clock import now
from mailplatform.tenants.models import User
from pools.models import StreamMinute
from tests.api.world import Sender

WORDS = {"bounce": "bounced", "complaint": "complained", "unsubscribe": "unsubscribed", "manual": "by hand"}


@pytest.mark.parametrize("reason", Suppression.Reason.values)
def test_it_is_told_everywhere(client: Client, acme: Sender, reason: str) -> None:
    Suppression.objects.create(tenant=acme.tenant, address="anna@gmail.com", reason=reason, created_at=now())
    sent = acme.send(client, to=["anna@gmail.com", "bob@gmail.com"]).json()
    told = {each["to"]: each for each in sent["deliveries"]}
    assert told["anna@gmail.com"]["state"] == "suppressed" and told["bob@gmail.com"]["state"] == "queued"
    assert told["anna@gmail.com"]["reason"] == f"suppressed.{reason}" and "reason" not in told["bob@gmail.com"]
    read = {each["to"]: each for each in acme.get(client, f"messages/{sent['id']}").json()["deliveries"]}
    assert (read["anna@gmail.com"]["state"], read["anna@gmail.com"]["reason"]) == ("suppressed", f"suppressed.{reason}")
    person = User.objects.create_user("p@platform.example", "x", role="tenant", tenant=acme.tenant)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get(f"/messages/{told['anna@gmail.com']['id']}/").content.decode()
    assert "suppression list" in page and WORDS[reason] in page
    minute = StreamMinute.objects.get()
    assert (minute.suppressed, minute.attempted, minute.tenant_id, minute.provider_id) == (1, 0, acme.tenant.pk, 0)


def test_minutes_add_up(client: Client, acme: Sender) -> None:
    Suppression.objects.create(tenant=acme.tenant, address="anna@gmail.com", reason="bounce", created_at=now())
    for _ in range(3):
        acme.send(client, to="anna@gmail.com")
    acme.send(client, to="bob@gmail.com")
    assert sum(StreamMinute.objects.values_list("suppressed", flat=True)) == 3
