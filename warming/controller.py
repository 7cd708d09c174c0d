"""Controller: what is decided about one path's warm-up, from what its stage showed. Pure.

A path moves along its plan's curve (day 1 to the last, figures between two days in proportion) at a speed of its own: so many days of the plan a day.
Promises: never above the plan's ceiling; advances on enough clean evidence alone, and by as much of a day as the cap was used; worse evidence never
gives a higher cap; trouble takes the cap back and slows what follows, clean mail makes it quicker again, within the operator's bounds. Capacity that
nobody used advances nothing; long idleness steps back. Never: reads a clock, a row or a setting. Written out in docs/warming.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mailplatform.shell import formats
from warming.gates import Gates, StageEvidence, Trouble, care, trouble
from warming.plan import Plan

LOOKS_A_DAY = 24
LEAST_STEP = 0.12  # of a day's cap: for less there is nothing to say
MOST_STEP = 1 / 4  # of a day at once, however long nobody looked
FEWEST = 6  # attempts without which a stage has shown nothing
FINISH_AFTER = 1.0  # days' worth of clean mail at the ceiling
ROOM = 2.0  # a path whose cap is so many times what it needs is warm
NEED_AFTER = 3.0  # days' worth of evidence for that
FRESH_AFTER = 0.25  # of a day: a hold looks at new evidence from here on
IDLE_BACK_DAYS, IDLE_LEAVES = 3.0, 0.8  # for each day without mail after so many, the cap keeps this much
BACK = {Trouble.DEFERRED: 0.5, Trouble.BLOCKED: 0.5, Trouble.BOUNCED: 0.7, Trouble.COMPLAINTS: 0.7, Trouble.JUNKED: 0.5}
PAUSE_LEAVES = 0.3
SLOWED, QUICKENED = 0.4, 1.04  # the speed after trouble, and after a clean day
COOLS_DAYS = 0.5  # after a step back


class Act(StrEnum):
    ADVANCE = "advance"
    HOLD = "hold"
    STEP_BACK = "step_back"
    PAUSE = "pause"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Pace:
    """The operator's bounds, in days of the plan a day. `times` is the pace a person chose for this path; 1: the bounds as they are."""

    slow: float = 0.25
    fast: float = 2.5
    first: float = 2.25
    times: float = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a path is. All but the cap and `since` is memory (`carried`), which its first stage does without."""

    cap_per_day: int
    since: datetime
    speed: float | None = None  # None: the pace's first
    cool_until: datetime | None = None
    clean_days: float = 0.0  # days' worth of clean mail since the last trouble

    def carried(self) -> dict[str, Any]:
        """The memory as JSON, for `remembered`."""
        until = self.cool_until.isoformat() if self.cool_until else None
        return {"speed": self.speed, "cool_until": until, "clean_days": round(self.clean_days, 4)}


def remembered(cap_per_day: int, since: datetime, carried: dict[str, Any]) -> Stage:
    """A stage from a row; an empty memory is a first stage's."""
    until = carried.get("cool_until")
    cool_until = datetime.fromisoformat(until) if until else None
    return Stage(cap_per_day, since, carried.get("speed"), cool_until, float(carried.get("clean_days") or 0.0))


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do. `stage` is what holds from now on; `anew`: evidence counts from now. `paused_until`: a pause's end."""

    act: Act
    stage: Stage
    cap_per_hour: int
    says: Callable[[], str] = field(compare=False, repr=False)  # worded when somebody reads it: a simulation decides millions of times
    reason: str
    look_again_at: datetime
    seen: StageEvidence
    anew: bool = False
    paused_until: datetime | None = None

    @property
    def cap_per_day(self) -> int:
        return self.stage.cap_per_day

    @property
    def sentence(self) -> str:
        """For people."""
        return self.says()

    @property
    def evidence(self) -> dict[str, int]:
        return self.seen.counts()


def decide(stage: Stage, evidence: StageEvidence, plan: Plan, pace: Pace, now: datetime, day_s: float = 86_400.0) -> Decision:
    """What becomes of this path now; asked again at `look_again_at` or at any time before."""
    look = _Look(stage, evidence, plan, pace, now, day_s)
    if evidence.idle_days >= IDLE_BACK_DAYS:
        return look.idle()
    if worst := trouble(evidence, plan.gates.pause):
        return look.pause(worst)
    if worst := trouble(evidence, plan.gates.back):
        return look.back(worst)
    if worst := trouble(evidence, plan.gates.hold):
        return look.hold(lambda: _said(evidence, worst), worst, fresh=look.elapsed >= FRESH_AFTER)
    if stage.cool_until is not None and now < stage.cool_until:
        return look.hold(lambda: "it was in trouble a while ago, and rests at this cap", "rests", fresh=look.elapsed >= FRESH_AFTER)
    if evidence.attempted < FEWEST:
        return look.hold(lambda: f"{formats.plural(evidence.attempted, 'attempt')} in this stage say too little", "thin")
    if look.worth < LEAST_STEP:
        return look.hold(lambda: f"{formats.number(evidence.attempted)} of the cap used in this stage, clean so far", "used too little")
    return look.clean()


