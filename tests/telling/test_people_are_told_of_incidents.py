"""An incident reaches mail, webhook, chat and pager; it is told once, escalates, ends; a slow or dead channel holds nobody back."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from delivery.webhooks.signature import new_secret
from mailplatform.shell.clock import now
from monitoring.alerts import incidents
from monitoring.alerts.models import AlertRule, Incident, IncidentEntry, Silence
from monitoring.metrics.models import MonitoringPolicy
from monitoring.telling.asked import send_test, who_will_be_told
from monitoring.telling.hours import on_call
from monitoring.telling.models import Telling
from monitoring.telling.plan import plan
from monitoring.telling.secret import sealed
from monitoring.telling.send import Send
from tests.telling.mailhost import MailHost, channel, incident, mail_route
from tests.webhooks.receiver import Receiver, authority, certified

pytestmark = pytest.mark.django_db(transaction=True)


def until(send: Send, condition: Callable[[], object], at: datetime | None = None) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, list(Telling.objects.values("key", "state", "answer"))
        send.step(at or now())
        time.sleep(0.02)
    send.end()


def all_settled() -> bool:
    return not Telling.objects.filter(state="waiting", due_at__lte=now() + timedelta(hours=5)).exists()


def test_all_kinds_of_channels_hear_of_it_and_of_its_end(tmp_path: Path, settings: Any) -> None:
    ca, settings.EXTRA_CA_FILE = authority(tmp_path)
    secret = new_secret()
    with Receiver(certified(tmp_path, ca, "localhost")) as heard, MailHost(certified(tmp_path, ca, "localhost")) as host:
        mail_route(host.port)
        channel("email", address="one@example.com, two@example.com")
        channel("webhook", secret_encrypted=sealed(url=heard.url("/signed", "localhost"), secret=secret))
        channel("slack", secret_encrypted=sealed(url=heard.url("/slack", "localhost")))
        channel("pagerduty", secret_encrypted=sealed(url=heard.url("/pager", "localhost"), routing_key="R0"))
        one = incident()
        assert (plan(now()), plan(now())) == (4, 0)
        until(Send(), all_settled)
        incidents.acknowledge(one, "Ada")
        assert plan(now()) == 1
        until(Send(), all_settled)
        incidents.resolve(one, "Ada")
        assert plan(now()) == 4
        until(Send(), all_settled)
        by_path = {path: [each for each in heard.heard if each.path == path] for path in ("/signed", "/slack", "/pager")}
        letters = host.letters
    assert set(Telling.objects.values_list("state", flat=True)) == {"told"}
    assert [letter["Subject"] for letter in letters] == ["[Critical] TLS errors at Outlook are 12 %.", "[Resolved] Over: TLS errors at Outlook are 12 %."]
    assert letters[0]["Auto-Submitted"] == "auto-generated"
    opened, ended = by_path["/signed"]
    assert Webhook(secret).verify(opened.body, opened.headers)["type"] == "incident.opened"
    assert ended.event["data"]["state"] == "resolved"
    assert by_path["/slack"][0].event["attachments"][0]["color"].startswith("#")
    assert [(each.event["event_action"], each.event["dedup_key"]) for each in by_path["/pager"]] == [
        (action, f"mailplatform:incident:{one.pk}") for action in ("trigger", "acknowledge", "resolve")
    ]  # fmt: skip
    assert one.entries.filter(kind=IncidentEntry.Kind.TOLD).count() == 9


def test_a_certificate_of_another_name_gets_no_mail(tmp_path: Path, settings: Any) -> None:
    ca, settings.EXTRA_CA_FILE = authority(tmp_path)
    with MailHost(certified(tmp_path, ca, "elsewhere.example")) as host:
        mail_route(host.port)
        row = send_test(channel("email", address="one@example.com"), "Ada")
        assert (row.state, host.letters) == ("failed", [])
    assert "certificate" in row.answer.lower()


def test_a_server_without_starttls_gets_no_mail_unless_the_route_says_none() -> None:
    with MailHost(None) as host:
        one = channel("email", address="one@example.com")
        mail_route(host.port)
        assert send_test(one, "Ada").state == "failed"
        mail_route(host.port, "none")
        assert send_test(one, "Ada").state == "told"
        assert [letter["Subject"] for letter in host.letters] == ["[Test] Monitoring can reach you"]


def test_a_slow_channel_holds_nobody_back() -> None:
    free = threading.Event()
    with Receiver(answers=lambda _: (204 if free.wait(60) else 500, {}, b"")) as slow, Receiver() as quick:
        channel("slack", "slow", secret_encrypted=sealed(url=slow.url()))
        channel("slack", "quick", secret_encrypted=sealed(url=quick.url()))
        incident()
        plan(now())
        send = Send()
        try:
            deadline = time.monotonic() + 60
            while not Telling.objects.filter(channel__name="quick", state="told"):
                assert time.monotonic() < deadline
                send.step(now())
                time.sleep(0.02)
            assert Telling.objects.get(channel__name="slow").state == "waiting"
        finally:
            free.set()
            send.end()


def test_a_failure_is_tried_again_later_and_another_process_sends_what_a_dead_one_had_in_hand() -> None:
    with Receiver(answers=lambda _: (503, {}, b"")) as receiver:
        channel("slack", secret_encrypted=sealed(url=receiver.url("/hidden-in-the-url")))
        incident()
        plan(now())
        until(Send(), lambda: Telling.objects.filter(tries=1, answer="it answered 503"))
        row = Telling.objects.get()
        assert row.state == "waiting" and timedelta(seconds=20) < row.due_at - now() < timedelta(seconds=31)
        assert row.channel.failing_since and "hidden" not in row.channel.last_problem
        Send().step(now() + timedelta(seconds=31))  # takes it in hand, and is never heard of again
        receiver.answers = lambda _: (204, {}, b"")
        assert Telling.objects.get().tries == 2
        until(Send(), lambda: Telling.objects.filter(state="told"), now() + timedelta(seconds=125))


def test_who_does_not_acknowledge_is_followed_by_the_next_and_who_does_is_not() -> None:
    second = channel("slack", "second", after_minutes=15, secret_encrypted=sealed(url="https://x.example/"))
    at = now()
    one, seen = incident(), incident(subject="other")
    assert plan(at + timedelta(minutes=14)) == 0
    seen.state = "acknowledged"
    seen.save()
    assert plan(at + timedelta(minutes=16)) == 1
    assert Telling.objects.get().incident == one
    assert Telling.objects.get().kind == "escalated"
    assert who_will_be_told(2, at) == [(second, 15, True)]
    one.state = "acknowledged"
    one.save()
    plan(at + timedelta(minutes=17))
    assert Telling.objects.get().state == "dropped"


def test_nobody_is_told_of_what_is_silenced_quiet_a_part_or_switched_off() -> None:
    channel("slack", secret_encrypted=sealed(url="https://x.example/"))
    at = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    night = AlertRule.objects.create(name="night", metric="cpu_share", threshold=1, quiet_from="22:00", quiet_until="06:00")
    whole = incident(source="group:zone", opened_at=at)
    Silence.objects.create(source="group:zone", since=at, until=at + timedelta(hours=1), by="Ada")
    incident(subject="part", parent=whole, opened_at=at)
    incident(1, subject="quiet", rule=night, opened_at=at)
    assert plan(at) == 0
    policy, _ = MonitoringPolicy.objects.update_or_create(id=1, defaults={"telling": False})
    assert plan(at + timedelta(hours=8)) == 0
    policy.telling = True
    policy.save()
    assert plan(at + timedelta(hours=8)) == 2
    incident(2, subject="grave", rule=night, opened_at=at)
    assert plan(at) == 1


def test_what_a_silence_swallowed_is_told_when_it_ends_and_the_incident_does_not() -> None:
    with Receiver() as receiver:
        channel("slack", secret_encrypted=sealed(url=receiver.url()))
        at = now()
        incident(subject="still burning", opened_at=at)
        over = incident(subject="over by then", opened_at=at)
        assert plan(at) == 2
        Silence.objects.create(since=at, until=at + timedelta(hours=1), by="Ada")
        assert plan(at + timedelta(seconds=5)) == 0
        assert list(Telling.objects.values_list("state", flat=True)) == ["dropped", "dropped"]
        Incident.objects.filter(pk=over.pk).update(state="resolved", resolved_at=at + timedelta(minutes=30))
        assert plan(at + timedelta(minutes=59)) == 0
        assert plan(at + timedelta(minutes=61)) == 1
        until(Send(), lambda: Telling.objects.filter(state="told").count() == 1, at + timedelta(minutes=62))
        assert [json.loads(one.body)["text"] for one in receiver.heard] and Telling.objects.get(state="told").incident_id != over.pk
        assert plan(at + timedelta(minutes=63)) == 0


def test_more_than_a_channels_rate_is_said_in_one_word() -> None:
    with Receiver() as receiver:
        channel("slack", per_hour=1, secret_encrypted=sealed(url=receiver.url()))
        for number in range(4):
            incident(subject=str(number))
        plan(now())
        send = Send()
        until(send, lambda: Telling.objects.filter(state="dropped").count() == 3 and Telling.objects.filter(state="told").count() == 1)
        until(Send(), lambda: Telling.objects.filter(state="told").count() == 2, now() + timedelta(hours=1))
        assert json.loads(receiver.heard[1].body)["text"] == "3 more were held back"


def test_a_night_belongs_to_the_day_it_began_on() -> None:
    from datetime import time as clock

    sunday_night, monday_morning = datetime(2026, 3, 1, 23, tzinfo=UTC), datetime(2026, 3, 2, 3, tzinfo=UTC)
    assert on_call(sunday_night, [7], clock(22), clock(6)) and on_call(monday_morning, [7], clock(22), clock(6))
    assert not on_call(monday_morning, [1], clock(22), clock(6))
