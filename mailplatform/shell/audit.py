"""Audit: who did what to what, when, from where. Append only.

Actions call `record()`. Changes of models come by themselves: django-auditlog keeps each field's old and new value, and every entry
of it that a person made gets a sentence here too (`AuditEntry`), so that one page tells all. Changes without a person
behind them (seeds, engines) stay in django-auditlog alone. Never: secrets, bodies; settings.AUDITLOG_* names what is left out.
"""

from typing import Any

from auditlog.cid import get_cid
from auditlog.models import LogEntry
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest

from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry

_VERBS = {LogEntry.Action.CREATE: "created", LogEntry.Action.UPDATE: "changed", LogEntry.Action.DELETE: "deleted", LogEntry.Action.ACCESS: "read"}
_LONGEST_VALUE = 80


def record(actor: object, action: str, target: object, sentence: str, **detail: Any) -> AuditEntry:
    """Keep that `actor` (a user, or a word for a machine) did `action` to `target`; `sentence` says it in full."""
    return AuditEntry.objects.create(
        at=now(),
        actor_id=getattr(actor, "pk", None),
        actor=str(getattr(actor, "email", actor))[:200],
        action=action[:60],
        target=_name_of(target)[:200],
        sentence=sentence,
        address=detail.pop("address", None),
        detail=detail,
    )


def record_request(request: HttpRequest, action: str, target: object, sentence: str, **detail: Any) -> AuditEntry:
    """The same, for what a person did in the console: with their address."""
    return record(request.user, action, target, sentence, address=address_of(request), request=get_cid() or "", **detail)


def address_of(request: HttpRequest) -> str | None:
    """Whose request it is; None where the server does not know."""
    return request.META.get("REMOTE_ADDR") or None


@receiver(post_save, sender=LogEntry, dispatch_uid="shell.audit")
def _tell_model_change(sender: type[LogEntry], instance: LogEntry, created: bool, **_: Any) -> None:
    if not created or instance.actor is None:
        return
    kind = instance.content_type.name
    changes = {field: values for field, values in (instance.changes or {}).items() if instance.action == LogEntry.Action.UPDATE}
    told = "; ".join(f"{field} {_short(old)} → {_short(new)}" for field, (old, new) in changes.items() if isinstance(old, str))
    verb = _VERBS[instance.action]
    record(
        instance.actor,
        f"{kind} {verb}",
        f"{kind} {instance.object_repr}",
        f"{verb.capitalize()} the {kind} {instance.object_repr}" + (f": {told}." if told else "."),
        address=instance.remote_addr,
        changes=changes,
    )


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else value[:_LONGEST_VALUE] + "…"


def _name_of(target: object) -> str:
    meta = getattr(target, "_meta", None)
    return f"{meta.verbose_name} {target}" if meta else str(target)
