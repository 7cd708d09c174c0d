"""Grouping: what belongs to one cause is one incident: a zone, a node, or one rule that many subjects break. Pure.

A zone is the cause when every working node of it is silent, when two outages in it do not lie on one node alone, or when very much is wrong on several of its
nodes; a node when two outages lie on it, or very much else. While a group is open, what comes later joins it. A group may be part of a bigger one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from monitoring.alerts.sources import GROUP, RULE

OUTAGES = frozenset({"agent_silent_s", "engines_missing", "watcher_silent_s", "endpoints_dead"})
SILENT = "agent_silent_s"


@dataclass(frozen=True, slots=True)
class Part:
    """An open incident, as far as grouping goes."""

    id: int
    source: str
    metric: str = ""
    zone: int | None = None
    node: int | None = None
    is_outage: bool = False
    silent: bool = False  # its node tells nothing


@dataclass(frozen=True, slots=True)
class Cause:
    """A zone's or node's id, or a rule's source."""

    kind: str  # zone, node, rule
    of: str

    @property
    def source(self) -> str:
        return f"{GROUP}{self.kind}:{self.of}"


def causes(free: Iterable[Part], open_groups: Set[str], nodes_of: Mapping[int, Set[int]], group_from: int) -> dict[Cause, list[int]]:
    """Who joins whom: of those that are part of nothing. `open_groups`: sources; `nodes_of`: each zone's working nodes."""
    left = {one.id: one for one in free}
    found: dict[Cause, list[int]] = {}
    for kind in ("zone", "node", "rule"):
        by: defaultdict[str, list[Part]] = defaultdict(list)
        for one in left.values():
            of = _of(kind, one)
            if of is not None:
                by[of].append(one)
        for of, parts in sorted(by.items()):
            cause = Cause(kind, of)
            parts = [one for one in parts if one.source != cause.source]
            if parts and (cause.source in open_groups or _is_cause(cause, parts, nodes_of, group_from)):
                found[cause] = [one.id for one in parts]
                for one in parts:
                    del left[one.id]
    return found


def _of(kind: str, part: Part) -> str | None:
    if kind == "rule":
        return part.source if part.source.startswith(RULE) else None
    of = part.zone if kind == "zone" else part.node
    return None if of is None else str(of)


def _is_cause(cause: Cause, parts: list[Part], nodes_of: Mapping[int, Set[int]], group_from: int) -> bool:
    if cause.kind == "rule":
        return len(parts) >= group_from
    outages = [one for one in parts if one.is_outage]
    if cause.kind == "node":
        return len(outages) >= 2 or len(parts) >= group_from
    working, touched = nodes_of.get(int(cause.of), frozenset()), {one.node for one in parts}
    silent = {one.node for one in parts if one.silent}
    if working and silent >= working:
        return True
    wide = len({one.node for one in outages}) >= 2 or (len(outages) >= 2 and None in {one.node for one in outages})
    return wide or (len(parts) >= group_from and len(touched) >= 2)
