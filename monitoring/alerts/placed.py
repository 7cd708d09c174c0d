"""Placed: in which zone and on which node an incident's subject lies. Reads names and addresses every half minute."""

import re
import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from mailplatform.shell.database.rows import select
from monitoring.alerts.grouping import OUTAGES, SILENT, Part
from monitoring.alerts.models import Incident
from monitoring.alerts.sources import GROUP, NOTICE
from monitoring.metrics.catalog import Dimension
from monitoring.metrics.gather.places import Places, id_of, load

EVERY_S = 30.0
_DOORS = "SELECT id, name, zone_id FROM monitoring_endpoint"
_OUTAGE_NOTICES = (f"{NOTICE}engine.", f"{NOTICE}endpoint")


@dataclass(slots=True)
class Placed:
    _places: Places = field(default_factory=Places)
    _zone_of_door: dict[str, int | None] = field(default_factory=dict)  # by id, and by name
    _read_s: float | None = None

    def look(self) -> None:
        if self._read_s is not None and time.monotonic() - self._read_s < EVERY_S:
            return
        self._places, self._zone_of_door = load(), {}
        for id_, name, zone in select(_DOORS):
            self._zone_of_door[str(id_)] = self._zone_of_door[name] = zone
        self._read_s = time.monotonic()

    @property
    def nodes_of(self) -> Mapping[int, Set[int]]:
        found: dict[int, set[int]] = {}
        for node in self._places.working:
            found.setdefault(self._places.zone_of[node], set()).add(node)
        return found

    def name(self, kind: str, of: str) -> str:
        return self._places.labels.get((kind, of), of)

    def part(self, incident: Incident) -> Part:
        node, zone = self._node(incident), None
        if incident.dimension == Dimension.ZONE:
            zone = id_of(incident.subject)
        elif incident.dimension == Dimension.ENDPOINT or incident.source.startswith(_OUTAGE_NOTICES[1]):
            zone = self._zone_of_door.get(incident.subject)
        elif node is not None:
            zone = self._places.zone_of.get(node)
        outage = incident.metric in OUTAGES or incident.source.startswith(_OUTAGE_NOTICES)
        return Part(incident.pk, incident.source, incident.metric, zone, node, outage, incident.metric == SILENT)

    def _node(self, incident: Incident) -> int | None:
        key = incident.subject
        if incident.dimension == Dimension.NODE or incident.source.startswith(f"{GROUP}node:"):
            return id_of(key)
        if incident.dimension in (Dimension.IP, Dimension.PATH):
            ip = id_of(key.partition("/")[0])
            return None if ip is None else self._places.node_of.get(ip)
        if incident.source.startswith(_OUTAGE_NOTICES[0]):
            return next((node for node in self._places.zone_of if _names(self._places.labels[Dimension.NODE, str(node)], key)), None)
        return None


def _names(node: str, scope: str) -> bool:
    """An engine's name begins with its node's."""
    return re.match(re.escape(node) + r"(?![\w-])", scope) is not None