@dataclass(frozen=True, slots=True)
class _Look:
    """One look: the arguments, and the decisions that they allow."""

    stage: Stage
    evidence: StageEvidence
    plan: Plan
    pace: Pace
    now: datetime
    day_s: float

    @property
    def elapsed(self) -> float:
        """Days since the stage began."""
        return max(0.0, (self.now - self.stage.since).total_seconds() / self.day_s)

    @property
    def worth(self) -> float:
        """Days' worth of the cap that were used in this stage: time alone is worth nothing, and a burst no more than its time."""
        return min(self.elapsed, self.evidence.attempted / self.stage.cap_per_day)

    @property
    def slowest(self) -> float:
        return self.pace.slow * self.pace.times

    @property
    def fastest(self) -> float:
        return max(self.slowest, self.pace.fast * self.pace.times)

    @property
    def speed(self) -> float:
        chosen = self.pace.first * self.pace.times if self.stage.speed is None else self.stage.speed
        return min(self.fastest, max(self.slowest, chosen))

    def clean(self) -> Decision:
        cap, clean_days = self.stage.cap_per_day, self.stage.clean_days + self.worth
        at_top = cap >= self.plan.ceiling
        needs = self.evidence.need_per_day
        enough = needs is not None and cap >= ROOM * needs and clean_days >= NEED_AFTER
        if (at_top and clean_days >= FINISH_AFTER) or enough:
            words = lambda: f"Full volume at {formats.number(cap)} a day: {_clean(self.evidence)}. Its caps are lifted."  # noqa: E731
            return self._to(Act.FINISH, cap, words, "clean", anew=True)
        if at_top:
            stage = replace(self.stage, clean_days=clean_days, since=self.now)
            return self._to(Act.HOLD, cap, lambda: f"Holds at the plan's end for a clean day: {_clean(self.evidence)}.", "at the end", stage, anew=True)
        step = min(self.worth, MOST_STEP) * self.speed * care(self.evidence, self.plan.gates.hold)
        to = min(self.plan.ceiling, max(cap, self.plan.cap_at(self.plan.day_of(cap) + step), cap + 1))
        speed = min(self.fastest, self.speed * QUICKENED**self.worth)
        stage = replace(self.stage, speed=speed, clean_days=clean_days, cool_until=None)
        words = lambda: f"Advances to {formats.number(to)} a day: {formats.number(self.evidence.attempted)} sent, {_clean(self.evidence)}."  # noqa: E731
        return self._to(Act.ADVANCE, to, words, "clean", stage, anew=True)

    def hold(self, why: Callable[[], str], reason: str, fresh: bool = False) -> Decision:
        words = lambda: f"Holds at {formats.number(self.stage.cap_per_day)} a day: {why()}."  # noqa: E731
        stage = replace(self.stage, clean_days=0.0) if isinstance(reason, Trouble) else self.stage
        return self._to(Act.HOLD, min(self.stage.cap_per_day, self.plan.ceiling), words, reason, stage, anew=fresh)

    def back(self, worst: Trouble) -> Decision:
        cap = self._lower(BACK[worst])
        words = lambda: f"Steps back to {formats.number(cap)} a day: {_said(self.evidence, worst)}."  # noqa: E731
        return self._to(Act.STEP_BACK, cap, words, worst, self._slowed(COOLS_DAYS), anew=True)

    def pause(self, worst: Trouble) -> Decision:
        cap, until = self._lower(PAUSE_LEAVES), self.now + timedelta(seconds=self.day_s)
        words = lambda: f"Pauses for a day: {_said(self.evidence, worst)}. Then it goes on with {formats.number(cap)} a day."  # noqa: E731
        decision = self._to(Act.PAUSE, cap, words, worst, self._slowed(1.0 + COOLS_DAYS), anew=True)
        return replace(decision, paused_until=until, look_again_at=until)

    def idle(self) -> Decision:
        """What was reached is forgotten as it was learnt, a part for each day without mail; the shell asks once a day of idleness."""
        cap = self._lower(IDLE_LEAVES)
        if self.elapsed < 1.0 or cap >= self.stage.cap_per_day:
            return self.hold(lambda: "nothing was sent, and unused days are no days", "idle")
        words = lambda: f"Steps back to {formats.number(cap)} a day: nothing was sent for {self.evidence.idle_days:.0f} days."  # noqa: E731
        return self._to(Act.STEP_BACK, cap, words, "idle", replace(self.stage, clean_days=0.0), anew=True)

    def _slowed(self, days: float) -> Stage:
        speed = max(self.slowest, self.speed * SLOWED)
        return replace(self.stage, speed=speed, clean_days=0.0, cool_until=self.now + timedelta(seconds=days * self.day_s))

    def _lower(self, part: float) -> int:
        least = min(self.plan.least, self.stage.cap_per_day)
        return min(self.plan.ceiling, max(least, int(self.stage.cap_per_day * part)))

    def _to(self, act: Act, cap: int, words: Callable[[], str], reason: str, stage: Stage | None = None, anew: bool = False) -> Decision:
        stage = replace(stage or self.stage, cap_per_day=cap, since=self.now if anew else self.stage.since)
        again = self.now + timedelta(seconds=self.day_s / LOOKS_A_DAY)
        return Decision(act, stage, self.plan.hour_of(cap), words, str(reason), again, self.evidence, anew)


def _said(evidence: StageEvidence, worst: Trouble) -> str:
    """The evidence: "3 of 88 attempts blocked"."""
    return f"{formats.number(evidence.of(worst))} of {formats.plural(evidence.attempted, 'attempt')} {worst.words}"


def _clean(evidence: StageEvidence) -> str:
    blocks = "no block" if not evidence.blocked else f"{formats.number(evidence.blocked)} blocked"
    return f"{formats.percent(evidence.blamed, max(1, evidence.attempted))} deferred, {blocks}"


__all__ = ["Act", "Decision", "Gates", "Pace", "Plan", "Stage", "StageEvidence", "decide", "remembered"]
