"""Incidents as people act on them: seen, silenced, ended, noted.

Each act holds the incident's row while it looks and writes, so two people at once make one change; done twice it changes nothing. It writes a line of the
timeline and an audit entry in the same transaction. What cannot be done is refused in a sentence. Who has a group has its parts. Never: opens an incident,
clears a notice, or makes a rule forget what it found: what is ended by hand opens again when it was well once and is found anew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, IntegerField, QuerySet, When

from mailplatform.shell.audit import record
from mailplatform.shell.clock import now
from mailplatform.shell.formats import moment
from monitoring.alerts.models import Incident, IncidentEntry, Silence
from monitoring.alerts.silences import is_exact, silenced
from monitoring.metrics.policy import locked

__all__ = ["Came", "acknowledge", "end", "end_silence", "entries", "note", "open_incidents", "resolve", "silence", "silenced"]

LONGEST_SILENCE = timedelta(days=7)
LONGEST_NOTE, LONGEST_WHY = 4000, 300
AGAIN_WITHIN = timedelta(minutes=2)  # the same note of the same person is a second press of the button
DEEPEST = 4  # groups in groups

_Kind, _State = IncidentEntry.Kind, Incident.State
_UNSEEN_FIRST = Case(When(state=_State.OPEN, then=0), default=1, output_field=IntegerField())


@dataclass(frozen=True, slots=True)
class Came:
    """What an act came to, in words for who asked."""

    done: bool
    says: str
    refused: bool = False


def open_incidents() -> QuerySet[Incident]:
    """The worst first, of those what nobody has seen; parts of groups too."""
    return Incident.objects.filter(resolved_at=None).select_related("rule", "parent").order_by("-severity", _UNSEEN_FIRST, "-opened_at")


def entries(incident: Incident) -> QuerySet[IncidentEntry]:
    return incident.entries.order_by("at", "id")


def acknowledge(incident: Incident, who: object, address: str | None = None) -> Came:
    """Somebody has it: nobody is told of it any further."""
    with transaction.atomic():
        row = _locked(incident, with_parts=True)
        if row.resolved_at is not None:
            return _over(row)
        if row.state == _State.ACKNOWLEDGED:
            return Came(False, f"{row.acknowledged_by} has acknowledged it already.")
        at = now()
        for one in (row, *(part for part in _open_parts(row) if part.state != _State.ACKNOWLEDGED)):
            Incident.objects.filter(pk=one.pk).update(state=_State.ACKNOWLEDGED, acknowledged_at=at, acknowledged_by=str(who)[:200])
            _entry(one, at, _Kind.ACKNOWLEDGED, who, "Acknowledged." if one == row else "Acknowledged with the incident that it is part of.")
        record(who, "incident acknowledged", row, f"Acknowledged: {row.sentence}", address=address, incident=row.pk)
    return Came(True, "It is yours now: nobody is told of it any further.")


def silence(incident: Incident, until: datetime, who: object, why: str = "", address: str | None = None) -> Came:
    """Until then nobody is told of it, nor of one of the same source and subject that opens anew. The last word holds."""
    with transaction.atomic():
        row, at = _locked(incident), now()
        if row.resolved_at is not None:
            return _over(row)
        if until <= at:
            return Came(False, "A silence ends in the future.", refused=True)
        if until > at + LONGEST_SILENCE:
            return Came(False, f"A silence lasts {LONGEST_SILENCE.days} days at most. What is to be silent for longer is a rule to change.", refused=True)
        told = moment(until, at)
        before = list(_own(row).filter(since__lte=at, until__gt=at))
        if before and all(one.until == until and one.why == why for one in before):
            return Came(False, f"It is silenced until {told} already.")
        said: dict[str, Any] = {"until": until, "why": why[:LONGEST_WHY], "by": str(who)[:200]}
        if before:
            _own(row).filter(pk__in=[one.pk for one in before]).update(**said)
        else:
            Silence.objects.create(source=row.source, dimension=row.dimension, subject=row.subject, since=at, **said)
        reason = f": {why[:LONGEST_WHY]}" if why else "."
        _entry(row, at, _Kind.SILENCED, who, f"Silenced until {told} UTC{reason}", until=until.isoformat())
        record(who, "incident silenced", row, f"Silenced until {until:%Y-%m-%d %H:%M} UTC: {row.sentence}", address=address, incident=row.pk, why=why)
    return Came(True, f"Nobody is told of it until {told} UTC.")


def end_silence(incident: Incident, who: object, address: str | None = None) -> Came:
    with transaction.atomic():
        row, at = _locked(incident), now()
        ended = _own(row).filter(since__lt=at, until__gt=at).update(until=at, ended_by=str(who)[:200])
        if ended:
            _entry(row, at, _Kind.SILENCED, who, "Silence ended.", ended=True)
            record(who, "incident silence ended", row, f"Ended the silence of: {row.sentence}", address=address, incident=row.pk)
    wider = silenced(row, now())
    if wider is not None and not is_exact(wider, row):
        return Came(bool(ended), f"A wider silence of {wider.by} covers it until {moment(wider.until, now())} UTC.", refused=not ended)
    return Came(bool(ended), "People are told of it again." if ended else "It is not silenced.")


def end(silence: Silence, who: object, address: str | None = None) -> Came:
    """Any silence, whatever it covers."""
    with transaction.atomic():
        row, at = Silence.objects.select_for_update().get(pk=silence.pk), now()
        if row.until <= at:
            return Came(False, "It had ended already.")
        Silence.objects.filter(pk=row.pk).update(until=max(at, row.since + timedelta(microseconds=1)), ended_by=str(who)[:200])
        record(who, "silence ended", f"silence of {row.source or 'everything'} {row.subject}".strip(), f"Ended a silence of {row.by}.", address=address)
    return Came(True, "It is over: people are told again of what it covered.")


def resolve(incident: Incident, who: object, address: str | None = None) -> Came:
    """Ended by hand, with what is part of it."""
    with transaction.atomic():
        row = _locked(incident, with_parts=True)
        if row.resolved_at is not None:
            return _over(row)
        at = now()
        for one in (row, *_open_parts(row)):
            Incident.objects.filter(pk=one.pk).update(state=_State.RESOLVED, resolved_at=at, resolved_by=str(who)[:200])
            _entry(one, at, _Kind.RESOLVED, who, "Ended by hand." if one == row else "Ended by hand, with the incident that it is part of.")
        record(who, "incident resolved", row, f"Ended by hand: {row.sentence}", address=address, incident=row.pk)
    return Came(True, "It is over. It opens again when it was well once and is found anew.")


def note(incident: Incident, who: object, text: str, address: str | None = None) -> Came:
    """A line of somebody's own; of an incident that is over too."""
    text = text.strip()
    if not text:
        return Came(False, "A note says something.", refused=True)
    if len(text) > LONGEST_NOTE:
        return Came(False, f"A note has {LONGEST_NOTE:,} characters at most; this one has {len(text):,}.", refused=True)
    with transaction.atomic():
        row, at = _locked(incident), now()
        if row.entries.filter(kind=_Kind.NOTE, who=str(who)[:200], sentence=text, at__gt=at - AGAIN_WITHIN).exists():
            return Came(False, "That is noted already.")
        _entry(row, at, _Kind.NOTE, who, text)
        record(who, "incident noted", row, f"Noted of “{row.sentence}”: {text[:200]}", address=address, incident=row.pk)
    return Came(True, "Noted.")


