"""Reading: the last figures of all vitals, and their last hour. A handful of statements, however many zones and nodes there are.

What was measured a minute ago or earlier is not known now. Shares and counts are over their metric's window: of ticks up to five minutes, above that of
minutes. The hour is read once in half a minute.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.cache import cache

from mailplatform.shell.database.rows import select
from monitoring.health_page.vitals import EVERYTHING, Vital
from monitoring.metrics import read
from monitoring.metrics.catalog import Dimension, Kind
from monitoring.metrics.tick import Tick, beginning, shares, sums

NOW, WINDOW, HOUR = timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1)
BIN = timedelta(minutes=2)
HOUR_SHARED_FOR_S = 30
_PLACES = """
SELECT z.id, z.name, z.state, n.id, n.name, n.state FROM pools_zone z LEFT JOIN pools_node n ON n.zone_id = z.id ORDER BY z.name, n.name
"""
_LABELS = "SELECT key, label FROM monitoring_metricsubject WHERE dimension = %s"


@dataclass(frozen=True, slots=True)
class Node:
    key: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Zone:
    key: str
    name: str
    state: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    measured_at: datetime | None
    zones: tuple[Zone, ...] = ()
    clusters: Mapping[str, str] = field(default_factory=dict)  # key -> name
    now: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)  # (metric, dimension) -> subject -> value; counts by the minute
    hour: Mapping[tuple[str, str], Mapping[str, list[float | None]]] = field(default_factory=dict)
    delivered: float = 0.0  # in the last hour


def reading(at: datetime) -> Reading:
    zones, measured_at = _zones(), read.measured_at()
    minutes = _hour(at)
    if measured_at is None:
        return Reading(None, zones)
    levels = {(vital.key, vital.dimension) for vital in EVERYTHING if vital.metric.kind is Kind.LEVEL}
    counts = _counts(vital for vital in EVERYTHING if vital.metric.kind is not Kind.LEVEL)
    until = at + timedelta(seconds=10)
    last = _last(read.ticks(at - NOW, until, levels, "tick"))
    window = list(read.ticks(at - WINDOW, until, counts, "tick"))
    fresh = bool(window) and window[-1].at > at - NOW
    shares = {(vital.key, vital.dimension): _of_window(vital, window, minutes) for vital in EVERYTHING if vital.metric.kind is not Kind.LEVEL} if fresh else {}
    clusters = {key: label for key, label in select(_LABELS, [Dimension.CLUSTER]) if key in last.get(("cluster_silent_s", Dimension.CLUSTER), {})}
    delivered = sum(tick.values.get(("delivered", "all"), {}).get("all", 0.0) for tick in minutes)
    hour = {(vital.key, vital.dimension): _line(vital, minutes, at) for vital in EVERYTHING}
    return Reading(measured_at, zones, clusters, last | shares, hour, delivered)


def _zones() -> tuple[Zone, ...]:
    found: dict[tuple[str, str, str], list[Node]] = {}
    for zone, name, state, node, node_name, node_state in select(_PLACES):
        mine = found.setdefault((str(zone), name, state), [])
        if node is not None:
            mine.append(Node(str(node), node_name, node_state))
    return tuple(Zone(*zone, tuple(nodes)) for zone, nodes in found.items())


def _counts(vitals: Iterable[Vital]) -> set[tuple[str, str]]:
    return {(name, vital.dimension) for vital in vitals for name in vital.metric.stored}


def _hour(at: datetime) -> list[Tick]:
    """Minutes; several people who look at once read them once a process."""
    found: list[Tick] | None = cache.get("monitoring.health_hour")
    if found is None:
        found = list(read.ticks(beginning(at - HOUR, 60), at, _counts(EVERYTHING), "minute"))
        cache.set("monitoring.health_hour", found, HOUR_SHARED_FOR_S)
    return found


def _last(ticks: Iterable[Tick]) -> dict[tuple[str, str], Mapping[str, float]]:
    """Each metric as it was told last: some are not measured at every tick."""
    found: dict[tuple[str, str], Mapping[str, float]] = {}
    for tick in ticks:
        found |= tick.values
    return found


def _of_window(vital: Vital, window: Sequence[Tick], minutes: Sequence[Tick]) -> dict[str, float]:
    """Shares over the metric's window; counts of the last five minutes, by the minute."""
    if vital.is_rate:
        span_min = max(1.0, len(window) / 6)
        return {key: value / span_min for key, value in sums(window, vital.key, vital.dimension).items()}
    long = vital.metric.window_s > WINDOW.total_seconds()
    ticks = minutes[-vital.metric.window_s // 60 :] if long else window
    what, of_what = (sums(ticks, name, vital.dimension) for name in vital.metric.stored)
    return shares(what, of_what, vital.metric.floor)


def _line(vital: Vital, minutes: Sequence[Tick], at: datetime) -> dict[str, list[float | None]]:
    """The hour in steps of two minutes; what was not measured is a gap."""
    first = beginning(at - HOUR, 120)
    steps: list[list[Tick]] = [[] for _ in range(HOUR // BIN)]
    for tick in minutes:
        place = (tick.at - first) // BIN
        if 0 <= place < len(steps):
            steps[place].append(tick)
    values = [_value(vital, of) for of in steps]
    keys = {key for of in values for key in of}
    return {key: [of.get(key) for of in values] for key in keys}


def _value(vital: Vital, ticks: Sequence[Tick]) -> dict[str, float]:
    if vital.metric.kind is Kind.SHARE:
        what, of_what = (sums(ticks, name, vital.dimension) for name in vital.metric.stored)
        return shares(what, of_what, 1)
    told = [tick for tick in ticks if (vital.key, vital.dimension) in tick.values]
    times: dict[str, int] = {}
    for tick in told:
        for key in tick.values[vital.key, vital.dimension]:
            times[key] = times.get(key, 0) + 1
    total = sums(told, vital.key, vital.dimension)
    return {key: value / (len(told) if vital.is_rate else times[key]) for key, value in total.items()}
