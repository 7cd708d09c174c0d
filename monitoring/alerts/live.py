"""Live: rules are judged at every tick, and what changes becomes incidents.

Owns: how rules stand, and when was judged last. Promises: a tick is judged once, whoever judges: how rules stand and what became of it are one transaction,
under the lock of the policy's row; who takes over counts on where the last one stopped. A clock that jumps or a gap fires nothing. Never: tells anybody
(`telling` does). How it fails: as the database does; the next tick goes on, and a breach that had not fired begins anew if it was long.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from monitoring.alerts import noticed, sentences, together
from monitoring.alerts.judge import Change, Rule, Standing, What, from_json, to_json
from monitoring.alerts.judging import Judging
from monitoring.alerts.models import AlertRule, AlertStanding, Incident
from monitoring.alerts.opening import Opened, open_one, resolve, say_worse
from monitoring.alerts.placed import Placed
from monitoring.alerts.rules import enabled
from monitoring.alerts.sources import RULE
from monitoring.metrics.models import MonitoringPolicy
from monitoring.metrics.policy import locked
from monitoring.metrics.tick import Tick

Rows = Mapping[int, AlertRule]
Key = tuple[int, str]  # (rule, subject)


class Alerts:
    """One a process."""

    def __init__(self) -> None:
        self._judging = Judging(settings.MONITORING_HURRY)
        self._kept: dict[int, dict[str, Any]] = {}  # how rules stand, as it is in the database
        self._judged_at: datetime | None = None
        self._labels: dict[tuple[str, str], str] = {}
        self._placed = Placed()

    def step(self, tick: Tick) -> None:
        """Once a tick, after it was kept."""
        rules = enabled()
        self._labels |= tick.labels
        self._judging.see(tick, [rule for _, rule in rules])
        known, self._judged_at = self._judged_at, None  # until it is committed, nothing is known
        with transaction.atomic():
            policy = locked()
            if not policy.judging or policy.judged_at == tick.at:
                return
            if known is None or policy.judged_at != known:
                self._read_standings(policy.judged_at)
            changes = self._judging.judge()
            self._write_standings(tick.at)
            self._write_incidents({rule.id: row for row, rule in rules}, changes, tick.at)
            noticed.follow(tick.at)
            together.group(tick.at, self._placed, policy.group_from)
            MonitoringPolicy.objects.filter(pk=1).update(judged_at=tick.at)
        self._judged_at = tick.at

    def _read_standings(self, judged_at: datetime | None) -> None:
        """Somebody else judged, or this one begins."""
        rows = AlertStanding.objects.all()
        self._judging.standings = {row.pk: from_json(row.state, judged_at or row.at) for row in rows}
        self._kept = {row.pk: row.state for row in rows}

    def _write_standings(self, at: datetime) -> None:
        states = {id_: to_json(standing) for id_, standing in self._judging.standings.items()}
        changed = [AlertStanding(rule_id=id_, state=state, at=at) for id_, state in states.items() if self._kept.get(id_) != state]
        AlertStanding.objects.bulk_create(changed, update_conflicts=True, unique_fields=["rule"], update_fields=["state", "at"])
        self._kept = states

    def _write_incidents(self, rows: Rows, changes: Sequence[tuple[Rule, Change]], at: datetime) -> None:
        here: dict[Key, Incident] = {}
        for incident in Incident.objects.filter(source__startswith=RULE, resolved_at=None):
            here[int(incident.source.removeprefix(RULE)), incident.subject] = incident
        for rule, change in changes:
            key = rule.id, change.subject
            if change.what is What.FIRED:
                here[key] = open_one(self._opened(rows[rule.id], rule, change), at)
            elif key in here and change.what is What.CLEARED:
                resolve(here.pop(key), at, sentences.over(rule, change.value))
            elif key in here:
                say_worse(here[key], at, sentences.worse(rule, change.value), change.value)
        standings = self._judging.standings
        for (rule_id, subject), incident in here.items():
            if rule_id not in rows:
                resolve(incident, at, "Its rule is switched off or deleted.")
            elif subject not in standings[rule_id].firing:
                resolve(incident, at, "Its rule says something else now.")
            else:
                self._follow(incident, rule_id, standings[rule_id])

    def _follow(self, incident: Incident, rule_id: int, standing: Standing) -> None:
        """Its figure is the last one; its sentence has the last one that was bad."""
        rule, value = self._judging.value(rule_id, incident.subject)
        of = standing.subjects[incident.subject]
        if value is not None and (value, of.worst) != (incident.value, incident.worst):
            sentence = incident.sentence if of.well_s else sentences.of_rule(rule, incident.label, value)
            Incident.objects.filter(pk=incident.pk).update(value=value, worst=of.worst, sentence=sentence)

    def _opened(self, row: AlertRule, rule: Rule, change: Change) -> Opened:
        label = self._labels.get((rule.dimension, change.subject)) or change.subject.replace("_", " ")
        return Opened(
            f"{RULE}{rule.id}", sentences.of_rule(rule, label, change.value), row.severity, change.since, rule.dimension, change.subject, label, row,
            rule.metric.key, change.value, change.worst, row.threshold, row.link,
        )  # fmt: skip
