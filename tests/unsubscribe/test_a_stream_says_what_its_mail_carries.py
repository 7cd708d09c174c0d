"""The page of unsubscribe links: what is added, exactly; the switch by stream; a tenant's own streams alone."""

from delivery.submit import facts
from mailplatform.shell.models import AuditEntry
from pools.models import Stream
from tests.console.conftest import as_role, world  # noqa: F401 - fixtures
from tests.console.world import World


def test_the_page_shows_what_is_added(as_role, world: World) -> None:  # noqa: F811
    page = as_role("operator").get("/unsubscribe/").content.decode()
    assert "List-Unsubscribe: &lt;http://127.0.0.1:8000/u/…&gt;" in page and "List-Unsubscribe=One-Click" in page and "Feedback-ID: …:" in page


def test_a_tenant_switches_its_own_streams_alone(as_role, world: World) -> None:  # noqa: F811
    client = as_role("tenant")
    mine = Stream.objects.filter(tenant=world.tenants["harbour"]).first()
    theirs = Stream.objects.filter(tenant=world.tenants["lumen"]).first()
    assert mine and theirs
    page = client.get("/unsubscribe/").content.decode()
    assert f"/unsubscribe/{mine.pk}/" in page and f"/unsubscribe/{theirs.pk}/" not in page
    assert client.post(f"/unsubscribe/{theirs.pk}/", {"links": "off"}).status_code == 404
    client.post(f"/unsubscribe/{mine.pk}/", {"links": "on"})
    mine.refresh_from_db()
    assert mine.one_click_unsubscribe is True and AuditEntry.objects.filter(action="unsubscribe links on").count() == 1
    client.post(f"/undo/{client.session['undo']['id']}/")
    mine.refresh_from_db()
    assert mine.one_click_unsubscribe is None


def test_a_viewer_switches_nothing(as_role, world: World) -> None:  # noqa: F811
    stream = Stream.objects.first()
    assert stream and as_role("viewer").post(f"/unsubscribe/{stream.pk}/", {"links": "on"}).status_code == 403


def test_the_next_message_knows(as_role, world: World) -> None:  # noqa: F811
    stream = Stream.objects.filter(tenant=world.tenants["harbour"], purpose=0).first()
    assert stream and not facts.facts_of(stream.tenant_id).streams[stream.name].unsubscribe_links
    as_role("operator").post(f"/unsubscribe/{stream.pk}/", {"links": "on"})
    assert facts.facts_of(stream.tenant_id).streams[stream.name].unsubscribe_links


def test_without_https_the_page_says_why_nothing_is_added(as_role, world: World, settings) -> None:  # noqa: F811
    settings.MAIL_MODE, settings.PUBLIC_URL = "live", "http://mail.example"
    assert "PUBLIC_URL is not https" in as_role("operator").get("/unsubscribe/").content.decode()
