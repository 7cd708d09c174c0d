"""The TLS page: destinations with their waiting mail, and the exception that a person makes for one of them."""

from datetime import timedelta

import pytest

from delivery.models import BrokenTls, Waiting
from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from pools.models import DomainProvider, TlsException
from tests.console.world import World, add_message, queue

DOMAIN = "old.example"


@pytest.fixture
def waiting(world: World) -> World:
    for n, address in enumerate((f"a@{DOMAIN}", f"b@{DOMAIN}")):
        [delivery] = add_message(world, recipients=(address,), age_s=100 + n)
        queue(Waiting, world, delivery, why="retry", scope=f"tls:{DOMAIN}", due_at=now() + timedelta(hours=1), attempts=1, tries=1, recipient=address)
    DomainProvider.objects.create(
        domain=DOMAIN, provider=world.providers["google"], hosts=[[10, "mx.old.example"]], sorted_at=now(), expires_at=now() + timedelta(hours=1)
    )
    BrokenTls.objects.create(
        host="mx.old.example", proof="required", failure="tls_not_offered", detail="mx.old.example offers no STARTTLS",
        since=now(), last_at=now(), retry_at=now(),
    )  # fmt: skip
    return world


def test_the_page_lists_destinations_with_what_was_found(as_role, waiting: World) -> None:
    page = as_role("viewer").get("/tls/").content.decode()
    assert DOMAIN in page and "offers no STARTTLS" in page
    assert "domain waits, because its TLS" in page
    assert "Send without TLS" not in page  # a viewer sees, and does not steer


def test_an_exception_is_made_for_one_name_with_a_reason_and_audited(as_role, waiting: World) -> None:
    client = as_role("operator")
    assert "Send without TLS" in client.get("/tls/").content.decode()
    client.post("/tls/except/", {"match": DOMAIN, "reason": "agreed by telephone", "days": "7"})
    exception = TlsException.objects.get()
    assert (exception.match, exception.created_by) == (DOMAIN, "operator@platform.example")
    assert exception.expires_at is not None and timedelta(days=6) < exception.expires_at - now() < timedelta(days=8)
    assert AuditEntry.objects.filter(action="TLS exception made", target=DOMAIN).exists()
    assert not Waiting.objects.filter(scope=f"tls:{DOMAIN}", due_at__gt=now() + timedelta(minutes=1)).exists()  # its mail goes now
    client.post(f"/tls/exceptions/{exception.pk}/end/")
    assert not TlsException.objects.exists()
    assert AuditEntry.objects.filter(action="TLS exception ended").exists()


@pytest.mark.parametrize(("match", "reason"), [("*", "all of it"), ("", "nobody"), (DOMAIN, ""), ("not a domain", "x")])
def test_nothing_else_is_excepted(as_role, waiting: World, match: str, reason: str) -> None:
    as_role("operator").post("/tls/except/", {"match": match, "reason": reason})
    assert not TlsException.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "staff", "tenant"])
def test_who_does_not_steer_makes_no_exception(as_role, waiting: World, role: str) -> None:
    assert as_role(role).post("/tls/except/", {"match": DOMAIN, "reason": "x"}).status_code == 403
    assert not TlsException.objects.exists()
