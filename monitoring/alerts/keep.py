"""Keep: rules as people make, change, switch and delete them. Each is written down with what it was before; what a rule said ends with it.

Who acts on rules waits for the judging of a tick, which holds the policy's row: no rule changes in the middle of it.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from mailplatform.shell.audit import record
from mailplatform.shell.clock import now
from monitoring.alerts.models import AlertRule, Incident
from monitoring.alerts.opening import resolve
from monitoring.alerts.rules import MOST_RULES, problems
from monitoring.alerts.sources import RULE
from monitoring.metrics.policy import locked

FIELDS = (
    "name", "metric", "dimension", "subjects", "comparison", "threshold", "clear", "at_least", "window_s", "for_s", "clear_for_s", "severity", "enabled",
    "quiet_from", "quiet_until", "runbook", "link",
)  # fmt: skip


class RuleRefused(ValueError):
    """Which field, and what to do. `field` empty: all of it."""

    def __init__(self, why: str, field: str = "") -> None:
        super().__init__(why)
        self.field = field


def keep(wish: AlertRule, who: object, seen: datetime | None = None, address: str | None = None) -> AlertRule:
    """A new one (without a key), or the one of that key changed. `seen`: as it was when the person looked at it. Raises RuleRefused."""
    for field, why in problems(wish).items():
        raise RuleRefused(why, field)
    with transaction.atomic():
        locked()
        before = AlertRule.objects.filter(pk=wish.pk).first() if wish.pk else None
        if wish.pk and before is None:
            raise RuleRefused("Somebody has deleted it meanwhile. It can be kept as a new one.")
        if before is not None and seen is not None and before.updated_at != seen:
            raise RuleRefused(f"{before.changed_by or 'Somebody'} has changed it meanwhile. Look at it again before you keep yours.")
        if before is None and AlertRule.objects.count() >= MOST_RULES:
            raise RuleRefused(f"There are {MOST_RULES} rules. Delete one that nobody needs.")
        if AlertRule.objects.filter(name__iexact=wish.name).exclude(pk=wish.pk).exists():
            raise RuleRefused("There is a rule of this name. Give it another.", "name")
        changes = _differences(before, wish)
        if before is not None and not changes:
            return before
        row = before or AlertRule()
        for name in FIELDS:
            setattr(row, name, getattr(wish, name))
        row.changed_by = _name(who)
        row.save()
        if before is not None and not row.enabled:
            _end(row, "Its rule was switched off.")
        said = f"Changed the alert rule “{row}”." if before else f"Made the alert rule “{row}”."
        record(who, "alert rule changed" if before else "alert rule made", row, said, address=address, changes=changes)
    return row


def switch(rule: AlertRule, on: bool, who: object, address: str | None = None) -> AlertRule:
    with transaction.atomic():
        locked()
        row = AlertRule.objects.get(pk=rule.pk)
        if row.enabled != on:
            row.enabled, row.changed_by = on, _name(who)
            row.save(update_fields=["enabled", "changed_by", "updated_at"])
            if not on:
                _end(row, "Its rule was switched off.")
            word = "on" if on else "off"
            record(who, f"alert rule switched {word}", row, f"Switched the alert rule “{row}” {word}.", address=address)
    return row


def delete(rule: AlertRule, who: object, address: str | None = None) -> None:
    """A shipped one stays away."""
    with transaction.atomic():
        locked()
        row = AlertRule.objects.filter(pk=rule.pk).first()
        if row is None:
            return
        _end(row, "Its rule was deleted.")
        was = {name: _said(getattr(row, name)) for name in FIELDS}
        record(who, "alert rule deleted", row, f"Deleted the alert rule “{row}”.", address=address, was=was)
        row.delete()


def _end(row: AlertRule, why: str) -> None:
    for incident in Incident.objects.filter(source=f"{RULE}{row.pk}", resolved_at=None):
        resolve(incident, now(), why)


def _differences(before: AlertRule | None, wish: AlertRule) -> dict[str, list[Any]]:
    base = before or AlertRule()
    pairs = ((name, _said(getattr(base, name)), _said(getattr(wish, name))) for name in FIELDS)
    return {name: [old, new] for name, old, new in pairs if old != new}


def _said(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool | list) else str(value)


def _name(who: object) -> str:
    return str(getattr(who, "email", who))[:200]
