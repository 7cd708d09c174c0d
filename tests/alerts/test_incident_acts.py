"""What people do to an incident is done once, is written down, and is refused in words when it cannot be."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from monitoring.alerts import incidents
from monitoring.alerts.models import Incident, IncidentEntry, Silence
from monitoring.metrics.models import MonitoringPolicy
from monitoring.telling.models import Telling
from monitoring.telling.pagerduty import body_of
from monitoring.telling.plan import plan
from monitoring.telling.secret import sealed
from monitoring.telling.send import message_of
from tests.telling.mailhost import channel, incident

pytestmark = pytest.mark.django_db


def kinds(one: Incident) -> list[str]:
    return [entry.kind for entry in incidents.entries(one)]


def test_who_acknowledges_has_it_once() -> None:
    one = incident()
    assert incidents.acknowledge(one, "Ada").done
    again = incidents.acknowledge(one, "Bob")
    assert (again.done, again.refused, again.says) == (False, False, "Ada has acknowledged it already.")
    one.refresh_from_db()
    assert (one.state, one.acknowledged_by, kinds(one)) == ("acknowledged", "Ada", ["acknowledged"])
    assert AuditEntry.objects.filter(action="incident acknowledged", actor="Ada").count() == 1


def test_who_has_a_group_has_its_parts_and_ends_them_with_it() -> None:
    whole = incident(source="group:zone:1")
    inner = incident(source="group:node:1", parent=whole)
    part, other = incident(source="rule:7", parent=inner), incident(source="rule:8")
    incidents.acknowledge(whole, "Ada")
    incidents.resolve(whole, "Ada")
    part.refresh_from_db()
    other.refresh_from_db()
    assert (part.state, part.acknowledged_by, part.resolved_by) == ("resolved", "Ada", "Ada")
    assert kinds(part) == ["acknowledged", "resolved"] and other.state == "open"


def test_what_is_over_is_neither_acknowledged_nor_silenced_nor_ended_and_may_be_noted() -> None:
    one = incident()
    assert incidents.resolve(one, "Ada").done
    at = now()
    for came in (incidents.acknowledge(one, "Bob"), incidents.silence(one, at + timedelta(hours=1), "Bob"), incidents.resolve(one, "Bob")):
        assert came.refused and came.says.startswith("It is over already, since ") and came.says.endswith(" by Ada.")
    assert incidents.note(one, "Bob", "A cable was loose.").done
    assert kinds(one) == ["resolved", "note"] and not Silence.objects.exists()


def test_a_silence_ends_by_itself_and_within_a_week() -> None:
    one, at = incident(subject="1"), now()
    assert "in the future" in incidents.silence(one, at - timedelta(seconds=1), "Ada").says
    assert "7 days at most" in incidents.silence(one, at + timedelta(days=8), "Ada").says
    assert kinds(one) == [] and not Silence.objects.exists()
    until = at + timedelta(hours=1)
    assert incidents.silence(one, until, "Ada", "being mended").done
    assert not incidents.silence(one, until, "Ada", "being mended").done
    assert incidents.silence(one, until + timedelta(hours=3), "Bob").done  # the last word holds, in the one silence
    found = incidents.silenced(one, at + timedelta(hours=2))
    assert found is not None and found.by == "Bob" and Silence.objects.count() == 1
    assert incidents.silenced(one, until + timedelta(hours=4)) is None
    assert incidents.silenced(incident(subject="other"), at + timedelta(hours=2)) is None


def test_a_silence_is_ended_and_a_wider_one_is_named() -> None:
    one, at = incident(), now()
    incidents.silence(one, at + timedelta(hours=1), "Ada")
    assert incidents.end_silence(one, "Bob").done
    assert incidents.silenced(one, now()) is None and Silence.objects.get().ended_by == "Bob"
    assert not incidents.end_silence(one, "Bob").done
    Silence.objects.create(since=at, until=at + timedelta(hours=2), by="Eve")  # of everything
    wider = incidents.end_silence(one, "Bob")
    assert wider.refused and "wider silence of Eve" in wider.says
    assert kinds(one) == ["silenced", "silenced"]


def test_a_note_says_something_and_is_written_once() -> None:
    one = incident()
    assert incidents.note(one, "Ada", "   ").refused and incidents.note(one, "Ada", "x" * 4001).refused
    assert incidents.note(one, "Ada", "Looking at it.").done
    assert not incidents.note(one, "Ada", "Looking at it. ").done
    assert incidents.note(one, "Bob", "Looking at it.").done
    assert kinds(one) == ["note", "note"]


def test_the_worst_comes_first_and_of_the_same_what_nobody_has_seen() -> None:
    seen, minor, unseen = incident(subject="a"), incident(0, subject="b"), incident(subject="c")
    incidents.acknowledge(seen, "Ada")
    incidents.resolve(incident(subject="d"), "Ada")
    assert list(incidents.open_incidents()) == [unseen, seen, minor]


def test_a_pager_is_told_who_has_it_and_others_are_not() -> None:
    channel("pagerduty", secret_encrypted=sealed(url="https://x.example/", routing_key="R0"))
    channel("slack", secret_encrypted=sealed(url="https://x.example/"))
    one = incident()
    assert plan(now()) == 2
    incidents.acknowledge(one, "Ada")
    assert plan(now()) == 0  # it has not heard of it yet, and will not
    Telling.objects.update(state="told")
    assert (plan(now()), plan(now())) == (1, 0)
    row = Telling.objects.get(kind="acknowledged")
    assert row.channel.kind == "pagerduty"
    assert body_of(message_of(row), "R0") == {"routing_key": "R0", "dedup_key": f"mailplatform:incident:{one.pk}", "event_action": "acknowledge"}
    incidents.resolve(one, "Ada")
    plan(now())
    row.refresh_from_db()
    assert row.state == "dropped"  # what is over is not acknowledged any more


@pytest.mark.django_db(transaction=True)
def test_of_two_who_acknowledge_at_once_one_has_it() -> None:
    one = incident()
    together = threading.Barrier(6)
    came: dict[str, incidents.Came] = {}

    def press(who: str) -> None:
        try:
            together.wait(30)
            came[who] = incidents.acknowledge(one, who)
        finally:
            connection.close()

    people = [threading.Thread(target=press, args=(f"person {n}",)) for n in range(6)]
    for person in people:
        person.start()
    for person in people:
        person.join(30)
    done = [who for who, of in came.items() if of.done]
    one.refresh_from_db()
    assert len(came) == 6 and done == [one.acknowledged_by]
    assert IncidentEntry.objects.count() == 1 and AuditEntry.objects.count() == 1
    assert {of.says for of in came.values() if not of.done} == {f"{done[0]} has acknowledged it already."}


@pytest.mark.django_db(transaction=True)
def test_a_person_and_the_judging_of_a_tick_do_not_lock_each_other_out() -> None:
    whole = incident(source="group:zone:1")
    part = incident(source="rule:7", parent=whole)
    came: list[incidents.Came] = []

    def press() -> None:
        try:
            came.append(incidents.acknowledge(whole, "Ada"))
        finally:
            connection.close()

    MonitoringPolicy.objects.create(pk=1)
    person = threading.Thread(target=press)
    with transaction.atomic():  # as a tick does: its own lock, a part, and then the whole
        MonitoringPolicy.objects.select_for_update().get(pk=1)
        Incident.objects.filter(pk=part.pk).update(value=1.0)
        person.start()
        _until_somebody_waits()
        Incident.objects.filter(pk=whole.pk).update(sentence="Worse.")
    person.join(30)
    assert [one.done for one in came] == [True]
    whole.refresh_from_db()
    part.refresh_from_db()
    assert (whole.state, whole.sentence, part.state, part.value) == ("acknowledged", "Worse.", "acknowledged", 1.0)


def _until_somebody_waits() -> None:
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database()")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits")
