"""Judge: what the controller makes of one warm-up's row and evidence, as a change to write down.

Owns: the way from rows to the controller's values and back, and what is not the controller's: that a warm-up begins with its first message, that a pause ends
when its time has come, and that a person's pause ends by a person. Never: reads or writes the database.
"""

from datetime import datetime

from mailplatform.shell import formats
from warming.controller import Act, Decision, Pace, Stage, decide, remembered
from warming.decided import Change, Kind, State
from warming.gates import StageEvidence, Trouble, trouble
from warming.plan import Plan, plan_of
from warming.warmups import WarmingPolicy, Warmup

KINDS = {Act.ADVANCE: Kind.ADVANCE, Act.HOLD: Kind.HOLD, Act.STEP_BACK: Kind.STEP_BACK, Act.PAUSE: Kind.PAUSE, Act.FINISH: Kind.FINISH}


def judge(warmup: Warmup, at: datetime, day_s: float, rules: WarmingPolicy | None = None, idle_days: float = 0.0, provider_wide: int = 0) -> Change | None:
    """What to do now; None: nothing to say. `provider_wide`: so many of its deferrals every IP hears."""
    if warmup.state == State.WAITING:
        words = f"The first message went: it counts from here, at {_a_day(warmup.cap_per_day)}."
        return Change(Kind.BEGIN, words, state=State.WARMING, begins=True) if warmup.attempted else None
    if warmup.state == State.PAUSED:
        over = warmup.paused_until is not None and at >= warmup.paused_until
        return Change(Kind.RESUME, f"The pause is over: it goes on with {_a_day(warmup.cap_per_day)}.", state=State.WARMING, anew=True) if over else None
    plan = plan_for(warmup)
    return _change(warmup, decide(stage_of(warmup), evidence_of(warmup, idle_days, provider_wide), plan, pace_of(warmup, rules), at, day_s), plan)


def plan_for(warmup: Warmup) -> Plan:
    return plan_of(warmup.plan, warmup.provider.key)


def stage_of(warmup: Warmup) -> Stage:
    return remembered(warmup.cap_per_day, warmup.stage_since, warmup.carried)


def evidence_of(warmup: Warmup, idle_days: float = 0.0, provider_wide: int = 0) -> StageEvidence:
    counts = (warmup.attempted, warmup.delivered, warmup.deferred, warmup.blocked, warmup.bounced, warmup.complaints)
    return StageEvidence(*counts, provider_wide=provider_wide, idle_days=idle_days)


def pace_of(warmup: Warmup, rules: WarmingPolicy | None) -> Pace:
    """The controller's own bounds, as often as a person wants them for this path."""
    return Pace(times=warmup.pace)


def place(plan: Plan, cap: float) -> int:
    """Which day of the plan a cap stands on, from 1."""
    return max(1, int(plan.day_of(cap) + 1e-6) + 1)


def places(plan: Plan) -> int:
    return int(plan.days[-1]) + 1


def in_trouble(warmup: Warmup) -> Trouble | None:
    """What its evidence would make the controller hold, step back or pause for."""
    gates = plan_for(warmup).gates
    return next((found for limits in (gates.pause, gates.back, gates.hold) if (found := trouble(evidence_of(warmup), limits))), None)


def said(warmup: Warmup, what: Trouble) -> str:
    """The evidence: "3 of 88 attempts blocked"."""
    evidence = evidence_of(warmup)
    return f"{formats.number(evidence.of(what))} of {formats.plural(evidence.attempted, 'attempt')} {what.words}"


def _change(warmup: Warmup, decision: Decision, plan: Plan) -> Change:
    states = {Act.PAUSE: State.PAUSED, Act.FINISH: State.FINISHED}
    return Change(
        KINDS[decision.act], decision.sentence, {**decision.evidence, "reason": decision.reason}, state=states.get(decision.act),
        stage=place(plan, decision.cap_per_day), per_day=decision.cap_per_day, per_hour=decision.cap_per_hour, anew=decision.anew,
        carried=decision.stage.carried(), look_again_at=decision.look_again_at, paused_until=decision.paused_until,
    )  # fmt: skip


def _a_day(cap: int) -> str:
    return f"{formats.number(cap)} a day"
