"""Together: incidents of one cause get one parent, which people are told of. Writes incidents, in its caller's transaction; `grouping` decides."""

from collections import defaultdict
from datetime import datetime

from monitoring.alerts import sentences
from monitoring.alerts.grouping import Cause, causes
from monitoring.alerts.models import AlertRule, Incident, IncidentEntry
from monitoring.alerts.opening import Opened, open_one, raise_severity, resolve, write
from monitoring.alerts.placed import Placed
from monitoring.alerts.sources import GROUP


def group(at: datetime, placed: Placed, group_from: int) -> None:
    everybody = list(Incident.objects.filter(resolved_at=None).select_related("rule").order_by("since", "pk"))
    if not everybody:
        return
    placed.look()
    parents = {one.source: one for one in everybody if one.source.startswith(GROUP)}
    by_id = {one.pk: one for one in everybody}
    free = [placed.part(one) for one in everybody if one.parent_id is None]
    for cause, ids in causes(free, parents.keys(), placed.nodes_of, group_from).items():
        parts = [by_id[id_] for id_ in ids]
        parent = parents.get(cause.source) or _open(cause, parts, placed, at)
        parents[cause.source] = parent
        for part in parts:
            part.parent = parent
            write(part, at, IncidentEntry.Kind.GROUPED, f"It is part of “{_what(cause, parts, placed)}”, and is not told by itself.")
            write(parent, at, IncidentEntry.Kind.GROUPED, f"Part of it: {part.sentence}", part=part.pk)
        Incident.objects.filter(pk__in=ids).update(parent=parent)
    _refresh(parents, everybody, placed, at)


def _open(cause: Cause, parts: list[Incident], placed: Placed, at: datetime) -> Incident:
    what = _what(cause, parts, placed)
    dimension, subject = (cause.kind, cause.of) if cause.kind != "rule" else ("", "")
    worst = max(part.severity for part in parts)
    sentence = sentences.of_group(what, [part.sentence for part in parts])
    made = Opened(cause.source, sentence, worst, min(part.since for part in parts), dimension, subject, what, rule=_rule(cause, parts), link=_link(cause))
    return open_one(made, at)


def _refresh(parents: dict[str, Incident], everybody: list[Incident], placed: Placed, at: datetime) -> None:
    """Its sentence and severity follow its parts; without open parts it is over."""
    parts: defaultdict[int, list[Incident]] = defaultdict(list)
    for one in everybody:
        if one.parent is not None:
            parts[one.parent.pk].append(one)
    for source, parent in parents.items():
        if not (mine := parts[parent.pk]):
            resolve(parent, at, "All that was part of it is over.")
            continue
        kind, _, of = source.removeprefix(GROUP).partition(":")
        sentence = sentences.of_group(_what(Cause(kind, of), mine, placed), [part.sentence for part in mine])
        if sentence != parent.sentence:
            Incident.objects.filter(pk=parent.pk).update(sentence=sentence)
        raise_severity(parent, max(part.severity for part in mine), at)


def _what(cause: Cause, parts: list[Incident], placed: Placed) -> str:
    if cause.kind == "rule":
        rule = parts[0].rule
        return rule.name if rule else parts[0].metric
    return f"{cause.kind.capitalize()} {placed.name(cause.kind, cause.of)}"


def _rule(cause: Cause, parts: list[Incident]) -> AlertRule | None:
    return parts[0].rule if cause.kind == "rule" else None


def _link(cause: Cause) -> str:
    return "/nodes/" if cause.kind in ("zone", "node") else ""
