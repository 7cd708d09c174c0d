"""The API: endpoints are made, changed, rotated, tested and replayed by their tenant, and by nobody else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from django.test import Client
from standardwebhooks import Webhook

from delivery.models import WebhookEndpoint, WebhookEvent, WebhookTry
from delivery.webhooks import outbox
from delivery.webhooks.endpoints import MOST_A_TENANT, MOST_TESTS
from mailplatform.shell.ids import time_ordered_id
from mailplatform.tenants import keys
from tests.api.world import Sender

SINCE = "2026-11-22T14:00:00Z"
URL = "https://127.0.0.1:9443/hooks"
pytestmark = pytest.mark.django_db


def make(client: Client, sender: Sender, **changed: Any) -> dict[str, Any]:
    answer = sender.post(client, "webhooks", {"url": URL, **changed})
    assert answer.status_code == 201, answer.content
    return answer.json()  # type: ignore[no-any-return]


def patch(client: Client, sender: Sender, id_: int, data: dict[str, Any]) -> Any:
    return client.patch(f"/api/v1/webhooks/{id_}", orjson.dumps(data), content_type="application/json", **sender.auth)


def event(endpoint: WebhookEndpoint, state: str = "failed", at: datetime | None = None, **changed: Any) -> WebhookEvent:
    source, at = time_ordered_id(), at or datetime.now(UTC)
    values = {"kind": "message.bounced", "state": state, "tries": 3, "delivery_id": source, **changed}
    made = WebhookEvent.objects.create(
        webhook_id=outbox.webhook_id(source, values["kind"], endpoint.pk), tenant_id=endpoint.tenant_id, endpoint_id=endpoint.pk, message_id=source,
        source_id=source, at=at, due_at=at, **values,
    )  # fmt: skip
    WebhookTry.objects.create(
        event_id=made.pk, tenant_id=endpoint.tenant_id, endpoint_id=endpoint.pk, at=at, number=1, ok=state == "sent", status=500, milliseconds=3, problem="x"
    )
    return made


def test_an_endpoint_is_made_with_a_secret_that_is_told_once(client: Client, acme: Sender) -> None:
    made = make(client, acme, events=["message.bounced"], streams=["news"], description="Bounces")
    assert Webhook(made["secret"])
    row = WebhookEndpoint.objects.get()
    assert made["secret"].encode() not in bytes(row.secret_encrypted)
    read = acme.get(client, f"webhooks/{made['id']}").json()
    assert "secret" not in read and (read["events"], read["streams"], read["description"]) == (["message.bounced"], ["news"], "Bounces")
    assert "whsec_" not in acme.get(client, "webhooks").content.decode()


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://a:b@acme.example/"}, "url"),
        ({"url": "ftp://acme.example/"}, "url"),
        ({"url": "https://acme.example:22/"}, "url"),
        ({"url": "https://acme.example/#x"}, "url"),
        ({"url": "https://ac me.example/"}, "url"),
        ({"url": "https://2130706433/"}, "url"),
        ({"url": 7}, "url"),
        ({"url": URL, "events": ["message.opened"]}, "events[0]"),
        ({"url": URL, "streams": ["nobodys"]}, "streams[0]"),
        ({"url": URL, "state": "disabled"}, "state"),
        ({"url": URL, "tenant": 1}, "tenant"),
        ({"events": []}, "url"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(client: Client, acme: Sender, wrong: dict[str, Any], field: str) -> None:
    answer = acme.post(client, "webhooks", wrong)
    assert answer.status_code == 422
    assert field in [each["field"] for each in answer.json()["errors"]]
    assert not WebhookEndpoint.objects.exists()


def test_a_tenant_has_so_many_and_no_more(client: Client, acme: Sender) -> None:
    for _ in range(MOST_A_TENANT):
        make(client, acme)
    assert acme.post(client, "webhooks", {"url": URL}).status_code == 409


def test_a_rotation_keeps_the_old_secret_for_a_day(client: Client, acme: Sender) -> None:
    made = make(client, acme)
    turned = acme.post(client, f"webhooks/{made['id']}/rotate", {}).json()
    assert turned["secret"] != made["secret"]
    left = datetime.fromisoformat(turned["old_secret_until"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)


def test_an_endpoint_that_is_switched_on_again_begins_afresh(client: Client, acme: Sender) -> None:
    made = make(client, acme)
    WebhookEndpoint.objects.update(state="disabled", stopped_why="410", failures=9, failing_since=datetime.now(UTC), retry_at=datetime.now(UTC))
    assert acme.get(client, f"webhooks/{made['id']}").json()["stopped_why"] == "410"
    now_is = patch(client, acme, made["id"], {"state": "active"}).json()
    afresh = [now_is[name] for name in ("state", "stopped_why", "failures_in_a_row", "failing_since", "next_try_at")]
    assert afresh == ["active", "", 0, None, None]


def test_failed_events_are_counted_first_and_then_go_again(client: Client, acme: Sender) -> None:
    made = make(client, acme)
    row, hour_ago = WebhookEndpoint.objects.get(), datetime.now(UTC) - timedelta(hours=1)
    old, lost = event(row, at=hour_ago - timedelta(hours=1)), event(row)
    sent = event(row, "sent")
    wanted = {"since": hour_ago.isoformat()}
    assert acme.post(client, f"webhooks/{made['id']}/replay", {**wanted, "preview": True}).json() == {"events": 1, "preview": True}
    assert WebhookEvent.objects.get(pk=lost.pk).state == "failed"
    assert acme.post(client, f"webhooks/{made['id']}/replay", wanted).json() == {"events": 1, "preview": False}
    assert {row.pk: (row.state, row.tries) for row in WebhookEvent.objects.all()} == {old.pk: ("failed", 3), lost.pk: ("pending", 0), sent.pk: ("sent", 3)}
    assert acme.post(client, f"webhooks/{made['id']}/replay", {"event_id": sent.pk}).json()["events"] == 1
    assert WebhookEvent.objects.get(pk=sent.pk).state == "pending"


@pytest.mark.parametrize("wrong", [{}, {"since": "yesterday"}, {"since": SINCE, "event_id": 1}, {"event_id": "1"}, {"since": SINCE, "all": True}])
def test_a_replay_says_what_it_wants(client: Client, acme: Sender, wrong: dict[str, Any]) -> None:
    made = make(client, acme)
    assert acme.post(client, f"webhooks/{made['id']}/replay", wrong).status_code == 422


def test_the_log_is_paged_and_told_with_its_event(client: Client, acme: Sender) -> None:
    made = make(client, acme)
    row = WebhookEndpoint.objects.get()
    events = [event(row, "sent" if number % 2 else "failed") for number in range(5)]
    first = acme.get(client, f"webhooks/{made['id']}/log", limit=3).json()
    rest = acme.get(client, f"webhooks/{made['id']}/log", limit=3, cursor=first["next_cursor"]).json()
    assert [each["event_id"] for each in first["data"] + rest["data"]] == [each.pk for each in reversed(events)]
    assert first["data"][0]["webhook_id"] == str(events[-1]) and first["data"][0]["type"] == "message.bounced"
    assert len(acme.get(client, f"webhooks/{made['id']}/log", failed="true").json()["data"]) == 3
    assert len(acme.get(client, f"webhooks/{made['id']}/log", event=events[0].pk).json()["data"]) == 1


def test_tests_do_not_pile_up(client: Client, acme: Sender) -> None:
    made = make(client, acme)
    answers = [acme.post(client, f"webhooks/{made['id']}/test", {}).status_code for _ in range(MOST_TESTS + 1)]
    assert answers == [202] * MOST_TESTS + [409]


def test_another_tenants_endpoint_is_not_there(client: Client, acme: Sender, other: Sender) -> None:
    made = make(client, acme)
    lost = event(WebhookEndpoint.objects.get())
    path = f"webhooks/{made['id']}"
    assert other.get(client, path).status_code == 404
    assert other.get(client, f"{path}/log").status_code == 404
    assert patch(client, other, made["id"], {"url": "https://127.0.0.1:9443/theirs"}).status_code == 404
    assert client.delete(f"/api/v1/{path}", **other.auth).status_code == 404
    for action, data in (("rotate", {}), ("test", {}), ("replay", {"event_id": lost.pk}), ("replay", {"since": "2020-01-01T00:00:00Z"})):
        assert other.post(client, f"{path}/{action}", data).status_code == 404, action
    assert other.get(client, "webhooks").json()["data"] == []
    assert (WebhookEndpoint.objects.get().url, WebhookEvent.objects.get(pk=lost.pk).state) == (URL, "failed")
    mine = make(client, other)
    assert other.post(client, f"webhooks/{mine['id']}/replay", {"event_id": lost.pk}).status_code == 404, "an event of another's endpoint"
    assert other.get(client, f"webhooks/{mine['id']}/log", event=lost.pk).json()["data"] == []
    assert other.post(client, "webhooks", {"url": URL, "streams": ["nobodys"]}).status_code == 422


def test_a_key_without_the_scope_does_nothing_here(client: Client, acme: Sender) -> None:
    _, plain = keys.make_key(acme.tenant, "sends", ["messages:send"])
    assert client.get("/api/v1/webhooks", HTTP_AUTHORIZATION=f"Bearer {plain}").status_code == 403


def test_a_removed_endpoint_hears_no_more(client: Client, acme: Sender) -> None:
    made = make(client, acme)
    assert client.delete(f"/api/v1/webhooks/{made['id']}", **acme.auth).status_code == 204
    assert acme.send(client).status_code == 202
    assert not WebhookEvent.objects.exists()
