"""Judging: all rules over the same ticks, with what they look back on. Reads metrics; writes nothing.

Whoever begins reads what windows and the usual need of what is kept, and goes on as if it had always been there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from monitoring.alerts.history import LOOKS_BACK, History, Usual, as_kept, wanted_of
from monitoring.alerts.judge import Change, Rule, Standing, judge
from monitoring.metrics import read
from monitoring.metrics.tick import Tick, beginning


def usual_of(rule: Rule, since: datetime, until: datetime) -> Usual:
    """What is needed to compare any moment from `since` until then with its past."""
    return Usual(rule, read.ticks(since - LOOKS_BACK, until, wanted_of([rule]), "hour"))


@dataclass(slots=True)
class Judging:
    hurry: float = 1.0
    standings: dict[int, Standing] = field(default_factory=dict)  # by rule
    _rules: dict[int, Rule] = field(default_factory=dict)
    _history: History = field(default_factory=History)
    _usual: dict[int, tuple[Rule, datetime, Usual]] = field(default_factory=dict)

    def see(self, tick: Tick, rules: Sequence[Rule]) -> None:
        self._rules = {rule.id: rule for rule in rules}
        tick = as_kept(tick, wanted_of(rules))
        self._fill(rules, tick.at)
        self._compare(rules, tick.at)
        self._history.add(tick)

    def judge(self) -> list[tuple[Rule, Change]]:
        """What the last tick changes; a rule that is no longer there no longer stands."""
        standings: dict[int, Standing] = {}
        changes: list[tuple[Rule, Change]] = []
        for id_, rule in self._rules.items():
            seen, known = self._history.seen(rule), self._usual.get(id_)
            past = partial(known[2].of, at=seen.at) if known else lambda _: None
            standings[id_], new = judge(rule, self.standings.get(id_, Standing()), seen, past, self.hurry)
            changes += [(rule, change) for change in new]
        self.standings = standings
        return changes

    def value(self, rule_id: int, subject: str) -> tuple[Rule, float | None]:
        rule = self._rules[rule_id]
        return rule, self._history.seen(rule).values.get(subject)

    def _fill(self, rules: Sequence[Rule], at: datetime) -> None:
        new = self._history.wants(rules)
        if not new:
            return
        longest = max(window_s for *_, window_s in new)
        for tick in read.ticks(at - timedelta(seconds=longest), at, [(name, dimension) for name, dimension, _ in new]):
            for (name, dimension, window_s), window in new.items():
                if tick.at >= at - timedelta(seconds=window_s):
                    window.add(tick.at, tick.values.get((name, dimension), {}), tick.step_s)

    def _compare(self, rules: Sequence[Rule], at: datetime) -> None:
        """The hours of the past are read anew once an hour."""
        hour = beginning(at, 3600)
        for rule in (rule for rule in rules if rule.compares_past):
            known = self._usual.get(rule.id)
            if known is None or known[:2] != (rule, hour):
                self._usual[rule.id] = rule, hour, usual_of(rule, at, hour)
        self._usual = {id_: known for id_, known in self._usual.items() if id_ in self._rules}
