"""Lists page newest first without a gap; one message tells its deliveries, attempts and events; what waits can be cancelled."""

from datetime import timedelta

from django.test import Client

from delivery.models import Attempt, Claimed, Delivery, Event, Ready, Waiting
from mailplatform.shell.clock import now
from mailplatform.shell.ids import attempt_id
from tests.api.world import Sender

ROW = {"tenant_id": 1, "stream_id": 1, "domain_id": 1, "pool_id": 1, "provider_id": 1, "purpose": 0, "recipient": "x", "size_bytes": 1}


def test_pages_hold_every_message_once_newest_first(client: Client, acme: Sender) -> None:
    sent = [acme.send(client, to=f"a{n}@gmail.com").json()["id"] for n in range(7)]
    seen, cursor = [], ""
    while cursor is not None:
        answer = acme.get(client, "messages", limit=3, **({"cursor": cursor} if cursor else {})).json()
        seen += [row["id"] for row in answer["data"]]
        cursor = answer["next_cursor"]
    assert seen == sorted(sent, reverse=True)


def test_filters_narrow_the_list(client: Client, acme: Sender) -> None:
    one = acme.send(client, to=["Anna@GMAIL.com", "bob@gmail.com"], tags=["x"], stream="news").json()["id"]
    acme.send(client, to="carl@gmail.com", tags=["y"])
    for params in ({"recipient": "Anna@gmail.com"}, {"tag": "x"}, {"stream": "news"}, {"recipient": "bob@gmail.com", "tag": "x", "state": "queued"}):
        rows = acme.get(client, "messages", **params).json()["data"]
        assert [(row["id"], row["recipients"], row["states"]) for row in rows] == [(one, 2, {"queued": 2})], params
    later = (now() + timedelta(minutes=1)).isoformat()
    assert acme.get(client, "messages", **{"from": later}).json()["data"] == []
    assert len(acme.get(client, "messages", to=later).json()["data"]) == 2
    assert acme.get(client, "messages", state="delivered").json()["data"] == []


def test_bad_parameters_are_named(client: Client, acme: Sender) -> None:
    bad = {"limit": "0", "cursor": "!!", "state": "lost", "from": "yesterday", "to": "2026-01-01", "page": "2", "tag": "a\0b"}
    for name, value in bad.items():
        answer = acme.get(client, "messages", **{name: value})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)
    assert acme.get(client, "messages/not-an-id").status_code == 404
    assert acme.get(client, "messages", limit="²").status_code == 400


def test_each_live_state_is_told_from_its_queue_table(client: Client, acme: Sender) -> None:
    sent = acme.send(client, to=[f"a{n}@gmail.com" for n in range(6)]).json()
    ids = [each["id"] for each in sent["deliveries"]]
    Waiting.objects.all().delete()
    row = {**ROW, "body_id": sent["id"], "ready_at": now(), "expires_at": now()}
    Ready.objects.create(id=ids[0], **row)
    Claimed.objects.create(id=ids[1], engine_id=1, claimed_at=now(), **row)
    Waiting.objects.create(id=ids[2], why="retry", attempts=1, **row)
    Waiting.objects.create(id=ids[3], why="hold", **row)
    Waiting.objects.create(id=ids[4], why="schedule", **row)
    Delivery.objects.filter(pk=ids[5]).update(final="delivered", done_at=now())
    answer = acme.get(client, f"messages/{sent['id']}").json()
    assert [each["state"] for each in answer["deliveries"]] == ["queued", "sending", "deferred", "held", "scheduled", "delivered"]
    assert acme.get(client, "messages", state="held").json()["data"][0]["states"]["held"] == 1


def test_attempts_and_events_stand_with_their_delivery(client: Client, acme: Sender) -> None:
    sent = acme.send(client, metadata={"order": 1}).json()
    delivery = Delivery.objects.get()
    Attempt.objects.create(
        id=attempt_id(delivery.pk, 1), engine_id=1, ip_id=1, pool_id=1, provider_id=1, started_at=now(), verdict="deferred", reason="soft.greylist",
        fault="destination", phase="rcpt", code=451, enhanced="4.7.1", reply="451 try later", mx_address="127.20.0.1",
    )  # fmt: skip
    Event.objects.create(id=delivery.pk, delivery_id=delivery.pk, tenant_id=acme.tenant.pk, kind="held", at=now(), data={"why": "x"})
    answer = acme.get(client, f"messages/{sent['id']}").json()
    attempt = answer["deliveries"][0]["attempts"][0]
    assert (attempt["number"], attempt["verdict"], attempt["code"], attempt["mx_address"]) == (1, "deferred", 451, "127.20.0.1")
    assert [(each["kind"], each["data"]) for each in answer["events"]] == [("held", {"why": "x"})]
    assert (answer["metadata"], answer["from"]) == ({"order": 1}, "News <news@acme.example>")


def test_cancel_takes_out_what_waits_and_leaves_what_is_being_sent(client: Client, acme: Sender) -> None:
    sent = acme.send(client, to=[f"a{n}@gmail.com" for n in range(3)]).json()
    ids = [each["id"] for each in sent["deliveries"]]
    row = {**ROW, "tenant_id": acme.tenant.pk, "body_id": sent["id"], "ready_at": now(), "expires_at": now()}
    Waiting.objects.filter(pk__in=ids[1:]).delete()
    Ready.objects.create(id=ids[1], **row)
    Claimed.objects.create(id=ids[2], engine_id=1, claimed_at=now(), **row)
    answer = acme.post(client, f"messages/{sent['id']}/cancel", b"").json()
    assert answer["cancelled"] == 2
    assert [each["state"] for each in answer["deliveries"]] == ["cancelled", "cancelled", "sending"]
    assert (Waiting.objects.count(), Ready.objects.count(), Claimed.objects.count()) == (0, 0, 1)
    assert Event.objects.filter(kind="cancelled").count() == 2
    assert acme.post(client, f"messages/{sent['id']}/cancel", b"").json()["cancelled"] == 0


def test_a_scheduled_message_is_cancelled_before_its_time(client: Client, acme: Sender) -> None:
    sent = acme.send(client, send_at=(now() + timedelta(hours=1)).isoformat()).json()
    assert acme.post(client, f"messages/{sent['id']}/cancel", b"").json()["deliveries"][0]["state"] == "cancelled"
    assert not Waiting.objects.exists()


def test_suppressions_are_added_once_listed_and_removed(client: Client, acme: Sender) -> None:
    first = acme.post(client, "suppressions", {"address": "Anna <ANNA@gmail.com>"})
    again = acme.post(client, "suppressions", {"address": "anna@gmail.com", "reason": "complaint"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    for n in range(4):
        acme.post(client, "suppressions", {"address": f"a{n}@gmail.com", "stream": "news"})
    page = acme.get(client, "suppressions", limit=3).json()
    rest = acme.get(client, "suppressions", limit=3, cursor=page["next_cursor"]).json()
    assert [row["address"] for row in page["data"] + rest["data"]] == ["a3@gmail.com", "a2@gmail.com", "a1@gmail.com", "a0@gmail.com", "anna@gmail.com"]
    assert rest["next_cursor"] is None
    assert acme.send(client, to="a0@gmail.com").json()["deliveries"][0]["state"] == "queued"  # suppressed in the stream news alone
    assert acme.send(client, to="a0@gmail.com", stream="news").json()["deliveries"][0]["state"] == "suppressed"
    assert client.delete(f"/api/v1/suppressions/{first.json()['id']}", **acme.auth).status_code == 204
    assert acme.get(client, "suppressions", address="anna@gmail.com").json()["data"] == []
