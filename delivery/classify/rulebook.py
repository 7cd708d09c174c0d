"""The rule book: which response rule a reply matches.

Owns: order and search. A provider's own rules come first, then everybody's, each by position; rules that know only the code
(`confidence` fallback) come last, after the table of enhanced codes. Promises: total on any text; a rule that does not
compile or speaks words that are not ours is left out, loudly. Never: decides what becomes of the delivery (classify.py).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import structlog

from delivery.classify.needles import needles
from pools.outcomes import ActionKind, ActionScope, PathAction, Reason
from pools.providers.shipped import group_of

FALLBACK = "fallback"
DISPOSITIONS = ("retry", "bounce", "suppress")
log = structlog.get_logger(__name__)


class RuleRow(Protocol):
    """What of a ResponseRule row is needed here."""

    @property
    def id(self) -> str: ...
    @property
    def provider_group(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def pattern(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def disposition(self) -> str: ...
    @property
    def temporary_5xx(self) -> bool: ...
    @property
    def action(self) -> dict[str, Any]: ...
    @property
    def confidence(self) -> str: ...


@dataclass(frozen=True)
class Rule:
    """One rule, compiled."""

    id: str
    group: str
    position: int
    pattern: str
    reason: Reason
    disposition: str
    temporary_5xx: bool
    action: PathAction | None
    fallback: bool

    @cached_property
    def search(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.IGNORECASE)


class Shelf:
    """Rules that are tried one after the other, with the needles that tell which of them can match at all."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._by_needle: dict[str, int] = {}  # needle → bits of the rules that want it
        self._always = 0  # bits of the rules without needles
        self._final = sum(1 << place for place, rule in enumerate(self._rules) if rule.disposition == "suppress")
        for place, rule in enumerate(self._rules):
            wanted = needles(rule.pattern)
            self._always |= 0 if wanted else 1 << place
            for needle in wanted or ():
                self._by_needle[needle] = self._by_needle.get(needle, 0) | 1 << place

    def first(self, text: str, temporary: bool = False) -> Rule | None:
        """The first rule that matches. Needles are ASCII and in lower case: for another text they tell nothing."""
        possible = self._possible(text.lower()) if text.isascii() else (1 << len(self._rules)) - 1
        possible &= ~self._final if temporary else possible
        while possible:
            lowest = possible & -possible
            rule = self._rules[lowest.bit_length() - 1]
            if rule.search.search(text):
                return rule
            possible ^= lowest
        return None

    def _possible(self, lower: str) -> int:
        possible = self._always
        for needle, places in self._by_needle.items():
            if needle in lower:
                possible |= places
        return possible


class RuleBook:
    """Every enabled rule, compiled and in order; build one from the rows and keep it until they change."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        ordered = sorted(rules, key=lambda rule: rule.position)
        general = [rule for rule in ordered if not rule.group and not rule.fallback]
        groups = {rule.group for rule in ordered if rule.group}
        self._general = Shelf(general)
        self._fallback = Shelf(rule for rule in ordered if rule.fallback and not rule.group)
        self._by_group = {group: Shelf([rule for rule in ordered if rule.group == group] + general) for group in groups}

    @classmethod
    def from_rows(cls, rows: Iterable[RuleRow]) -> "RuleBook":
        """From ResponseRule rows (or shipped rules); rows that are not enabled or not usable are left out."""
        compiled = (_compiled(row) for row in rows if getattr(row, "enabled", True))
        return cls(rule for rule in compiled if rule is not None)

    def match(self, text: str, provider_key: str, temporary: bool = False) -> Rule | None:
        """The first rule that a reply's text matches, code-only rules aside.

        A temporary reply passes over the rules that suppress: GMX greylists with "mailbox unavailable", which with a 5xx means nobody is there.
        """
        return self._by_group.get(group_of(provider_key), self._general).first(text, temporary)

    def by_code(self, text: str) -> Rule | None:
        """The rule for a reply of which only the code is understood."""
        return self._fallback.first(text)


def action_of(data: dict[str, Any]) -> PathAction | None:
    """The action of a rule's JSON; raises ValueError, KeyError or TypeError when it is not one."""
    if not data:
        return None
    return PathAction(
        kind=ActionKind(data["kind"]),
        scope=ActionScope(data["scope"]),
        duration_s=int(data["duration_s"]),
        trigger_count=int(data["trigger_count"]),
        trigger_period_s=int(data["trigger_period_s"]),
    )


def _compiled(row: RuleRow) -> Rule | None:
    try:
        if row.disposition not in DISPOSITIONS:
            raise ValueError(f"disposition {row.disposition!r}")
        rule = Rule(
            row.id,
            row.provider_group,
            row.position,
            row.pattern,
            Reason(row.reason),
            row.disposition,
            row.temporary_5xx,
            action_of(row.action),
            row.confidence == FALLBACK,
        )
        _ = rule.search, needles(rule.pattern)
    except (re.error, ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        log.error("response rule left out", rule=row.id, error=str(error))
        return None
    return rule
