"""Board: everything that the health page shows, put together of the last figures, the limits of rules, and open incidents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from mailplatform.shell.models import Severity
from monitoring.alerts.incidents import open_incidents
from monitoring.alerts.models import Incident
from monitoring.alerts.rules import enabled
from monitoring.health_page.limits import Limit, State, judged
from monitoring.health_page.reading import Node, Reading, Zone, reading
from monitoring.health_page.vitals import CLUSTER, NODE, PARTS, ZONE, Part, Vital
from monitoring.metrics.figure import figure

MOST_INCIDENTS = 200
STALE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of somebody."""

    title: str
    whose: str
    words: str
    unit: str
    state: State
    limit: str
    line: tuple[float | None, ...]
    query: str  # of the explorer
    incident: Incident | None


@dataclass(frozen=True, slots=True)
class Column:
    """A node, a zone, or a part of the platform."""

    title: str
    cells: tuple[Cell, ...]
    url_name: str = ""
    out: str = ""  # why it is not in service

    @property
    def state(self) -> State:
        return max((cell.state for cell in self.cells), default=State.PLAIN)


@dataclass(frozen=True, slots=True)
class ZoneBoard:
    whole: Column
    nodes: tuple[Column, ...]

    @property
    def state(self) -> State:
        return max(one.state for one in (self.whole, *self.nodes))


@dataclass(frozen=True, slots=True)
class Board:
    at: datetime
    measured_at: datetime | None
    zones: tuple[ZoneBoard, ...]
    parts: tuple[Column, ...]
    incidents: tuple[Incident, ...]  # wholes, the worst first
    delivered: int

    @property
    def is_measured(self) -> bool:
        return self.measured_at is not None and self.at - self.measured_at <= STALE + timedelta(seconds=10)

    @property
    def node_count(self) -> int:
        return sum(len(zone.nodes) for zone in self.zones)

    @property
    def unwell(self) -> list[Cell]:
        """Beyond a limit, and in no incident yet; the worst first."""
        columns = [*self.parts, *(column for zone in self.zones for column in (*zone.nodes, zone.whole))]
        found = [cell for column in columns for cell in column.cells if cell.state >= State.LOOK and cell.incident is None]
        return sorted(found, key=lambda cell: -cell.state)


@dataclass(frozen=True, slots=True)
class _Judge:
    seen: Reading
    limits: Sequence[Limit]
    incidents: Mapping[tuple[str, str, str], Incident]

    def cell(self, vital: Vital, subject: str, whose: str, title: str = "", out: bool = False) -> Cell:
        key = vital.key, vital.dimension
        value = self.seen.now.get(key, {}).get(subject)
        of = judged(value, self.limits, *key, subject)
        incident = self.incidents.get((*key, subject))
        state = State.PLAIN if out and incident is None else max(of.state, _of(incident))
        words = figure(vital.metric, value if value is None or not vital.is_rate else round(value, 1))
        query = urlencode({"metric": vital.key, "dimension": vital.dimension, "subject": subject, "span": "24h"})
        line = tuple(self.seen.hour.get(key, {}).get(subject, ()))
        return Cell(title or vital.title, whose, words, "a minute" if vital.is_rate and value is not None else "", state, of.words, line, query, incident)

    def zone(self, zone: Zone) -> ZoneBoard:
        out = zone.state if zone.state != "active" else ""
        whole = Column(zone.name, tuple(self.cell(vital, zone.key, f"zone {zone.name}", out=bool(out)) for vital in ZONE), "nodes", out)
        return ZoneBoard(whole, tuple(self.node(node, out) for node in zone.nodes))

    def node(self, node: Node, zone_is_out: str) -> Column:
        out = zone_is_out or (node.state if node.state != "active" else "")
        return Column(node.name, tuple(self.cell(vital, node.key, node.name, out=bool(out)) for vital in NODE), "nodes", out)

    def part(self, part: Part) -> Column:
        cells = [self.cell(vital, vital.subject, part.title) for vital in part.vitals]
        if part.title == "Jobs":
            cells = [*(self.cell(CLUSTER, key, part.title, f"{name} silent") for key, name in self.seen.clusters.items()), *cells]
        return Column(part.title, tuple(cells), part.url_name)


def board(at: datetime) -> Board:
    incidents = list(open_incidents()[:MOST_INCIDENTS])
    here = {one.pk for one in incidents}
    seen = reading(at)
    by_subject = {(one.metric, one.dimension, one.subject): one for one in reversed(incidents) if one.metric}
    judge = _Judge(seen, [Limit(rule, row.severity) for row, rule in enabled()], by_subject)
    wholes = tuple(one for one in incidents if one.parent_id not in here)
    return Board(at, seen.measured_at, tuple(map(judge.zone, seen.zones)), tuple(map(judge.part, PARTS)), wholes, round(seen.delivered))


def _of(incident: Incident | None) -> State:
    if incident is None:
        return State.PLAIN
    return State.BAD if incident.severity >= Severity.CRITICAL else State.LOOK
