"""Opening: incidents are opened, get worse and end, each with a line in its timeline. Writes rows; in its caller's transaction.

At most one is open for a source and a subject (a constraint says so): opening it twice opens it once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailplatform.shell.models import Severity
from monitoring.alerts.models import AlertRule, Incident, IncidentEntry

Kind = IncidentEntry.Kind


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known of a new one."""

    source: str
    sentence: str
    severity: int
    since: datetime
    dimension: str = ""
    subject: str = ""
    label: str = ""
    rule: AlertRule | None = None
    metric: str = ""
    value: float | None = None
    worst: float | None = None
    threshold: float | None = None
    link: str = ""
    evidence: Mapping[str, Any] | None = None


def open_one(of: Opened, at: datetime) -> Incident:
    """The one that is open now: a new one, or the one that was open already."""
    incident, is_new = Incident.objects.get_or_create(
        source=of.source[:80], dimension=of.dimension, subject=of.subject[:200], resolved_at=None,
        defaults={
            "sentence": of.sentence, "severity": of.severity, "since": of.since, "opened_at": at, "label": of.label[:200], "rule": of.rule,
            "metric": of.metric, "value": of.value, "worst": of.worst, "threshold": of.threshold, "link": of.link[:300], "evidence": dict(of.evidence or {}),
        },
    )  # fmt: skip
    if is_new:
        write(incident, at, Kind.OPENED, of.sentence, value=of.value)
    return incident


def resolve(incident: Incident, at: datetime, why: str) -> None:
    """By itself."""
    if Incident.objects.filter(pk=incident.pk, resolved_at=None).update(state=Incident.State.RESOLVED, resolved_at=at, resolved_by=""):
        write(incident, at, Kind.RESOLVED, why)


def say_worse(incident: Incident, at: datetime, sentence: str, value: float | None = None) -> None:
    write(incident, at, Kind.WORSE, sentence, value=value)


def raise_severity(incident: Incident, severity: int, at: datetime) -> None:
    """Never lowered while it is open: who was woken should know why."""
    if severity > incident.severity:
        Incident.objects.filter(pk=incident.pk).update(severity=severity)
        incident.severity = severity
        write(incident, at, Kind.WORSE, f"It is {Severity(severity).label} now.")


def write(incident: Incident, at: datetime, kind: str, sentence: str, **detail: Any) -> None:
    told = {key: value for key, value in detail.items() if value is not None}
    IncidentEntry.objects.create(incident=incident, at=at, kind=kind, sentence=sentence, detail=told)
