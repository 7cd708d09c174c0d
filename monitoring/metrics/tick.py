"""A tick: everything that was measured at one moment, by metric, dimension and subject. Pure: no database, no clock.

A level's value is how much there was, a count's how often since the tick before. Shares are not in it: they are made of counts when they are read.
A metric that could not be collected is not in `values` at all; a metric that was collected and has no subjects is there, and empty.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.metrics.catalog import TICK_S

Key = tuple[str, str]  # (metric, dimension); (dimension, subject) for labels

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tick:
    at: datetime  # aware: its beginning, a multiple of ten seconds
    values: Mapping[Key, Mapping[str, float]]  # (metric, dimension) -> subject's key -> value
    labels: Mapping[Key, str] = field(default_factory=dict)  # (dimension, subject's key) -> words; may be partial
    step_s: int = TICK_S  # longer, where a minute or an hour is read as one

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "values": [[metric, dimension, dict(of)] for (metric, dimension), of in self.values.items()],
            "labels": [[dimension, subject, words] for (dimension, subject), words in self.labels.items()],
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Tick":
        return cls(
            at=datetime.fromisoformat(said["at"]),
            values={(metric, dimension): {str(key): float(value) for key, value in of.items()} for metric, dimension, of in said["values"]},
            labels={(dimension, subject): words for dimension, subject, words in said["labels"]},
        )


def sums(ticks: Iterable[Tick], metric: str, dimension: str) -> dict[str, float]:
    """By subject, over all of them."""
    found: dict[str, float] = {}
    for tick in ticks:
        for key, value in tick.values.get((metric, dimension), {}).items():
            found[key] = found.get(key, 0.0) + value
    return found


def shares(what: Mapping[str, float], of_what: Mapping[str, float], floor: int) -> dict[str, float]:
    """Of two counts; who has fewer than the floor, or nothing, has none."""
    return {key: what.get(key, 0.0) / of for key, of in of_what.items() if of >= max(1, floor)}


def beginning(moment: datetime, step_s: int = TICK_S) -> datetime:
    """The beginning of the tick (or minute, or hour) that a moment lies in."""
    return moment - timedelta(microseconds=((moment - _EPOCH) // timedelta(microseconds=1)) % (step_s * 1_000_000))
