"""Act: what a person does to a warm-up: pause, resume, skip a stage, step back, finish, another pace, another plan.

Owns: which of it is possible, in words. Promises: the decision is written with the person's name, like the controller's; a decision that was made meanwhile
wins, and the person is asked to look again. Taking back restores state, stage, caps, pace and plan, unless something was decided since. Never: asks
who may (pages do); touches mail.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from mailplatform.shell import formats
from warming.decided import Change, Kind, State, settle
from warming.judge import place, places, plan_for
from warming.models import WarmupPlan
from warming.plan import Plan, plan_of
from warming.warmups import WarmingPolicy, Warmup

MEANWHILE = "Something was decided about it meanwhile: look at it again."
Wanted = Change | str  # a sentence: why not


def change(warmup: Warmup, what: str, value: str, by: str, at: datetime, rules: WarmingPolicy) -> Warmup | str:
    """Do it; the warm-up as it is then, or why not."""
    if what not in ACTIONS or not warmup.running:
        return "It is over." if not warmup.running else "There is no such action."
    wanted = ACTIONS[what](warmup, value, by, rules)
    if isinstance(wanted, str):
        return wanted
    return settle(warmup, wanted, at, rules) or MEANWHILE


def _pause(warmup: Warmup, value: str, by: str, rules: WarmingPolicy) -> Wanted:
    if warmup.state == State.PAUSED:
        return "It is paused already."
    return Change(Kind.PAUSE, f"Paused by {by} until a person resumes it: nothing goes along this path.", by=by, state=State.PAUSED)


def _resume(warmup: Warmup, value: str, by: str, rules: WarmingPolicy) -> Wanted:
    if warmup.state != State.PAUSED:
        return "It is not paused."
    return Change(Kind.RESUME, f"Resumed by {by} at {_a_day(warmup.cap_per_day)}.", by=by, state=State.WARMING, anew=True)


def _skip(warmup: Warmup, value: str, by: str, rules: WarmingPolicy) -> Wanted:
    plan = plan_for(warmup)
    if warmup.state == State.PAUSED:
        return "It is paused: resume it first."
    if warmup.cap_per_day >= plan.ceiling:
        return "It is at the plan's end: finish it, if it may send all it can."
    cap = max(warmup.cap_per_day + 1, plan.cap_at(max(0.0, plan.day_of(warmup.cap_per_day)) + 1))
    return _to(Kind.ADVANCE, f"Skipped by {by} to {_a_day(cap)}.", by, plan, min(plan.ceiling, cap))


def _back(warmup: Warmup, value: str, by: str, rules: WarmingPolicy) -> Wanted:
    plan = plan_for(warmup)
    if warmup.cap_per_day <= plan.first:
        return "It is at its first stage."
    cap = max(plan.first, plan.cap_at(plan.day_of(warmup.cap_per_day) - 1))
    return _to(Kind.STEP_BACK, f"Stepped back by {by} to {_a_day(cap)}.", by, plan, cap)


def _finish(warmup: Warmup, value: str, by: str, rules: WarmingPolicy) -> Wanted:
    return Change(Kind.FINISH, f"Finished by {by}: no cap of warming holds any more.", by=by, state=State.FINISHED)


def _pace(warmup: Warmup, value: str, by: str, rules: WarmingPolicy) -> Wanted:
    try:
        pace = float(value)
    except ValueError:
        return "A pace is a number: 1 is the plan's."
    if not rules.slowest <= pace <= rules.fastest:
        return f"A pace is {rules.slowest:g} to {rules.fastest:g}; 1 is the plan's."
    sentence = f"The pace is {pace:g} instead of {warmup.pace:g}, by {by}. The cap stays at {_a_day(warmup.cap_per_day)}."
    return Change(Kind.PACE, sentence, by=by, pace=pace, carried={**warmup.carried, "speed": None})


def _plan(warmup: Warmup, value: str, by: str, rules: WarmingPolicy) -> Wanted:
    plan = WarmupPlan.objects.filter(pk=value if value.isdecimal() else 0, is_enabled=True).exclude(daily=[]).first()
    if plan is None:
        return "There is no such plan that can be run."
    curve = plan_of(plan, warmup.provider.key)
    cap = min(warmup.cap_per_day, curve.ceiling)
    sentence = f"It follows “{plan.title}”, version {plan.version}, by {by}: from {_a_day(cap)}, day {place(curve, cap)} of {places(curve)}."
    return Change(Kind.PLAN, sentence, by=by, plan_id=plan.pk, stage=place(curve, cap), per_day=cap, per_hour=curve.hour_of(cap), anew=True)


ACTIONS: dict[str, Callable[[Warmup, str, str, WarmingPolicy], Wanted]] = {
    "pause": _pause, "resume": _resume, "skip": _skip, "back": _back, "finish": _finish, "pace": _pace, "plan": _plan,
}  # fmt: skip
RESTORED = ("state", "stage", "cap_per_day", "cap_per_hour", "pace", "plan_id")


def before(warmup: Warmup) -> dict[str, Any]:
    """What taking back restores."""
    return {name: getattr(warmup, name) for name in RESTORED}


def take_back(pk: int, number: int, was: dict[str, Any], by: str, at: datetime, rules: WarmingPolicy) -> str:
    """Undo decision `number`, if it was the last; the sentence that says what became of it."""
    warmup = Warmup.objects.select_related("ip", "provider", "plan").get(pk=pk)
    if warmup.decisions != number:
        return MEANWHILE
    sentence = f"Taken back by {by}: {_a_day(was['cap_per_day'])}, stage {was['stage']}, as before."
    undo = Change(
        Kind.UNDO, sentence, by=by, state=was["state"], stage=was["stage"], per_day=was["cap_per_day"], per_hour=was["cap_per_hour"], pace=was["pace"],
        plan_id=was["plan_id"],
    )  # fmt: skip
    return sentence if settle(warmup, undo, at, rules) else MEANWHILE


def _to(kind: str, sentence: str, by: str, plan: Plan, cap: int) -> Change:
    return Change(kind, sentence, by=by, stage=place(plan, cap), per_day=cap, per_hour=plan.hour_of(cap), anew=True)


def _a_day(cap: int) -> str:
    return f"{formats.number(cap)} a day"
