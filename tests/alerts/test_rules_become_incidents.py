"""Live: what rules say of a tick becomes incidents, once, whoever judges; what ends them says why."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import resolve as url_of

from mailplatform.shell.models import Notice
from mailplatform.shell.notices import clear_notice, raise_notice
from monitoring.alerts.live import Alerts
from monitoring.alerts.models import AlertRule, Incident
from monitoring.alerts.rules import problems, rule_of
from monitoring.alerts.shipped import SHIPPED, seed_shipped
from monitoring.metrics.models import MonitoringPolicy
from monitoring.metrics.store import Store
from monitoring.metrics.tick import Tick, beginning
from pools.models import Node, Zone

pytestmark = pytest.mark.django_db
TICK = timedelta(seconds=10)
AT = beginning(datetime.now(UTC), 3600) - timedelta(hours=2)
Values = dict[tuple[str, str], dict[str, float]]


def _rule(**more: object) -> AlertRule:
    fields = {"name": "CPU", "metric": "cpu_share", "dimension": "node", "threshold": 0.9, "for_s": 20, "clear_for_s": 10} | more
    return AlertRule.objects.create(**fields)


def _cpu(*of: float) -> Values:
    return {("collect_ms", "all"): {"all": 5.0}, ("cpu_share", "node"): {str(n): value for n, value in enumerate(of, start=1)}}


def _live(ticks: Iterable[Values], by: Alerts | None = None, at: datetime = AT) -> Alerts:
    store, alerts = Store(), by or Alerts()
    for values in ticks:
        tick = Tick(at, values, {("node", "1"): "north-1", ("node", "2"): "north-2"})
        store.keep(tick)
        alerts.step(tick)
        at += TICK
    return alerts


def _open() -> list[Incident]:
    return list(Incident.objects.filter(resolved_at=None).order_by("pk"))


def test_an_incident_opens_follows_its_figure_and_ends_by_itself() -> None:
    rule = _rule(severity=2)
    alerts = _live([_cpu(0.95, 0.1), _cpu(0.97, 0.1)])
    [incident] = _open()
    assert (incident.rule, incident.subject, incident.label, incident.severity) == (rule, "1", "north-1", 2)
    assert incident.sentence == "CPU in use, north-1: 97\u00a0%, above 90\u00a0% for 20\u00a0s" and incident.since == AT and incident.opened_at == AT + TICK
    _live([_cpu(0.99, 0.1)], alerts, AT + 2 * TICK)
    incident.refresh_from_db()
    assert (incident.value, incident.worst) == pytest.approx((0.99, 0.99)) and "99" in incident.sentence
    _live([_cpu(0.2, 0.1)], alerts, AT + 3 * TICK)
    incident.refresh_from_db()
    assert incident.state == "resolved" and incident.resolved_by == "" and incident.resolved_at == AT + 3 * TICK
    assert [entry.kind for entry in incident.entries.all()] == ["opened", "resolved"]


def test_another_process_counts_on_where_the_last_one_stopped() -> None:
    _rule(for_s=30)
    _live([_cpu(0.95), _cpu(0.95)])
    assert _open() == []
    _live([_cpu(0.95)], at=AT + 2 * TICK)
    assert len(_open()) == 1


def test_two_that_judge_the_same_ticks_open_one_incident() -> None:
    _rule()
    one, other = Alerts(), Alerts()
    for n in range(4):
        for alerts in (one, other):
            alerts.step(Tick(AT + n * TICK, _cpu(0.95)))
    assert Incident.objects.count() == 1 and Incident.objects.get().entries.count() == 1


def test_a_step_that_is_rolled_back_is_made_up_for() -> None:
    _rule(for_s=30)
    alerts = _live([_cpu(0.95)])
    broken = _rule(name="broken", metric="memory_share", for_s=0)
    Incident.objects.create(source=f"rule:{broken.pk}x", sentence="unreadable", since=AT, opened_at=AT)
    with pytest.raises(ValueError, match="invalid literal"):
        alerts.step(Tick(AT + TICK, _cpu(0.95)))
    Incident.objects.all().delete()
    _live([_cpu(0.95), _cpu(0.95)], alerts, AT + TICK)
    assert len(_open()) == 1


def test_a_rule_that_is_switched_off_deleted_or_turned_ends_its_incidents() -> None:
    for end in ("off", "deleted", "turned"):
        rule = _rule(name=end)
        alerts = _live([_cpu(0.95), _cpu(0.95)], at=AT)
        [incident] = _open()
        if end == "deleted":
            rule.delete()
        else:
            AlertRule.objects.filter(pk=rule.pk).update(**({"enabled": False} if end == "off" else {"metric": "memory_share"}))
        _live([_cpu(0.95)], alerts, AT + 2 * TICK)
        assert _open() == [], end
        assert incident.entries.last().kind == "resolved"
        AlertRule.objects.all().delete()
        MonitoringPolicy.objects.update(judged_at=None)


def test_an_incident_that_a_person_ended_stays_ended_until_it_begins_anew() -> None:
    _rule(for_s=0)
    alerts = _live([_cpu(0.95)])
    Incident.objects.update(state="resolved", resolved_at=AT, resolved_by="ann")
    _live([_cpu(0.95)] * 3, alerts, AT + TICK)
    assert _open() == []
    _live([_cpu(0.1), _cpu(0.95)], alerts, AT + 4 * TICK)
    assert len(_open()) == 1


def test_judging_that_is_switched_off_opens_nothing() -> None:
    MonitoringPolicy.objects.create(pk=1, judging=False)
    _rule(for_s=0)
    _live([_cpu(0.95)] * 3)
    assert _open() == []


def test_shares_are_judged_over_their_window_and_by_who_begins_anew() -> None:
    _rule(metric="deferred_share", dimension="provider", threshold=0.5, window_s=60, for_s=0)

    def mail(attempted: float, deferred: float) -> Values:
        return {("collect_ms", "all"): {"all": 5.0}, ("attempted", "provider"): {"1": attempted}, ("deferred", "provider"): {"1": deferred}}

    alerts = _live([mail(10, 0), mail(5, 5), mail(4, 4)])
    assert _open() == []  # 9 of 19: under the floor of twenty
    _live([mail(1, 1)], alerts, AT + 3 * TICK)
    assert _open() == []  # 10 of 20
    _live([mail(1, 1)], at=AT + 4 * TICK)
    [incident] = _open()  # 11 of 21, by another process, which read the window
    assert incident.value == pytest.approx(11 / 21, abs=1e-4)


def test_a_notice_becomes_an_incident_and_ends_with_it() -> None:
    raise_notice("block_list", "zen.example", "warning", "The list does not answer.", link="/listings/")
    raise_notice("steward_round", "warming", "critical", "It failed.")
    raise_notice("pool_moves", "", "info", "Nothing to do.")
    alerts = _live([_cpu(0.1)])
    assert sorted(one.source for one in _open()) == ["notice:block_list", "notice:steward_round"]
    clear_notice("block_list", "zen.example")
    Notice.objects.filter(kind="steward_round").update(sentence="It failed again.")
    _live([_cpu(0.1)], alerts, AT + TICK)
    assert [one.sentence for one in _open()] == ["It failed again."]
    Incident.objects.filter(resolved_at=None).update(state="resolved", resolved_at=AT + timedelta(days=1), resolved_by="ann", opened_at=AT + timedelta(days=1))
    _live([_cpu(0.1)], alerts, AT + 2 * TICK)
    assert _open() == []


def test_a_notice_that_a_rule_says_too_opens_nothing_of_its_own() -> None:
    seed_shipped()
    raise_notice("drill_overdue", "quarterly", "warning", "It is overdue.")
    alerts = _live([_cpu(0.1)])
    assert _open() == []
    AlertRule.objects.filter(shipped="drills-overdue").update(enabled=False)
    _live([_cpu(0.1)], alerts, AT + TICK)
    assert [one.source for one in _open()] == ["notice:drill_overdue"]


def test_a_dead_zone_is_one_incident_and_not_a_hundred() -> None:
    seed_shipped()
    zones = [Zone.objects.create(name=name, title=name) for name in ("north", "south")]
    nodes = [Node.objects.create(zone=zone, name=f"{zone.name}-{n}") for zone in zones for n in range(4)]
    dead = nodes[4:]

    def values(of: float) -> Values:
        return {
            ("collect_ms", "all"): {"all": 5.0},
            ("agent_silent_s", "node"): {str(node.pk): of if node in dead else 0.1 for node in nodes},
            ("engines_missing", "node"): {str(node.pk): float(of > 0 and node in dead) for node in nodes},
            ("cpu_share", "node"): {str(node.pk): 0.2 for node in nodes if not of or node not in dead},
            ("watcher_silent_s", "zone"): {str(zones[0].pk): 0.1, str(zones[1].pk): of},
        }

    alerts = _live([values(0)] * 3)
    alerts = _live([values(10.0 * n) for n in range(1, 30)], alerts, AT + 3 * TICK)
    told = [one for one in _open() if one.parent_id is None]
    assert [one.label for one in told] == ["Zone south"] and told[0].severity == 2
    parts = told[0].parts.count()
    assert parts == 4 + 4 + 4 + 1 and told[0].sentence.startswith(f"Zone south: {parts}")
    first = Incident.objects.order_by("opened_at", "pk").first()
    assert first is not None and (first.parent == told[0] or first == told[0]), "nobody was told of anything else before"
    assert min(one.opened_at for one in told[0].parts.all()) == told[0].opened_at
    _live([values(0)] * 40, alerts, AT + 32 * TICK)
    assert _open() == []


def test_many_subjects_of_one_rule_are_one_incident() -> None:
    _rule(for_s=0, name="Too busy")
    alerts = _live([_cpu(*[0.95] * 4)])
    assert len([one for one in _open() if one.parent is None]) == 4
    _live([_cpu(*[0.95] * 6)], alerts, AT + TICK)
    assert [one.label for one in _open() if one.parent is None] == ["Too busy"]


def test_shipped_rules_are_put_in_once_and_are_all_right() -> None:
    assert seed_shipped() == len(SHIPPED) and seed_shipped() == 0
    AlertRule.objects.filter(shipped="cpu").delete()
    AlertRule.objects.filter(shipped="disk").update(threshold=0.9)
    assert seed_shipped() == 0 and not AlertRule.objects.filter(shipped="cpu").exists() and AlertRule.objects.get(shipped="disk").threshold == 0.9
    for row in AlertRule.objects.all():
        assert problems(row) == {} and rule_of(row) is not None, row
        assert not row.link or url_of(row.link), row
        assert row.runbook.endswith((".", "?")), row
