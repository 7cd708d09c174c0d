"""Zones & nodes: what its page shows, the worst in its first line.

The figures are the overview's (`monitoring.figures.zones`, shared for a second); beside them who took what out and why, machines, watchers, endpoints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailplatform.shell.database.rows import select
from mailplatform.shell.formats import duration, plural
from monitoring import figures
from monitoring.endpoints.verdicts import out_of_service
from monitoring.figures import NodeNow, ZoneNow

LOST_AFTER_S = 5.0

_ZONES = """
    SELECT z.id, z.name, z.state, z.state_why, z.state_by, z.state_at, extract(epoch FROM platform_now() - b.at)::float8
      FROM pools_zone z LEFT JOIN monitoring_watcherbeat b ON b.zone_id = z.id ORDER BY z.name
"""
_NODES = """
    SELECT n.name, n.state, n.state_why, n.state_by, n.state_at, extract(epoch FROM platform_now() - v.back_at)::float8, v.takes_s, v.losses
      FROM pools_node n LEFT JOIN pools_nodereturn v ON v.node_id = n.id AND v.back_at > platform_now() - make_interval(secs => v.takes_s)
"""
_MACHINES = """
    SELECT m.id::text, m.name, m.public_url, m.joined, m.started_at,
           array_remove(array_agg(DISTINCT n.name), NULL), array_remove(array_agg(DISTINCT z.name), NULL),
           min(extract(epoch FROM platform_now() - r.at))::float8
      FROM monitoring_machine m LEFT JOIN monitoring_machine_nodes l ON l.machine_id = m.id LEFT JOIN pools_node n ON n.id = l.node_id
      LEFT JOIN pools_zone z ON z.id = n.zone_id LEFT JOIN monitoring_nodereport r ON r.node_id = n.id
     GROUP BY 1, 2, 3, 4, 5 ORDER BY m.name, m.started_at
"""
_ENDPOINTS = "SELECT z.name, e.id, e.name, e.state FROM monitoring_endpoint e JOIN pools_zone z ON z.id = e.zone_id WHERE e.enabled ORDER BY 1, 3"


@dataclass(frozen=True, slots=True)
class Standing:
    """An operator's word on a zone or node."""

    state: str
    why: str
    by: str
    at: datetime | None

    @property
    def is_out(self) -> bool:
        return self.state != "active"


@dataclass(frozen=True, slots=True)
class NodeShown:
    now: NodeNow
    standing: Standing
    says: str  # what is wrong, or on its way; empty: nothing


@dataclass(frozen=True, slots=True)
class MachineShown:
    id: str
    name: str
    url: str
    joined: bool
    started_at: datetime
    nodes: tuple[str, ...]
    zones: tuple[str, ...]
    heard_s: float | None

    @property
    def is_silent(self) -> bool:
        return self.heard_s is None or self.heard_s > 2 * LOST_AFTER_S


