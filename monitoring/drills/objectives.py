"""Objectives: what a run measured against what its operator asked. Pure.

A figure that was asked for and is not known is missed: a drill that cannot say how long it took has not shown anything. Losses and doubles are asked of the
kinds that count them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Objective:
    """One line of a report. `unit` is "ms", "s" or "" for a count."""

    name: str
    unit: str
    limit: int
    measured: float | None
    met: bool


# name, unit, the policy's field, the figure, what divides the figure
_LINES = (
    ("Detected within", "ms", "detect_ms", "found_ms", 1),
    ("Rerouted within", "ms", "reroute_ms", "rerouted_ms", 1),
    ("Recovery time", "s", "recovery_s", "recovery_ms", 1000),
    ("Recovery point", "s", "point_s", "point_ms", 1000),
    ("Late at most", "", "late_max", "late", 1),
    ("Lost at most", "", "lost_max", "lost", 1),
    ("Doubled at most", "", "doubled_max", "doubled", 1),
)


def judge(asked: Mapping[str, Any], figures: Mapping[str, Any]) -> list[Objective]:
    """Every objective that is asked, met or not. Rerouting is not asked where nothing was in anybody's hands."""
    found = []
    for name, unit, field, figure, divisor in _LINES:
        limit, value = asked.get(field), figures.get(figure)
        uncounted = figure in ("lost", "doubled") and figure not in figures
        nothing_in_hand = figure == "rerouted_ms" and value is None and not figures.get("in_hand")
        if limit is None or uncounted or nothing_in_hand:
            continue
        measured = None if value is None else value / divisor
        found.append(Objective(name, unit, limit, measured, measured is not None and measured <= limit))
    return found


def verdict(objectives: Sequence[Objective]) -> str:
    """As `Drill.Verdict` has it."""
    return "passed" if objectives and all(one.met for one in objectives) else "missed"


def as_rows(objectives: Sequence[Objective]) -> list[dict[str, Any]]:
    return [asdict(one) for one in objectives]