def _locked(incident: Incident, with_parts: bool = False) -> Incident:
    """Who touches several waits for the judging of a tick, which writes them in an order of its own (`live` holds the policy's row)."""
    if with_parts:
        locked()
    return Incident.objects.select_for_update(of=("self",), no_key=True).get(pk=incident.pk)


def _open_parts(row: Incident) -> list[Incident]:
    """And theirs."""
    found: list[Incident] = []
    above = [row]
    for _ in range(DEEPEST):
        rows = Incident.objects.select_for_update(of=("self",), no_key=True).filter(parent__in=above, resolved_at=None)
        above = list(rows.order_by("pk")) if above else []
        found += above
    return found


def _own(row: Incident) -> QuerySet[Silence]:
    return Silence.objects.filter(source=row.source, dimension=row.dimension, subject=row.subject)


def _over(row: Incident) -> Came:
    by = f" by {row.resolved_by}" if row.resolved_by else ""
    return Came(False, f"It is over already, since {moment(row.resolved_at, now())}{by}.", refused=True)


def _entry(row: Incident, at: datetime, kind: str, who: object, sentence: str, **detail: Any) -> None:
    IncidentEntry.objects.create(incident=row, at=at, kind=kind, who=str(who)[:200], sentence=sentence, detail=detail)
