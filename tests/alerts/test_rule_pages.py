"""Pages of alert rules: how each stands, a form that says what to mend, a preview that keeps nothing, and changes that are written down."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from monitoring.alerts import words
from monitoring.alerts.models import AlertRule, AlertStanding, Incident
from monitoring.alerts.rules import rule_of
from monitoring.alerts.shipped import SHIPPED, row_of, seed_shipped
from monitoring.metrics.catalog import METRICS
from monitoring.metrics.models import MonitoringPolicy
from monitoring.metrics.tick import beginning
from tests.alerts.people import measured, signed_in
from tests.alerts.test_incident_pages import read
from tests.alerts.test_incident_pages import words as plain

pytestmark = pytest.mark.django_db
CPU = {"metric": "cpu_share", "was": "cpu_share", "dimension": "node", "comparison": "above", "threshold": "90 %", "clear": "80 %", "for_s": "2 min",
       "clear_for_s": "1 min", "severity": "1", "name": "CPU"}  # fmt: skip


def _post(url: str, role: str = "staff", client: Client | None = None, **given: Any) -> Any:
    return (client or signed_in(role)).post(url, given)


def test_every_rule_is_said_in_words_and_how_it_stands() -> None:
    seed_shipped()
    at = now()
    firing, pending = AlertRule.objects.get(shipped="tls"), AlertRule.objects.get(shipped="cpu")
    Incident.objects.create(source=f"rule:{firing.pk}", rule=firing, sentence="TLS errors.", since=at, opened_at=at)
    AlertStanding.objects.create(rule=pending, state={"subjects": {"1": {"since": at.isoformat(), "held_s": 30.0, "fired_at": None}}}, at=at)
    AlertRule.objects.filter(shipped="disk").update(enabled=False)
    page = plain(read(signed_in("viewer"), "/alerts/"))
    assert f"1 rule of {len(SHIPPED) - 1} fires: TLS errors at a provider; 1 switched off." in page
    assert "TLS errors, share of connections, each provider: above 5 % for 3 min, summed over 5 min" in page
    assert "breached by 1 subject, not for long enough yet" in page
    only = plain(read(signed_in("viewer"), "/alerts/?show=firing"))
    assert "CPU is short on a node" in only and "A disk fills up" not in only
    MonitoringPolicy.objects.update_or_create(pk=1, defaults={"judging": False})
    assert "No rule is judged: that is switched off." in read(signed_in("viewer"), "/alerts/")


def test_a_draft_is_previewed_on_the_recorded_past_and_kept_nowhere() -> None:
    measured(beginning(now()), ticks=120)
    answer = _post("/alerts/draft/", **{**CPU, "for_s": "30 s"})
    page = plain(answer.content.decode())
    assert "Would have fired 1 time in the last 7 days." in page and "north-1" in page and "95" in page
    assert "Only 20 min of the seven days were recorded." in page
    calm = plain(_post("/alerts/draft/", **{**CPU, "threshold": "99"}).content.decode())
    assert "Would not have fired in the last 7 days." in calm
    assert not AlertRule.objects.exists() and not AuditEntry.objects.exists()


def test_a_rule_is_kept_changed_switched_and_deleted_and_all_of_it_is_written_down() -> None:
    client = signed_in("staff")
    answer = _post("/alerts/keep/", client=client, **CPU)
    rule = AlertRule.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"/alerts/{rule.pk}/"
    assert (rule.threshold, rule.clear, rule.for_s, rule.clear_for_s, rule.dimension, rule.shipped) == (0.9, 0.8, 120, 60, "node", None)
    at = now()
    Incident.objects.create(source=f"rule:{rule.pk}", rule=rule, sentence="CPU.", since=at, opened_at=at)
    seen = rule.updated_at.isoformat()
    assert _post("/alerts/keep/", client=client, **{**CPU, "rule": rule.pk, "seen": seen, "threshold": "95"}).status_code == 302
    stale = _post("/alerts/keep/", client=client, **{**CPU, "rule": rule.pk, "seen": seen, "threshold": "99"})
    assert stale.status_code == 422 and "has changed it meanwhile" in stale.content.decode()
    rule.refresh_from_db()
    assert rule.threshold == 0.95 and rule.changed_by == "staff@platform.example"
    _post(f"/alerts/{rule.pk}/switch/", client=client, on="no")
    assert not Incident.objects.filter(resolved_at=None).exists() and Incident.objects.get().entries.get().sentence == "Its rule was switched off."
    _post(f"/alerts/{rule.pk}/delete/", client=client)
    assert not AlertRule.objects.exists() and Incident.objects.get().rule is None
    said = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert said == ["alert rule made", "alert rule changed", "alert rule switched off", "alert rule deleted"]
    assert AuditEntry.objects.get(action="alert rule changed").detail["changes"] == {"threshold": [0.9, 0.95]}


@pytest.mark.parametrize(("field", "given", "why"), [
    ("threshold", "", "Say from which number on"), ("threshold", "many", "Write it in %"), ("threshold", "300 %", "between 0 and 100"),
    ("clear", "95 %", "at or below the threshold"), ("for_s", "3", "with its unit"), ("for_s", "30 h", "at most 24 hours"),
    ("quiet_from", "22:00", "a beginning and an end"), ("metric", "nonsense", "Keep the rule"), ("dimension", "tenant", "Select a valid choice"),
    ("severity", "9", "Select a valid choice"),
])  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field(field: str, given: str, why: str) -> None:
    answer = _post("/alerts/keep/", **{**CPU, field: given})
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not AlertRule.objects.exists()


def test_another_metric_brings_its_own_suggestions_and_keeps_name_and_severity() -> None:
    form = _post("/alerts/draft/", **{**CPU, "metric": "certificate_days", "severity": "2"}).context["form"]
    assert form["threshold"].value() == "14" and form["dimension"].value() == "endpoint" and form["comparison"].value() == "below"
    assert form["name"].value() == "CPU" and form["severity"].value() == 2 and form["was"].value() == "certificate_days"
    assert _post("/alerts/keep/", **{**CPU, "metric": "certificate_days"}).status_code == 422, "nobody has seen these numbers yet"


def test_a_name_is_taken_once_and_made_when_nobody_says() -> None:
    _post("/alerts/keep/", **CPU)
    assert "There is a rule of this name" in _post("/alerts/keep/", **{**CPU, "name": "cpu"}).content.decode()
    _post("/alerts/keep/", **{**CPU, "name": ""})
    assert AlertRule.objects.filter(name="CPU in use, each node: above 90 %").exists()


def test_a_chart_leads_to_a_rule_of_what_it_shows() -> None:
    measured(beginning(now()), ticks=30)
    form = signed_in("staff").get("/alerts/new/?metric=deferred_share&dimension=provider&subject=7").context["form"]
    assert form["metric"].value() == "deferred_share" and form["subjects"].value() == ["7"] and ("7", "Outlook") in form.fields["subjects"].choices


ROLES = [("viewer", 200, 403), ("operator", 200, 403), ("staff", 200, 302), ("administrator", 200, 302), ("tenant", 403, 403)]


@pytest.mark.parametrize(("role", "looks", "changes"), ROLES)
def test_who_looks_and_who_changes(role: str, looks: int, changes: int) -> None:
    rule = AlertRule.objects.create(name="CPU", metric="cpu_share", dimension="node", threshold=0.9)
    client = signed_in(role)
    assert [client.get(url).status_code for url in ("/alerts/", f"/alerts/{rule.pk}/")] == [looks, looks]
    assert _post(f"/alerts/{rule.pk}/switch/", client=client, on="no").status_code == changes
    assert client.get("/alerts/new/").status_code == (200 if changes == 302 else 403)


def test_every_shipped_rule_says_itself_and_survives_its_form() -> None:
    """What a form shows of a rule is understood as the same rule."""
    seed_shipped()
    client = signed_in("staff")
    for shipped in SHIPPED:
        rule = AlertRule.objects.get(shipped=shipped.key)
        form = client.get(f"/alerts/{rule.pk}/").context["form"]
        given = {name: value for name in form.fields if (value := form[name].value()) not in (None, "")}
        assert _post("/alerts/keep/", client=client, rule=rule.pk, seen=rule.updated_at.isoformat(), **given).status_code == 302, shipped.key
        judged, before = rule_of(AlertRule.objects.get(pk=rule.pk)), rule_of(row_of(shipped))
        assert judged is not None and before is not None
        assert (judged.threshold, judged.clear, judged.at_least, judged.window_s, judged.for_s, judged.clear_for_s, judged.subjects, judged.dimension) == (
            before.threshold, before.clear, before.at_least, before.window_s, before.for_s, before.clear_for_s, before.subjects, before.dimension), shipped.key
        assert words.of_rule(judged).startswith(METRICS[shipped.metric].words)


@pytest.mark.parametrize(("metric", "said", "value"), [
    ("cpu_share", "5 %", 0.05), ("cpu_share", "0.3", 0.003), ("queue_ready", "20k", 20_000), ("queue_ready", "1,500", 1500), ("queue_oldest_s", "5 min", 300),
    ("database_bytes", "20 GB", 20e9), ("certificate_days", "14", 14), ("watcher_gap_ms", "1.5 s", 1500),
])  # fmt: skip
def test_numbers_are_understood_as_people_write_them(metric: str, said: str, value: float) -> None:
    about = METRICS[metric]
    assert words.read_amount(about, said) == pytest.approx(value)
    assert words.read_amount(about, words.amount(about, value)) == pytest.approx(value)
    with pytest.raises(words.NotANumber):
        words.read_amount(about, "1e999 furlongs")


def test_nobody_judges_while_a_rule_changes() -> None:
    """The policy's row is held: what a tick writes of a rule is of one state of it."""
    _post("/alerts/keep/", **CPU)
    assert MonitoringPolicy.objects.filter(pk=1).exists() and now() - AlertRule.objects.get().updated_at < timedelta(minutes=1)
