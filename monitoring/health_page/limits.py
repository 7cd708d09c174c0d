"""Limits: whether a figure is well, by the numbers of the alert rules that judge it. Pure.

A figure of all, or of a zone, is the worst or the sum of its parts': rules about each part say as much of it, unless they name subjects. What a rule compares
with its past, and what it sums over a window of its own, shows as an incident when it fires, and not before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from mailplatform.shell.models import Severity
from monitoring.alerts.judge import Comparison, Rule
from monitoring.alerts.sentences import limit
from monitoring.metrics.catalog import Dimension, Kind


class State(IntEnum):
    """In the order of how bad it is."""

    PLAIN = 0  # no rule judges it
    WELL = 1
    LOOK = 2
    BAD = 3

    @property
    def word(self) -> str:
        return ("", "well", "look", "bad")[self]

    @property
    def look(self) -> str:
        return ("", "good", "limited", "broken")[self]


@dataclass(frozen=True, slots=True)
class Limit:
    rule: Rule
    severity: int


@dataclass(frozen=True, slots=True)
class Judged:
    state: State
    words: str = ""  # the limit that it is beyond, or the nearest


def judged(value: float | None, limits: Iterable[Limit], key: str, dimension: str, subject: str) -> Judged:
    """`value` None: it was not measured."""
    mine = [one for one in limits if one.severity > Severity.INFO and _is_about(one.rule, key, dimension, subject)]
    found = [Judged(_state(value, one), _words(one.rule)) for one in mine]
    worst = max(found, key=lambda one: one.state, default=Judged(State.PLAIN))
    return worst if worst.state is not State.WELL else Judged(State.WELL, "; ".join(one.words for one in found if one.words))


def _is_about(rule: Rule, key: str, dimension: str, subject: str) -> bool:
    if rule.metric.key != key or rule.compares_past or (rule.metric.kind is not Kind.LEVEL and rule.window_s > rule.metric.window_s):
        return False
    if rule.dimension == dimension:
        return not rule.subjects or subject in rule.subjects
    is_of_parts = not rule.subjects and rule.comparison is not Comparison.NO_DATA and rule.metric.kind is not Kind.COUNT
    return is_of_parts and dimension in (Dimension.ALL, Dimension.ZONE)


def _state(value: float | None, of: Limit) -> State:
    rule = of.rule
    if rule.comparison is Comparison.NO_DATA:
        beyond = value is None
    elif value is None:
        return State.PLAIN
    else:
        beyond = value < rule.threshold if rule.comparison is Comparison.BELOW else value > rule.threshold
    return (State.BAD if of.severity >= Severity.CRITICAL else State.LOOK) if beyond else State.WELL


def _words(rule: Rule) -> str:
    if rule.comparison is Comparison.NO_DATA:
        return ""
    return limit(rule)
