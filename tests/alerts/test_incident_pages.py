"""Pages of incidents: the worst first, one with all that is known of it; who may look may not always act, and tenants see nothing of it."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from mailplatform.shell.notices import raise_notice
from monitoring.alerts import incident_pages, incidents
from monitoring.alerts.incident_chart import chart_of
from monitoring.alerts.models import AlertRule, Incident, IncidentEntry, Silence
from monitoring.metrics.catalog import METRICS, Kind
from monitoring.metrics.models import MonitoringPolicy
from monitoring.metrics.tick import beginning
from monitoring.telling.models import Telling
from monitoring.telling.secret import sealed
from tests.alerts.people import measured, signed_in
from tests.telling.mailhost import channel, incident

pytestmark = pytest.mark.django_db


def rule(**changed: Any) -> AlertRule:
    given = {"name": "CPU", "metric": "cpu_share", "dimension": "node", "threshold": 0.9, "clear": 0.8, "runbook": "Find the process.\n\nEnd it."}
    return AlertRule.objects.create(**{**given, **changed})


def of_rule(one: AlertRule, **changed: Any) -> Incident:
    at = now()
    given = {
        "source": f"rule:{one.pk}", "rule": one, "dimension": "node", "subject": "1", "label": "north-1", "metric": "cpu_share", "value": 0.95, "worst": 0.97,
        "threshold": 0.9, "since": at - timedelta(minutes=4), "opened_at": at - timedelta(minutes=1), "sentence": "CPU in use, north-1: 95 %", "severity": 1,
    }  # fmt: skip
    return Incident.objects.create(**{**given, **changed})


def read(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return unescape(response.content.decode())


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_worst_stands_on_top_with_its_parts_and_what_ended_below() -> None:
    whole = incident(source="group:zone:1", sentence="Zone north: 2 things are wrong at once.")
    part = of_rule(rule(), parent=whole)
    minor = incident(1, subject="minor", sentence="The queue is old.")
    incidents.acknowledge(minor, "Ada")
    over = incident(subject="over", sentence="That was wrong.")
    incidents.resolve(over, "Bob")
    page = read(signed_in("viewer"), "/incidents/")
    assert "2 incidents are open, 1 of them critical; nobody has acknowledged 1." in words(page)
    assert [page.index(one.sentence) for one in (whole, part, minor, over)] == sorted(page.index(one.sentence) for one in (whole, part, minor, over))
    assert "1 part, not told by itself" in words(page) and "acknowledged by Ada" in words(page) and "by Bob" in words(page)
    assert "Incidents 2 open" in words(page)


def test_filters_ask_by_severity_state_and_rule() -> None:
    one, client = of_rule(rule(), sentence="CPU is busy."), signed_in("viewer")
    incident(subject="b", sentence="The queue is old.")
    gone = of_rule(rule(name="gone"), subject="2", sentence="The disk was full.")
    incidents.resolve(gone, "Ada")

    def shown(query: str) -> list[bool]:
        page = read(client, f"/incidents/?{query}").partition("</nav>")[2]
        return [sentence in page for sentence in ("CPU is busy.", "The queue is old.", "The disk was full.")]

    assert shown("") == [True, True, True]
    assert shown("severity=warning") == [True, False, True]
    assert shown(f"rule={one.rule_id}") == [True, False, False]
    assert shown("state=open") == [True, True, False] and shown("state=acknowledged") == [False, False, False]
    assert shown("state=resolved") == [False, False, True]
    assert shown("severity=no&state=no&rule=no&below=x") == [True, True, True]


def test_nothing_open_says_so_and_what_is_switched_off_too() -> None:
    MonitoringPolicy.objects.create(pk=1, telling=False)
    page = words(read(signed_in("viewer"), "/incidents/"))
    assert "No incident is open." in page and "Nobody is told: that is switched off." in page


def test_one_incident_says_what_who_and_what_to_do() -> None:
    at = beginning(now(), 10)
    measured(at)
    one = of_rule(rule(), since=at - timedelta(minutes=4))
    IncidentEntry.objects.create(incident=one, at=one.opened_at, kind="opened", sentence="It has been above 90 % for 3 min.")
    channel("pagerduty", after_minutes=15, secret_encrypted=sealed(url="https://x.example/"))
    mail = channel("email")
    said = {"state": "told", "told_at": at, "answer": "taken", "subject": "", "text": "", "created_at": at, "due_at": at}
    Telling.objects.create(key=f"incident:{one.pk}:opened:0:{mail.pk}", incident=one, channel=mail, kind="opened", **said)
    for before, sentence in ((3, "Drained south-1."), (2, "Moved all mail to north-1.")):
        AuditEntry.objects.create(at=one.since - timedelta(minutes=before), actor="eve@platform.example", action="done", target="mail", sentence=sentence)
    incident(subject="earlier", opened_at=one.opened_at - timedelta(days=1), source=one.source, dimension="node")
    incidents.note(one, "Ada", "A backup runs.")
    page = read(signed_in("operator"), f"/incidents/{one.pk}/")
    told = words(page)
    assert "95\xa0%" in page and "97\xa0%" in page and "Fires above 90\xa0%" in told.replace("90 %", "90\xa0%")
    assert "Find the process." in told and "It has been above 90 % for 3 min." in told and "A backup runs. Ada, a note" in told
    assert "pagerduty is told in" in told and "email told taken" in told
    assert "Moved all mail to north-1." in told and "Drained south-1." not in told, "what is of another node is left out"
    for button in ("Acknowledge", "Silence", "Resolve", "Note it"):
        assert f">{button}</" in page
    chart = json.loads(page.partition('data-chart="')[2].partition('"></div>')[0])
    assert [series["name"] for series in chart["series"]] == ["cpu in use", "fires above 90\xa0%", "well below 80\xa0%"]
    known = [value for value in chart["series"][0]["values"] if value is not None]
    assert chart["percent"] and max(known) > 0.9 and [mark[1] for mark in chart["marks"]] == ["began", "opened"]
    assert [event[1] for event in chart["events"]] == ["A"] and len(chart["bands"]) == 1


@pytest.mark.parametrize(
    ("metric", "subject", "threshold", "low", "high", "unit"),
    [
        ("tls_error_share", ("provider", "7"), 0.05, 0.1, 0.2, ""),
        ("tls_errors", ("provider", "7"), 50, 600, 1000, ""),
        ("database_bytes", ("all", "all"), 2e9, 2.9, 3.0, "GB"),
    ],
)
def test_counts_and_shares_are_drawn_as_the_rule_sees_them(
    metric: str, subject: tuple[str, str], threshold: float, low: float, high: float, unit: str
) -> None:
    at = beginning(now(), 10)
    measured(at, 90)
    window_s = None if METRICS[metric].kind is Kind.LEVEL else 600
    of = {"metric": metric, "dimension": subject[0], "threshold": threshold}
    drawn = chart_of(of_rule(rule(**of, clear=None, window_s=window_s), **of, subject=subject[1]), [], at)
    assert drawn is not None and drawn.unit == unit
    known = [value for value in drawn.series[0].values if value is not None]
    assert low <= known[-1] <= high


def test_an_incident_without_a_metric_or_a_rule_has_its_page() -> None:
    notice = incident(source="notice:disk.full", subject="north-1", evidence={"notice": 3, "free_bytes": 12, "deep": {"a": 1}}, link="/nodes/")
    strange = incident(source="rule:999", subject="gone", metric="no_such_metric", dimension="node", value=2.0)
    client = signed_in("staff")
    page = words(read(client, f"/incidents/{notice.pk}/"))
    assert "free bytes 12" in page and "Look there" in page and "deep" not in page
    read(client, f"/incidents/{strange.pk}/")
    for part in ("now", "lines", "told", "chart"):
        read(client, f"/incidents/{notice.pk}/live/{part}/")
    assert client.get(f"/incidents/{notice.pk}/live/other/").status_code == 404 and client.get("/incidents/4711/").status_code == 404


def test_what_strangers_wrote_stays_text() -> None:
    one = incident(sentence="<script>x</script>", label="<b>", source="notice:k", evidence={"reply": "<img src=x>"})
    incidents.note(one, "<i>Ada</i>", "<script>y</script>")
    client = signed_in("operator")
    for url in ("/incidents/", f"/incidents/{one.pk}/", "/"):
        page = client.get(url).content.decode()
        assert "<script>x" not in page and "<script>y" not in page and "<img src=x" not in page and "<i>Ada" not in page, url


@pytest.mark.parametrize("role", ["viewer", "staff", "operator", "administrator", "tenant"])
def test_who_may_act_and_who_may_look(role: str) -> None:
    one, client = incident(), signed_in(role)
    looks, acts = role != "tenant", role in ("staff", "operator", "administrator")
    for url in ("/incidents/", "/incidents/live/", f"/incidents/{one.pk}/", f"/incidents/{one.pk}/live/now/"):
        assert client.get(url).status_code == (200 if looks else 403), url
    for act, said in (("note", {"text": "x"}), ("silence", {"for": "1h"}), ("unsilence", {}), ("acknowledge", {}), ("resolve", {})):
        assert client.post(f"/incidents/{one.pk}/{act}/", said).status_code == (302 if acts else 403), act
        assert client.get(f"/incidents/{one.pk}/{act}/").status_code == (405 if acts else 403), act
    one.refresh_from_db()
    assert (one.state == "resolved") == acts and AuditEntry.objects.count() == (5 if acts else 0)
    if looks:
        page = client.get(f"/incidents/{one.pk}/").content
        assert (b"Note it" in page) == acts
    else:
        assert b"/incidents/" not in client.get("/messages/").content


def test_a_silence_is_chosen_by_a_button_or_a_time() -> None:
    one, client = incident(subject="1"), signed_in("operator")
    url = f"/incidents/{one.pk}/silence/"
    at = now()
    client.post(url, {"for": "4h", "why": "being mended"})
    assert timedelta(hours=3, minutes=59) < Silence.objects.get().until - at <= timedelta(hours=4, seconds=5)
    client.post(url, {"for": "own", "until": f"{at + timedelta(days=2):%Y-%m-%dT%H:%M}"})
    assert Silence.objects.get().until.date() == (at + timedelta(days=2)).date()
    page = client.post(url, {"for": "own", "until": "soon"}, follow=True).content.decode()
    assert "Say until when" in page and "End the silence" in page
    page = client.post(url, {"for": "own", "until": f"{at + timedelta(days=9):%Y-%m-%dT%H:%M}"}, follow=True).content.decode()
    assert "7 days at most" in page


def test_silences_in_force_are_listed_and_ended() -> None:
    one, client, at = of_rule(rule(name="CPU is short")), signed_in("operator"), now()
    incidents.silence(one, at + timedelta(hours=2), "Ada", "being mended")
    wide = Silence.objects.create(since=at - timedelta(hours=1), until=at + timedelta(hours=1), by="Eve")
    Silence.objects.create(since=at - timedelta(hours=2), until=at - timedelta(hours=1), by="Past")
    page = words(read(client, "/incidents/"))
    assert "CPU is short, 1" in page and "being mended" in page and "Everything" in page and "Past" not in page
    assert signed_in("viewer").post(f"/incidents/silences/{wide.pk}/end/").status_code == 403
    for _ in range(2):
        client.post(f"/incidents/silences/{wide.pk}/end/")
    wide.refresh_from_db()
    assert wide.until <= now() and wide.ended_by and AuditEntry.objects.filter(action="silence ended").count() == 1
    page = words(read(client, "/incidents/"))
    assert "Everything" not in page and "CPU is short, 1" in page


def test_the_next_morning_is_todays_in_the_night() -> None:
    assert incident_pages._morning(datetime(2026, 3, 2, 3, 0, tzinfo=UTC)) == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert incident_pages._morning(datetime(2026, 3, 2, 7, 30, tzinfo=UTC)) == datetime(2026, 3, 3, 8, 0, tzinfo=UTC)


def test_the_overview_shows_the_worst_and_each_thing_once() -> None:
    raise_notice("disk.full", "north-1", "critical", "The disk is full.")
    raise_notice("other", "north-1", "warning", "Something else.")
    raise_notice("endpoint_dead", "API", "critical", "The endpoint API is dead.")
    of_rule(rule(shipped="endpoints-dead"), subject="9", sentence="Endpoints that are dead, API: 1")
    one = incident(source="notice:disk.full", subject="north-1", sentence="The disk is full.", label="north-1")
    page = read(signed_in("viewer"), "/overview/notices/")
    assert "The endpoint API is dead." not in page and "Endpoints that are dead, API: 1" in page
    assert page.count("The disk is full.") == 1 and f"/incidents/{one.pk}/" in page and "Something else." in page
    incidents.resolve(one, "Ada")
    page = read(signed_in("viewer"), "/overview/notices/")
    assert "The disk is full." in page and f"/incidents/{one.pk}/" not in page, "its notice is open still"


def test_the_overview_says_how_many_things_wait_for_a_person() -> None:
    raise_notice("disk.full", "north-1", "critical", "The disk is full.")
    for source in ("notice:disk.full", "rule:1"):
        incident(source=source, subject="north-1")
    incident(0, source="rule:2")
    incident(source="rule:3", parent=incident(1, source="group:zone:1"))
    cache.clear()
    assert "3 things wait for a person." in words(read(signed_in("viewer"), "/overview/head/")).replace("\xa0", " ")
