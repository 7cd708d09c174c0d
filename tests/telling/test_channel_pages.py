"""Pages of channels: made, tried, routed and ended by who may edit alerts; everybody of the platform looks, tenants see nothing, secrets never come back."""

import re
from datetime import UTC, datetime, time, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from monitoring.metrics.models import MonitoringPolicy
from monitoring.telling.hours import next_on_call, words
from monitoring.telling.models import Channel, MailRoute, Telling, TellStep
from monitoring.telling.secret import ROUTING, SIGNING, URL, opened, sealed
from tests.alerts.people import signed_in
from tests.telling.mailhost import channel, incident
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db
SECRET = "https://127.0.0.1/services/T0/B0/very-secret"


def read(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status, url
    return text(response)


def text(response: Any) -> str:
    return " ".join(re.sub(r"<(?!input)[^>]+>", " ", unescape(response.content.decode())).split())


def test_a_channel_of_each_kind_is_made_by_its_form() -> None:
    client = signed_in("staff")
    client.post("/channels/make/", {"kind": "email", "name": "Night shift", "address": "a@example.com,b@example.com", "per_hour": "5", "tells_resolved": "on"})
    made = {"weekdays": ["1", "2"], "from_time": "22:00", "until_time": "06:00", "per_hour": "60"}
    client.post("/channels/make/", {"kind": "slack", "name": "#ops", "url": SECRET, **made})
    client.post("/channels/make/", {"kind": "pagerduty", "name": "Pager", "routing_key": "R0very-secret", "per_hour": "60"})
    shown = client.post("/channels/make/", {"kind": "webhook", "name": "Hook", "url": SECRET, "per_hour": "60"})
    mail, chat, pager, hook = (Channel.objects.get(kind=kind) for kind in ("email", "slack", "pagerduty", "webhook"))
    assert (mail.address, mail.per_hour, mail.tells_resolved) == ("a@example.com, b@example.com", 5, True)
    assert (chat.weekdays, chat.from_time, chat.tells_resolved) == ([1, 2], time(22), False)
    assert opened(chat.secret_encrypted) == {URL: SECRET} and opened(pager.secret_encrypted) == {ROUTING: "R0very-secret"}
    assert opened(hook.secret_encrypted)[SIGNING] in text(shown), "shown this once"
    everything = "".join(read(client, url) for url in ("/channels/", f"/channels/{chat.pk}/", f"/channels/{pager.pk}/", f"/channels/{hook.pk}/"))
    assert "very-secret" not in everything and opened(hook.secret_encrypted)[SIGNING] not in everything
    assert "https://127.0.0.1/…" in everything and "Mon, Tue, 22:00–06:00" in everything
    assert AuditEntry.objects.filter(action="channel made", actor="staff@platform.example").count() == 4
    assert not [one for one in AuditEntry.objects.all() if "very-secret" in f"{one.sentence}{one.detail}"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"kind": "slack", "url": "https://192.0.2.1/very-secret"}, "not connected to"),
        ({"kind": "slack"}, "This field is required"),
        ({"kind": "email", "address": "nobody"}, "nobody is not a mail address"),
        ({"kind": "email", "address": "a@example.com", "from_time": "08:00"}, "Give both"),
        ({"kind": "email", "address": "a@example.com", "from_time": "08:00", "until_time": "08:00"}, "leave both empty"),
        ({"kind": "email", "address": "a@example.com", "per_hour": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_work_is_said_beside_the_form_without_the_secret(given: dict[str, str], why: str) -> None:
    response = signed_in("staff").post("/channels/make/", {"name": "x", "per_hour": "9", **given})
    assert response.status_code == 422 and why in text(response)
    assert "very-secret" not in response.content.decode() and not Channel.objects.exists()


def test_a_change_keeps_the_secret_and_does_not_send_it_elsewhere() -> None:
    client = signed_in("staff")
    one = channel("pagerduty", "Pager", secret_encrypted=sealed(routing_key="R0", url="https://127.0.0.1/"))
    assert client.post(f"/channels/{one.pk}/keep/", {"name": "Pager of the night", "per_hour": "7"}).status_code == 302
    one.refresh_from_db()
    assert (one.name, opened(one.secret_encrypted)[ROUTING]) == ("Pager of the night", "R0")
    refused = client.post(f"/channels/{one.pk}/keep/", {"name": "Pager", "per_hour": "7", "url": "https://127.0.0.2/"})
    assert refused.status_code == 422 and "not sent to another URL" in text(refused)
    hook = channel("webhook", secret_encrypted=sealed(url=SECRET, secret="whsec_old"))
    assert b"whsec_" in client.post(f"/channels/{hook.pk}/renew/").content
    hook.refresh_from_db()
    assert opened(hook.secret_encrypted)[SIGNING] != "whsec_old" and opened(hook.secret_encrypted)[URL] == SECRET
    assert client.post(f"/channels/{one.pk}/renew/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_test_is_sent_and_its_answer_shown() -> None:
    client = signed_in("staff")
    with Receiver() as receiver:
        one = channel("slack", "#ops", secret_encrypted=sealed(url=receiver.url("/very-secret")))
        assert "The test reached #ops: it answered 204." in text(client.post(f"/channels/{one.pk}/test/", follow=True))
        receiver.answers = lambda _: (404, {}, b"")
        told = text(client.post(f"/channels/{one.pk}/test/", {"back": "/channels/"}, follow=True))
    assert "The test did not reach #ops: it answered 404." in told and "failing" in told and len(receiver.heard) == 2
    page = read(client, f"/channels/{one.pk}/")
    assert "#ops takes nothing since" in page and "very-secret" not in page and page.count("[Test] Monitoring can reach you") == 2


def test_steps_say_who_is_told_and_the_night_is_asked_about() -> None:
    client = signed_in("staff")
    days = Channel.objects.create(name="Office", kind="email", address="a@example.com", weekdays=[1, 2, 3, 4, 5], from_time=time(8), until_time=time(18))
    night = Channel.objects.create(name="Pager", kind="pagerduty")
    for one, minutes in ((days, 0), (night, 15), (night, 15)):
        client.post("/channels/steps/make/", {"severity": "1", "after_minutes": str(minutes), "channel": str(one.pk)})
    assert TellStep.objects.count() == 2
    client.post("/channels/steps/make/", {"severity": "9", "after_minutes": "x", "channel": "4711"})
    assert TellStep.objects.count() == 2
    page = read(client, "/channels/?severity=2&at=2026-11-28T03:00")  # a Saturday
    told = page.partition("Who would be told")[2]
    assert "Office at once off call told at Mon 08:00" in told and "Pager after 15 min on call" in told
    assert "Warning and worse at once Office" in page.replace("  ", " ")
    step = TellStep.objects.get(after_minutes=15)
    client.post(f"/channels/steps/{step.pk}/drop/")
    assert TellStep.objects.count() == 1
    assert AuditEntry.objects.filter(sentence="From now on Pager is told of warning incidents and worse ones when nobody has acknowledged for 15 min.").exists()
    assert read(client, "/channels/?severity=no&at=0001-01-01T00:00")


def test_the_first_line_says_whether_anybody_would_hear() -> None:
    client = signed_in("viewer")
    assert "there is no channel yet" in read(client, "/channels/")
    one = Channel.objects.create(name="Pager", kind="pagerduty")
    assert "Nobody would be told of a critical incident at once." in read(client, "/channels/")
    TellStep.objects.create(severity=1, after_minutes=0, channel=one)
    later = Channel.objects.create(name="Boss", kind="email", address="b@example.com")
    TellStep.objects.create(severity=2, after_minutes=30, channel=later)
    assert "Of a critical incident Pager would be told at once, Boss after 30 min." in read(client, "/channels/")
    Channel.objects.filter(pk=one.pk).update(failing_since=now())
    assert "Pager takes nothing since" in read(client, "/channels/")
    staff = signed_in("staff")
    staff.post("/channels/telling/", {"on": "no"})
    assert "Nobody is told of anything: that is switched off." in read(client, "/channels/live/")
    staff.post(f"/channels/{later.pk}/switch/", {"on": "no"})
    assert "Boss is off" in read(client, f"/channels/{later.pk}/")


def test_the_mail_route_keeps_its_password_and_sends_it_to_no_other_host() -> None:
    client = signed_in("staff")
    given = {"route-host": "mail.example.com", "route-port": "587", "route-security": "starttls", "route-sender": "a@example.com", "route-user": "ada"}
    assert client.post("/channels/route/", {**given, "route-password": "hunter2"}).status_code == 302
    kept = bytes(MailRoute.objects.get().password_encrypted or b"")
    assert client.post("/channels/route/", {**given, "route-port": "465", "route-security": "tls"}).status_code == 302
    assert bytes(MailRoute.objects.get().password_encrypted or b"") == kept and "hunter2" not in read(client, "/channels/")
    refused = (({"route-host": "evil.example"}, "not sent to another host"), ({"route-sender": ""}, "needs a From"), ({"route-port": "0"}, "greater"))
    for changed, why in refused:
        response = client.post("/channels/route/", {**given, **changed})
        assert response.status_code == 422 and why in text(response), changed
    assert MailRoute.objects.get().host == "mail.example.com"


def test_the_heartbeats_url_is_kept_sealed_and_ends() -> None:
    client = signed_in("staff")
    refused = client.post("/channels/heartbeat/", {"heartbeat-url": "ftp://example.com/very-secret", "heartbeat-every_s": "60"})
    assert refused.status_code == 422 and "very-secret" not in text(refused)
    client.post("/channels/heartbeat/", {"heartbeat-url": SECRET, "heartbeat-every_s": "60"})
    MonitoringPolicy.objects.update(heartbeat_at=now(), heartbeat_problem="it answered 500")
    client.post("/channels/heartbeat/", {"heartbeat-url": "", "heartbeat-every_s": "30"})
    row = MonitoringPolicy.objects.get()
    assert row.heartbeat_every_s == 30 and b"very-secret" not in bytes(row.heartbeat_url_encrypted or b"")
    page = read(client, "/channels/")
    assert "https://127.0.0.1/…" in page and "it answered 500" in page and "very-secret" not in page
    client.post("/channels/heartbeat/", {"end": "yes"})
    assert MonitoringPolicy.objects.get().heartbeat_url_encrypted is None


def test_the_log_is_filtered_and_paged() -> None:
    one, other, at = channel("slack", "#ops"), channel("email", "Mail", address="a@example.com"), now()
    of = incident(sentence="<script>x</script>")
    said = {"kind": "opened", "text": "", "created_at": at, "due_at": at, "incident": of}
    for n in range(60):
        Telling.objects.create(key=f"{n}", channel=one, subject=f"number {n:02d}", state="told", answer="it answered 200", **said)
    Telling.objects.create(key="no", channel=other, subject="<b>lost</b>", state="failed", answer="it said <i>no</i>", **said)
    client = signed_in("viewer")
    first = read(client, "/channels/log/")
    assert "number 59" in first and "number 05" not in first and "number 05" in read(client, f"/channels/log/?below={Telling.objects.get(key='10').pk}")
    failed = client.get("/channels/log/?state=failed").content.decode()
    assert "number" not in failed and "&lt;b&gt;lost" in failed and "<i>no" not in failed
    assert "number" not in read(client, f"/channels/log/?channel={other.pk}") and "number 59" in read(client, "/channels/log/?channel=x&state=x&kind=x")
    assert "number 59" in read(client, f"/channels/{one.pk}/") and "lost" not in read(client, f"/channels/{one.pk}/")


@pytest.mark.parametrize("role", ["viewer", "staff", "operator", "administrator", "tenant"])
def test_who_may_look_and_who_may_change(role: str) -> None:
    one, client = channel("email", "Mail", address="a@example.com"), signed_in(role)
    looks, changes = role != "tenant", role in ("staff", "administrator")
    for url in ("/channels/", "/channels/live/", "/channels/log/", f"/channels/{one.pk}/"):
        assert client.get(url).status_code == (200 if looks else 403), url
    assert client.get("/channels/new/?kind=email").status_code == (200 if changes else 403)
    step = one.steps.get()
    of_one = (f"{one.pk}/{what}/" for what in ("keep", "switch", "delete"))
    acts = ("make/", "steps/make/", f"steps/{step.pk}/drop/", "telling/", "route/", "heartbeat/", *of_one)
    for act in acts:
        response = client.post(f"/channels/{act}", {"kind": "email"})
        assert (response.status_code in (302, 422)) if changes else response.status_code == 403, act
        assert client.get(f"/channels/{act}").status_code == (405 if changes else 403), act
    assert Channel.objects.exists() != changes
    if changes:
        assert client.get("/channels/new/?kind=fax").status_code == 404 and client.get(f"/channels/{one.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("at", "weekdays", "start", "end", "then"),
    [
        ("2026-11-28T03:00", [], None, None, "2026-11-28T03:00"),
        ("2026-11-28T03:00", [1], None, None, "2026-11-30T00:00"),
        ("2026-11-28T03:00", [], time(8), time(18), "2026-11-28T08:00"),
        ("2026-11-28T03:00", [5], time(22), time(6), "2026-11-28T03:00"),
        ("2026-11-28T07:00", [5], time(22), time(6), "2026-12-04T22:00"),
    ],
)
def test_who_is_off_call_hears_when_their_hours_begin(at: str, weekdays: list[int], start: time | None, end: time | None, then: str) -> None:
    begins = next_on_call(datetime.fromisoformat(at).replace(tzinfo=UTC), weekdays, start, end)
    assert begins == datetime.fromisoformat(then).replace(tzinfo=UTC)


def test_hours_are_said_in_words() -> None:
    assert words([], None, None) == "always" == words([1, 2, 3, 4, 5, 6, 7], None, None)
    assert words([1, 2, 3, 4, 5], time(8), time(18)) == "Mon–Fri, 08:00–18:00" and words([6, 7], None, None) == "Sat, Sun"


def test_a_rate_is_shown_with_what_went_of_it() -> None:
    one, at = channel("email", "Mail", address="a@example.com", per_hour=7), now()
    for n, minutes in enumerate((1, 59, 61)):
        when = at - timedelta(minutes=minutes)
        Telling.objects.create(
            key=f"{n}", channel=one, kind="opened", subject="", text="", state="told", answer="taken", created_at=when, due_at=when, told_at=when
        )
    assert "2 of 7" in read(signed_in("viewer"), "/channels/")
