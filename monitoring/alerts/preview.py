"""Preview: when a rule would have fired on the recorded past. Reads metrics; writes nothing.

The same judge as live, over what is kept: ticks, before that minutes, before that hours. Of what lasts shorter than such a step only its average is known, and
what the preview says of that time is as coarse; `resolution` says so in words.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from mailplatform.shell.formats import listed
from monitoring.alerts.history import History, looks_back_s, wanted_of
from monitoring.alerts.judge import Change, Rule, Standing, What, judge
from monitoring.alerts.judging import usual_of
from monitoring.metrics import read
from monitoring.metrics.catalog import CALENDAR
from monitoring.metrics.models import MetricSubject

EVERY_TICK = (CALENDAR, "all")  # one in which the metric was not collected was a tick too
MANY = 60  # subjects: of more minutes are read where ticks are kept, or it takes seconds
MOST_FIRINGS = 500
_STEPS = {10: "ten seconds", 60: "a minute", 3600: "an hour"}


@dataclass(frozen=True, slots=True)
class Firing:
    subject: str
    label: str
    since: datetime  # when it began
    fired_at: datetime
    cleared_at: datetime | None  # None: it had not ended
    worst: float | None

    @property
    def lasted_s(self) -> float | None:
        return (self.cleared_at - self.since).total_seconds() if self.cleared_at else None


@dataclass(frozen=True, slots=True)
class Preview:
    firings: tuple[Firing, ...]  # in order of firing; the first MOST_FIRINGS
    count: int
    since: datetime  # the first that was recorded; `until` where nothing was
    until: datetime
    resolution: str  # in words

    @property
    def looked_at(self) -> timedelta:
        return self.until - self.since


def preview(rule: Rule, since: datetime, until: datetime) -> Preview:
    history, standing = History(), Standing()
    history.wants([rule])
    usual = usual_of(rule, since, until) if rule.compares_past else None
    many = not rule.subjects and MetricSubject.objects.filter(dimension=rule.dimension).count() > MANY
    step: Literal["minute", "best"] = "minute" if many else "best"
    first: datetime | None = None
    steps: set[int] = set()
    changes: list[Change] = []
    for tick in read.ticks(since - timedelta(seconds=looks_back_s([rule])), until, [*wanted_of([rule]), EVERY_TICK], step):
        history.add(tick)
        if tick.at < since:
            continue
        first = first or tick.at
        steps.add(tick.step_s)
        standing, new = judge(rule, standing, history.seen(rule), partial(usual.of, at=tick.at) if usual else lambda _: None)
        changes += new
    found = _firings(changes, standing, rule)
    return Preview(tuple(found[:MOST_FIRINGS]), len(found), first or until, until, _words(steps))


def _firings(changes: list[Change], standing: Standing, rule: Rule) -> list[Firing]:
    labels = read.labels(rule.dimension)
    open_: dict[str, Change] = {}
    found: list[Firing] = []
    for change in changes:
        if change.what is What.FIRED:
            open_[change.subject] = change
        elif change.what is What.CLEARED:
            began = open_.pop(change.subject)
            found.append(Firing(began.subject, labels.get(began.subject, began.subject), began.since, began.at, change.at, change.worst))
    for key, began in open_.items():
        found.append(Firing(key, labels.get(key, key), began.since, began.at, None, standing.subjects[key].worst))
    return sorted(found, key=lambda one: (one.fired_at, one.subject))


def _words(steps: set[int]) -> str:
    if not steps:
        return "Nothing of it was recorded in that time."
    told = listed(_STEPS.get(step, f"{step} s") for step in sorted(steps))
    coarse = " What lasted shorter than that shows in an average only." if max(steps) > min(_STEPS) else ""
    return f"It was recorded by {told}.{coarse}"