@dataclass(frozen=True, slots=True)
class ZoneShown:
    name: str
    state: str  # good, limited, lost, draining, drained, evacuated, waiting
    standing: Standing
    nodes: tuple[NodeShown, ...]
    watched_s: float | None
    endpoints: tuple[tuple[str, str], ...]
    machines: tuple[MachineShown, ...]
    per_s: float
    wrong: tuple[str, ...]

    @property
    def engines(self) -> int:
        return sum(len(node.now.engines) for node in self.nodes)

    @property
    def wanted(self) -> int:
        return sum(node.now.slots for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Page:
    look: str
    sentence: str
    zones: tuple[ZoneShown, ...]
    machines: tuple[MachineShown, ...]


def page_now() -> Page:
    known = {zone.name: zone for zone in figures.zones()}
    words = {name: (Standing(state, why, by, at), returns) for name, state, why, by, at, *returns in select(_NODES)}
    machines = tuple(_machine(*row) for row in select(_MACHINES))
    doors: dict[str, list[tuple[str, str]]] = {}
    out = out_of_service()
    for zone, id_, name, state in select(_ENDPOINTS):
        doors.setdefault(zone, []).append((name, "out of service" if id_ in out else {"up": "good", "down": "dead"}.get(state, state)))
    zones = []
    for _, name, state, why, by, at, watched_s in select(_ZONES):
        now = known.get(name) or ZoneNow(name, state, ())
        nodes = tuple(_node(node, *words.get(node.name, (Standing("active", "", "", None), (None, None, None)))) for node in now.nodes)
        zones.append(_zone(Standing(state, why, by, at), now, nodes, watched_s, tuple(doors.get(name, ())), machines))
    look, sentence = first_line(zones)
    return Page(look, sentence, tuple(zones), machines)


def first_line(zones: Sequence[ZoneShown]) -> tuple[str, str]:
    """The worst that is true of all zones: its look, and one sentence."""
    if not zones:
        return "stopped", "There is no zone yet."
    if lost := [zone for zone in zones if zone.state == "lost"]:
        rest = [zone for zone in zones if zone.state in ("good", "limited")]
        carry = f" {' and '.join(zone.name for zone in rest)} {'carry' if len(rest) > 1 else 'carries'} its mail." if rest else " Nothing carries its mail."
        return "broken", f"{_names(lost)} lost: nothing is heard from {'them' if len(lost) > 1 else 'it'}.{carry}"
    if not any(zone.engines for zone in zones):
        return "broken", "No engine runs in any zone: nothing leaves."
    if limited := [zone for zone in zones if zone.state == "limited"]:
        worst = max(limited, key=lambda zone: zone.wanted - zone.engines)
        return "limited", f"{_names(limited)} not whole: {worst.wrong[0] if worst.wrong else 'an engine is missing.'}"
    if out := [zone for zone in zones if zone.standing.is_out]:
        return "limited", f"{_names(out)} {out[0].state}: the others carry the mail."
    if nodes := [node.now.name for zone in zones for node in zone.nodes if node.standing.is_out]:
        return "limited", f"{plural(len(nodes), 'node')} out of service: {', '.join(nodes[:5])}."
    engines = sum(zone.engines for zone in zones)
    return "good", f"All {plural(len(zones), 'zone')} {'are' if len(zones) > 1 else 'is'} whole: {plural(engines, 'engine')} on {_count(zones)}."


def _names(zones: Sequence[ZoneShown]) -> str:
    return f"Zone{'s' if len(zones) > 1 else ''} {', '.join(zone.name for zone in zones)} {'are' if len(zones) > 1 else 'is'}"


def _count(zones: Sequence[ZoneShown]) -> str:
    return plural(sum(len(zone.nodes) for zone in zones), "node")


def _zone(
    standing: Standing,
    now: ZoneNow,
    nodes: tuple[NodeShown, ...],
    watched_s: float | None,
    doors: tuple[tuple[str, str], ...],
    machines: tuple[MachineShown, ...],
) -> ZoneShown:
    wrong = [node.says for node in nodes if node.says and not node.standing.is_out]
    unwatched = watched_s is None or watched_s > LOST_AFTER_S
    if unwatched and nodes:
        never = "has never looked" if watched_s is None else f"has not looked for {duration(watched_s)}"
        wrong.append(f"Its watcher {never}; other zones' watchers judge its engines.")
    wrong += [f"Endpoint {name} is dead." for name, state in doors if state == "dead"]
    mine = tuple(machine for machine in machines if now.name in machine.zones)
    return ZoneShown(now.name, state_of(standing, nodes, unwatched, bool(wrong)), standing, nodes, watched_s, doors, mine, now.per_s, tuple(wrong))


def state_of(standing: Standing, nodes: Sequence[NodeShown], unwatched: bool, wrong: bool) -> str:
    """One word for a zone; the worst that is true."""
    heard = any(node.now.heard_s is not None and node.now.heard_s <= LOST_AFTER_S for node in nodes)
    engines = sum(len(node.now.engines) for node in nodes)
    if standing.is_out:
        return "draining" if engines else standing.state
    if not nodes or all(node.now.heard_s is None for node in nodes):
        return "waiting"
    if not heard and not engines and unwatched:
        return "lost"
    return "limited" if wrong or not engines else "good"


def _machine(
    id_: str, name: str, url: str, joined: bool, started_at: datetime, nodes: Sequence[str], zones: Sequence[str], heard_s: float | None
) -> MachineShown:
    return MachineShown(id_, name, url, joined, started_at, tuple(nodes), tuple(zones), heard_s)


def _node(now: NodeNow, standing: Standing, returns: Sequence[Any]) -> NodeShown:
    back_s, takes_s, losses = returns
    return NodeShown(now, standing, what_is_wrong(now, standing, back_s, takes_s, losses))


def what_is_wrong(now: NodeNow, standing: Standing, back_s: float | None, takes_s: int | None, losses: int | None) -> str:
    """A node in a sentence, where there is something to say."""
    if standing.is_out:
        ending = f": {plural(len(now.engines), 'engine')} still to end" if now.engines else ""
        return f"{now.name} is {standing.state}{ending}."
    if now.heard_s is None:
        return f"{now.name} has never been heard of: start it with bin/up on its machine."
    if now.heard_s > LOST_AFTER_S and not now.engines:
        return f"{now.name} has not been heard of for {duration(now.heard_s)}: its mail goes along other nodes."
    if now.heard_s > LOST_AFTER_S:
        return f"{now.name}'s agent has not reported for {duration(now.heard_s)}; its engines run on."
    if len(now.engines) < now.slots:
        return f"{now.name} has {len(now.engines)} of {plural(now.slots, 'engine')}."
    if any(engine.state == "suspected" for engine in now.engines):
        return f"{now.name}: an engine is suspected."
    if back_s is not None and takes_s:
        again = f" (lost {losses} times)" if losses and losses > 1 else ""
        return f"{now.name} comes back by steps{again}: all of it in {duration(max(0.0, takes_s - back_s))}."
    return ""
