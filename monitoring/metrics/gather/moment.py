"""A moment: when is measured, since when counts count, and where things are. What a part gets and gives. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitoring.metrics.catalog import Dimension
from monitoring.metrics.gather.places import ALL, Places

Values = dict[tuple[str, str], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime
    places: Places
    since: datetime | None  # the tick before; None: counts begin anew here


Gather = Callable[[Moment], Values]


def of_all(value: float | None) -> dict[str, float]:
    return {} if value is None else {ALL: float(value)}


def worst(metric: str, by_node: Mapping[int, float], places: Places) -> Values:
    """A machine's figure by node; of a zone and of all the worst node's."""
    zones: dict[str, float] = {}
    for node, value in by_node.items():
        zone = str(places.zone_of.get(node, ""))
        zones[zone] = max(zones.get(zone, value), value)
    return {
        (metric, Dimension.NODE): {str(node): value for node, value in by_node.items()},
        (metric, Dimension.ZONE): zones,
        (metric, Dimension.ALL): of_all(max(by_node.values(), default=None)),
    }


def added(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for key, value in pairs:
        sums[key] = sums.get(key, 0.0) + value
    return sums
