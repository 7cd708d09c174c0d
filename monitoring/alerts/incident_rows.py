"""What pages show of incidents: the open ones as a tree, how one stands, who was told of it and who will be, the same before. Reads only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count as CountOf
from django.db.models import Max, QuerySet

from mailplatform.shell.formats import duration, plural
from mailplatform.shell.models import Severity
from monitoring.alerts.incidents import entries, open_incidents
from monitoring.alerts.judge import OF_PAST
from monitoring.alerts.models import AlertRule, Incident, IncidentEntry, Silence
from monitoring.alerts.silences import in_force, longest
from monitoring.alerts.sources import GROUP, NOTICE, RULE
from monitoring.metrics.catalog import METRICS
from monitoring.metrics.figure import figure
from monitoring.metrics.policy import policy
from monitoring.metrics.read import labels
from monitoring.telling.asked import who_will_be_told
from monitoring.telling.models import Telling

KEPT_IN_SIGHT = timedelta(days=30)
MOST_OPEN, MOST_PARTS, EARLIER = 200, 50, 5
_Kind = IncidentEntry.Kind
_LOOKS: Mapping[str, str] = {
    _Kind.WORSE: "limited", _Kind.GROUPED: "info", _Kind.TOLD: "told", _Kind.NOT_TOLD: "failed", _Kind.ESCALATED: "limited",
    _Kind.ACKNOWLEDGED: "working", _Kind.SILENCED: "stopped", _Kind.NOTE: "info", _Kind.RESOLVED: "good",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """An open incident, with what is part of it."""

    incident: Incident
    silence: Silence | None
    parts: tuple["Row", ...] = ()

    @property
    def everything(self) -> list["Row"]:
        """Parts, and their parts."""
        return [one for part in self.parts for one in (part, *part.everything)]


@dataclass(frozen=True, slots=True)
class Told:
    """A channel that was told, or will be: `due` in the future, while nobody has acknowledged."""

    channel: str
    state: str
    look: str
    at: datetime | None
    words: str = ""
    due: bool = False


def open_rows(at: datetime, severity: int | None = None, state: str = "", rule: int | None = None) -> list[Row]:
    """Wholes, the worst first; a filter asks of the whole."""
    found, silences = list(open_incidents()[:MOST_OPEN]), in_force(at)
    here = {one.pk for one in found}
    parts: defaultdict[int | None, list[Incident]] = defaultdict(list)
    for one in found:
        parts[one.parent_id if one.parent_id in here else None].append(one)

    def row(one: Incident) -> Row:
        return Row(one, longest(silences, one), tuple(row(part) for part in parts[one.pk]))

    wholes = (one for one in parts[None] if severity in (None, one.severity) and state in ("", one.state) and rule in (None, one.rule_id))
    return [row(one) for one in wholes]


def ended(at: datetime, severity: int | None = None, rule: int | None = None) -> QuerySet[Incident]:
    rows = Incident.objects.filter(resolved_at__gt=at - KEPT_IN_SIGHT, parent=None).select_related("rule").annotate(part_count=CountOf("parts"))
    if severity is not None:
        rows = rows.filter(severity=severity)
    return rows if rule is None else rows.filter(rule=rule)


def silences(at: datetime) -> list[tuple[Silence, str]]:
    """Those in force, that end last first, each with what it covers in words."""
    found = sorted(in_force(at), key=lambda one: one.until, reverse=True)
    names = {f"{RULE}{pk}": name for pk, name in AlertRule.objects.values_list("pk", "name")} if found else {}
    subjects = {dimension: labels(dimension) for dimension in {one.dimension for one in found if one.dimension}}
    return [(one, _covered(one, names.get(one.source, ""), subjects.get(one.dimension, {}).get(one.subject, one.subject))) for one in found]


def _covered(silence: Silence, rule: str, subject: str) -> str:
    if not silence.source:
        return f"Everything of {subject}" if subject else "Everything"
    source = rule or silence.source.removeprefix(NOTICE).removeprefix(GROUP).replace("_", " ").replace(":", " ")
    return f"{source}, {subject}" if subject else source


def how_many() -> tuple[int, int]:
    """Wholes that are open, and the worst severity of them: one look at the index of what is open."""
    seen = Incident.objects.filter(resolved_at=None, parent=None).aggregate(n=CountOf("pk"), worst=Max("severity"))
    return seen["n"], seen["worst"] or 0


def sentence(rows: list[Row]) -> tuple[str, str]:
    """A state and its words for the head of the list."""
    if not rows:
        return "good", "No incident is open."
    worst = rows[0].incident
    critical = sum(row.incident.severity >= Severity.CRITICAL for row in rows)
    of_them = f", {'it is' if len(rows) == 1 else 'all of them' if critical == len(rows) else f'{critical} of them'} critical" if critical else ""
    unseen = sum(row.incident.state == Incident.State.OPEN for row in rows)
    if unseen:
        seen = "nobody has acknowledged " + ("it" if len(rows) == 1 else "any" if unseen == len(rows) else f"{unseen}")
    else:
        seen = "somebody has it" if len(rows) == 1 else "somebody has each"
    return Severity(worst.severity).label, f"{plural(len(rows), 'incident is', 'incidents are')} open{of_them}; {seen}."


def switched_off() -> list[str]:
    """What is not done just now, and would be missed."""
    now_is = policy()
    told = [] if now_is.judging else ["Rules are not judged: that is switched off."]
    return told if now_is.telling else [*told, "Nobody is told: that is switched off."]


def lines(incident: Incident) -> list[tuple[IncidentEntry, str]]:
    """Its timeline, each with its look."""
    return [(entry, _LOOKS.get(entry.kind, incident.get_severity_display())) for entry in entries(incident)]


def told(incident: Incident, at: datetime, hushed: bool) -> list[Told]:
    """Channels in the order of time; then who comes next."""
    rows = list(Telling.objects.filter(incident=incident).select_related("channel").order_by("created_at", "pk"))
    found = [_told(row) for row in rows]
    if incident.state != Incident.State.OPEN or hushed or incident.parent_id or not policy().telling:
        return found
    known = {row.key for row in rows}
    for channel, minutes, on_call in who_will_be_told(incident.severity, incident.opened_at):
        kind = Telling.Kind.ESCALATED if minutes else Telling.Kind.OPENED
        if f"incident:{incident.pk}:{kind}:{minutes}:{channel.pk}" not in known:
            due = incident.opened_at + timedelta(minutes=minutes)
            in_time = f"in {duration((due - at).total_seconds())}" if due > at else "next"
            word, words = (in_time, "if nobody has acknowledged" if minutes else "") if on_call else ("off call", "when its hours begin")
            found.append(Told(channel.name, word, "queued" if on_call else "held", due, words, due=True))
    return found


def _told(row: Telling) -> Told:
    what = {"resolved": ", the end", "escalated": ", escalated", "acknowledged": ", who has it"}.get(row.kind, "")
    at = row.told_at or (row.due_at if row.state == Telling.State.WAITING else row.created_at)
    return Told(f"{row.channel.name}{what}", row.get_state_display().lower(), str(row.state), at, row.answer)


def next_step(of: Iterable[Told], at: datetime) -> str:
    due = [one for one in of if one.due and one.at is not None and one.at > at]
    return f"{due[0].channel} is told {due[0].state}" if due else ""


def figures(incident: Incident) -> dict[str, str]:
    """Value, worst and limit in the metric's unit; empty without one."""
    what = METRICS.get(incident.metric)
    if what is None:
        return {}
    rule, limit = incident.rule, incident.threshold
    times = rule is not None and rule.comparison in OF_PAST
    words = f"{limit:g} times" if times and limit is not None else figure(what, limit)
    side = "below" if (rule.comparison == "below" if rule else what.low_is_bad) else "above"
    well = figure(what, rule.clear) if rule and rule.clear is not None and not times else ""
    return {"now": figure(what, incident.value), "worst": figure(what, incident.worst), "limit": words, "side": side, "well": well, "words": what.words}


def earlier(incident: Incident, at: datetime) -> tuple[int, list[Incident]]:
    """How often the same was found in the last 30 days before this one, and the newest of them."""
    same = Incident.objects.filter(source=incident.source, dimension=incident.dimension, subject=incident.subject)
    before = same.filter(opened_at__lt=incident.opened_at, opened_at__gt=at - KEPT_IN_SIGHT).order_by("-opened_at")
    return before.count(), list(before[:EARLIER])
