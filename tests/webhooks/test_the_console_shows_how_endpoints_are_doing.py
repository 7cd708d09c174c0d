"""Console: operators see every tenant's endpoints, a tenant's people their own; what is wrong is said, and the buttons do what they say."""

from datetime import UTC, datetime, timedelta

import pytest

from delivery.models import Delivery, WebhookEndpoint, WebhookEvent
from mailplatform.shell.models import AuditEntry
from mailplatform.tenants.models import Tenant
from tests.console.world import World
from tests.webhooks.house import endpoint
from tests.webhooks.test_tenants_keep_their_endpoints import event

pytestmark = pytest.mark.django_db
URL = "https://127.0.0.1:9443/hooks"


@pytest.fixture
def theirs(world: World) -> WebhookEndpoint:
    return endpoint(world.tenants["lumen"], "https://127.0.0.1:9443/lumen")


@pytest.fixture
def mine(world: World) -> WebhookEndpoint:
    """Of the tenant whose person signs in."""
    return endpoint(world.people["tenant"].tenant, "https://127.0.0.1:9443/mine")


def test_a_tenants_people_see_and_change_their_own_alone(as_role, theirs: WebhookEndpoint, mine: WebhookEndpoint) -> None:
    client, lost = as_role("tenant"), event(theirs)
    page = client.get("/webhooks/").content.decode()
    assert mine.url in page and theirs.url not in page and 'href="/webhooks/"' in page
    assert client.get(f"/webhooks/{mine.pk}/").status_code == 200
    for path in ("", "log/"):
        assert client.get(f"/webhooks/{theirs.pk}/{path}").status_code == 404
    for path, data in (
        ("change", {"url": URL}), ("state", {"state": "paused"}), ("rotate", {}), ("test", {}), ("replay", {"hours": "", "sure": "yes"}),
        ("replay", {"event": str(lost.pk)}), ("remove", {}),
    ):  # fmt: skip
        assert client.post(f"/webhooks/{theirs.pk}/{path}/", data).status_code == 404, path
    client.post(f"/webhooks/{mine.pk}/replay/", {"event": str(lost.pk)})
    client.post("/webhooks/make/", {"url": URL, "tenant": "lumen"})
    theirs_now = WebhookEndpoint.objects.get(pk=theirs.pk)
    assert (theirs_now.url, theirs_now.state, bytes(theirs_now.secret_encrypted)) == (theirs.url, "active", theirs.secret_encrypted)
    assert WebhookEvent.objects.get().state == "failed"
    assert set(WebhookEndpoint.objects.exclude(pk=theirs.pk).values_list("tenant_id", flat=True)) == {mine.tenant_id}, "made for themselves, whatever they said"


@pytest.mark.parametrize("role, may", [("operator", 302), ("administrator", 302), ("viewer", 403), ("staff", 403)])
def test_only_those_who_steer_mail_change_endpoints(as_role, theirs: WebhookEndpoint, role: str, may: int) -> None:
    client = as_role(role)
    page = client.get(f"/webhooks/{theirs.pk}/")
    assert page.status_code == 200 and (b"Send a test" in page.content) == (may == 302)
    assert client.post(f"/webhooks/{theirs.pk}/state/", {"state": "paused"}).status_code == may
    assert WebhookEndpoint.objects.get().state == ("paused" if may == 302 else "active")


def test_a_new_one_shows_its_secret_once(as_role, world: World) -> None:
    client = as_role("operator")
    assert client.get("/webhooks/new/?tenant=lumen").status_code == 200
    made = client.post("/webhooks/make/", {"tenant": "lumen", "url": URL, "description": "Orders", "events": ["message.bounced"]})
    assert b"whsec_" in made.content
    row = WebhookEndpoint.objects.get()
    assert (row.tenant.name, row.url, row.kinds) == ("lumen", URL, ["message.bounced"])
    assert b"whsec_" not in client.get(f"/webhooks/{row.pk}/").content
    turned = client.post(f"/webhooks/{row.pk}/rotate/").content
    assert b"whsec_" in turned and b"24 hours" in turned
    done = list(AuditEntry.objects.filter(action__startswith="webhook").order_by("at").values_list("action", "sentence"))
    assert [action for action, _ in done] == ["webhook made", "webhook secret rotated"] and "whsec_" not in str(done)


def test_what_is_wrong_with_a_new_one_is_said_and_what_was_typed_stays(as_role, world: World) -> None:
    answer = as_role("operator").post("/webhooks/make/", {"tenant": "lumen", "url": "https://10.0.0.1/x", "description": "Orders"})
    page = answer.content.decode()
    assert answer.status_code == 422 and "not connected to" in page and 'value="https://10.0.0.1/x"' in page and 'value="Orders"' in page
    assert not WebhookEndpoint.objects.exists()


def test_the_worst_comes_first_and_says_what_is_wrong(as_role, theirs: WebhookEndpoint, mine: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.filter(pk=mine.pk).update(
        failures=7, failing_since=datetime.now(UTC) - timedelta(hours=2), last_problem="no connection: connection refused", retry_at=datetime.now(UTC)
    )
    page = as_role("operator").get("/webhooks/").content.decode().replace("\xa0", " ")
    assert page.index(mine.url) < page.index(theirs.url + "</a>") and "connection refused" in page and "1 endpoint hears nothing" in page
    assert "Nothing has come through since" in as_role("operator").get(f"/webhooks/{mine.pk}/").content.decode()


def test_a_replay_is_counted_before_anything_goes(as_role, theirs: WebhookEndpoint) -> None:
    client, lost = as_role("operator"), event(theirs)
    preview = client.post(f"/webhooks/{theirs.pk}/replay/", {"hours": "24"})
    assert "1\xa0event" in preview.content.decode() and WebhookEvent.objects.get(pk=lost.pk).state == "failed"
    client.post(f"/webhooks/{theirs.pk}/replay/", {"hours": "24", "sure": "yes"})
    assert WebhookEvent.objects.get(pk=lost.pk).state == "pending"


def test_a_tests_answer_shows_as_it_comes(as_role, theirs: WebhookEndpoint) -> None:
    client = as_role("operator")
    asked = client.post(f"/webhooks/{theirs.pk}/test/")
    page = client.get(asked["Location"]).content.decode()
    assert "on its way" in page and "data-live" in page
    waiting = WebhookEvent.objects.get()
    WebhookEvent.objects.all().delete()
    answered = event(theirs, "sent", kind="webhook.test")
    told = client.get(f"/webhooks/{theirs.pk}/log/?test={answered.pk}&part=test").content.decode()
    assert "came through" in told and waiting.pk != answered.pk


def test_what_a_receiver_answered_is_shown_as_text(as_role, theirs: WebhookEndpoint) -> None:
    from delivery.models import WebhookTry

    event(theirs)
    WebhookTry.objects.update(answer="<script>alert(1)</script>", problem="<b>x</b>")
    page = as_role("operator").get(f"/webhooks/{theirs.pk}/").content.decode()
    assert "<script>alert(1)" not in page and "<b>x</b>" not in page and "&lt;script&gt;" in page


def test_what_a_person_releases_is_told(as_role, world: World) -> None:
    hears = endpoint(Tenant.objects.get(pk=Delivery.objects.get(pk=world.deliveries["held"]).tenant_id))
    as_role("operator").post(f"/messages/{world.deliveries['held']}/release/", {"waits_for": "hold"})
    assert list(WebhookEvent.objects.values_list("endpoint_id", "kind", "delivery_id")) == [(hears.pk, "message.released", world.deliveries["held"])]
