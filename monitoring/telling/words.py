"""Words: what is said of an incident, and the facts that programs get. Of a row and its rule; names no secret."""

from datetime import datetime
from typing import Any

from django.conf import settings

from mailplatform.shell.models import Severity
from monitoring.alerts.models import Incident
from monitoring.telling.message import Act

PREFIX = {Act.OPENED: "", Act.ESCALATED: "Nobody has acknowledged: ", Act.ACKNOWLEDGED: "Somebody has it: ", Act.RESOLVED: "Over: "}


def subject_of(incident: Incident, act: Act) -> str:
    level = "Resolved" if act is Act.RESOLVED else Severity(incident.severity).label.capitalize()
    return f"[{level}] {PREFIX[act]}{incident.sentence}"[:200]


def text_of(incident: Incident, act: Act, after_minutes: int = 0) -> str:
    lines = [incident.sentence, ""]
    if act is Act.ESCALATED:
        lines += [f"It has been open for {after_minutes} minutes, and nobody has acknowledged it.", ""]
    lines += [f"Severity: {Severity(incident.severity).label}", f"Since: {_time(incident.since)}"]
    if incident.resolved_at:
        lines.append(f"Over since: {_time(incident.resolved_at)}, {'ended by ' + incident.resolved_by if incident.resolved_by else 'by itself'}")
    if incident.acknowledged_at:
        lines.append(f"Acknowledged: {_time(incident.acknowledged_at)}, by {incident.acknowledged_by}")
    rule = incident.rule
    if rule and rule.runbook:
        lines += ["", "What to do:", rule.runbook]
    if rule and rule.link:
        lines += ["", rule.link if "://" in rule.link else settings.PUBLIC_URL + rule.link]
    return "\n".join([*lines, "", link_of(incident)])


def facts_of(incident: Incident) -> dict[str, Any]:
    """What a webhook's `data` is."""
    return {
        "incident": incident.pk, "source": incident.source, "dimension": incident.dimension, "subject": incident.subject, "label": incident.label,
        "state": incident.state, "severity": Severity(incident.severity).label, "sentence": incident.sentence, "metric": incident.metric,
        "value": incident.value, "worst": incident.worst, "threshold": incident.threshold, "since": incident.since.isoformat(),
        "opened_at": incident.opened_at.isoformat(), "resolved_at": incident.resolved_at.isoformat() if incident.resolved_at else None,
        "link": link_of(incident),
    }  # fmt: skip


def link_of(incident: Incident) -> str:
    return f"{settings.PUBLIC_URL}/incidents/{incident.pk}/"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
