"""Plan: makes rows of what is to be told, of incidents and steps. Each key is written once, whoever plans, however often.

Never: sends. What is not wanted any more before it is told (acknowledged, over, silenced) is dropped, with the reason; what a silence swallowed is due again
when the silence ends and the incident is still open.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db.models import Q

from mailplatform.shell.models import Severity
from monitoring.alerts.models import Incident
from monitoring.alerts.silences import in_force, longest
from monitoring.metrics.policy import policy
from monitoring.telling.decide import Case, Step, Wanted, wanted
from monitoring.telling.hours import within
from monitoring.telling.message import Act
from monitoring.telling.models import HEAR_WHO_HAS_IT, OPENINGS, Channel, Telling, TellStep
from monitoring.telling.rows import is_on_call
from monitoring.telling.words import facts_of, subject_of, text_of

LOOKS_BACK = timedelta(days=1)  # for the ends of incidents
HUSHED = "it is silenced, or its rule is quiet"
OUTAGE = "platform:database"  # told by whoever found it, without the database


def plan(at: datetime) -> int:
    """How many rows are new, or due again."""
    if not policy().telling:
        return 0
    channels = {channel.pk: channel for channel in Channel.objects.filter(enabled=True)}
    if not channels:
        return 0
    steps = [Step(*row) for row in TellStep.objects.filter(channel__in=channels).values_list("severity", "after_minutes", "channel_id")]
    awake = {pk for pk, one in channels.items() if is_on_call(one, at)}
    tells_end = {pk for pk, one in channels.items() if one.tells_resolved}
    hear_who_has_it = {pk for pk, one in channels.items() if one.kind in HEAR_WHO_HAS_IT}
    rows: list[Telling] = []
    recent = Incident.objects.filter(Q(resolved_at=None) | Q(resolved_at__gt=at - LOOKS_BACK))
    incidents = list(recent.exclude(source=OUTAGE).select_related("rule"))
    told, silences = _told(incidents), in_force(at)
    for incident in incidents:
        state = "resolved" if incident.resolved_at else incident.state
        hushed = longest(silences, incident) is not None or _quiet(incident, at)
        case = Case(incident.severity, state, incident.opened_at, incident.parent_id is not None, hushed, told[incident.pk])
        rows += [_row(incident, one, at) for one in wanted(case, steps, awake, tells_end, at, hear_who_has_it)]
        if state != "open" or hushed:
            _drop(incident, state, at)
    before = set(Telling.objects.filter(key__in=[row.key for row in rows]).values_list("key", flat=True))
    new = [row for row in rows if row.key not in before]
    Telling.objects.bulk_create(new, ignore_conflicts=True)
    return len(new) + _take_up_again(rows, before, at)


def _take_up_again(rows: list[Telling], known: set[str], at: datetime) -> int:
    """Nothing that is wanted now is silenced now: of what is known, the rows that a silence dropped have outlived it."""
    swallowed = Telling.objects.filter(key__in=known, state=Telling.State.DROPPED, answer=HUSHED)
    by_key = {row.key: row for row in rows}
    found = list(swallowed)
    for row in found:
        fresh = by_key[row.key]
        row.state, row.answer, row.due_at, row.tries, row.text, row.facts = Telling.State.WAITING, "", at, 0, fresh.text, fresh.facts
    Telling.objects.bulk_update(found, ["state", "answer", "due_at", "tries", "text", "facts"])
    return len(found)


def _told(incidents: list[Incident]) -> defaultdict[int, frozenset[int]]:
    """By incident, the channels that heard of it."""
    found: defaultdict[int, frozenset[int]] = defaultdict(frozenset)
    heard = Telling.objects.filter(incident__in=incidents, state=Telling.State.TOLD, kind__in=OPENINGS)
    for incident_id, channel_id in heard.values_list("incident_id", "channel_id"):
        if incident_id is not None:
            found[incident_id] |= {channel_id}
    return found


def _row(incident: Incident, one: Wanted, at: datetime) -> Telling:
    key = f"incident:{incident.pk}:{one.act}:{one.after_minutes}:{one.channel_id}"
    return Telling(
        key=key, incident=incident, channel_id=one.channel_id, kind=str(one.act), subject=subject_of(incident, Act(one.act)),
        text=text_of(incident, Act(one.act), one.after_minutes), facts=facts_of(incident), created_at=at, due_at=at,
    )  # fmt: skip


def _drop(incident: Incident, state: str, at: datetime) -> None:
    reasons = {"resolved": "it was over before it was told", "acknowledged": "somebody had acknowledged it by then"}
    why = reasons.get(state, HUSHED)
    kinds = (*OPENINGS, Telling.Kind.ACKNOWLEDGED) if state == "resolved" else OPENINGS
    waiting = Telling.objects.filter(incident=incident, state=Telling.State.WAITING, kind__in=kinds, due_at__lte=at)
    waiting.update(state=Telling.State.DROPPED, answer=why)


def _quiet(incident: Incident, at: datetime) -> bool:
    """Critical ones are told at any hour."""
    rule = incident.rule
    return rule is not None and incident.severity < Severity.CRITICAL and within(at, rule.quiet_from, rule.quiet_until)
