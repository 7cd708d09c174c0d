"""Judge: what is made of one warm-up's evidence, as a change to write down. Pure but for the formats.

Promises: advances on clean evidence alone, and only when the cap was used; steps back or pauses on blocks, whatever else looks well; bad evidence below its
floor of attempts holds nobody. A pause by a person ends by a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mailplatform.shell import formats
from warming.decided import COUNTERS, Change, Kind, State
from warming.ladder import Caps, stages
from warming.warmups import Warmup

LOOK_EVERY = 1 / 96  # of a day
USED_SHARE = 0.9  # of a cap before the next stage
BACK = 2  # stages


@dataclass(frozen=True, slots=True)
class Gate:
    """A share of the attempts at which something is done, once there were `floor` of them."""

    name: str
    counter: str
    share: float
    floor: int
    least: int = 1


PAUSES = (Gate("blocked", "blocked", 0.2, 20, 5), Gate("bounced as unknown", "bounced", 0.1, 200), Gate("complaints", "complaints", 0.005, 1000))
STEPS_BACK = (
    Gate("blocked", "blocked", 0.02, 20, 2), Gate("deferred", "deferred", 0.25, 100), Gate("bounced as unknown", "bounced", 0.05, 200),
    Gate("complaints", "complaints", 0.003, 1000),
)  # fmt: skip
HOLDS = (
    Gate("blocked", "blocked", 0.0, 1), Gate("deferred", "deferred", 0.1, 30), Gate("bounced as unknown", "bounced", 0.02, 100),
    Gate("complaints", "complaints", 0.001, 1000),
)  # fmt: skip


def judge(warmup: Warmup, at: datetime, day_s: float) -> Change | None:
    """What to do now; None: nothing to say."""
    if warmup.state == State.WAITING:
        return Change(Kind.BEGIN, "The first message went: its first stage counts from here.", state=State.WARMING) if warmup.attempted else None
    if warmup.state == State.PAUSED:
        over = warmup.paused_until is not None and at >= warmup.paused_until
        return Change(Kind.RESUME, f"The pause is over: it goes on with {_a_day(warmup.cap_per_day)}.", state=State.WARMING, anew=True) if over else None
    return _running(warmup, stages(warmup.plan, warmup.provider.key, warmup.pace), at, day_s)


def _running(warmup: Warmup, steps: Sequence[Caps], at: datetime, day_s: float) -> Change | None:
    again = at + timedelta(seconds=day_s * LOOK_EVERY)
    if gate := tripped(warmup, PAUSES):
        until = at + timedelta(seconds=day_s)
        stage = max(1, warmup.stage - BACK)
        caps = steps[stage - 1]
        words = f"Paused for a day: {said(warmup, gate)}. Then it goes on with {_a_day(caps.per_day)}."
        return Change(Kind.PAUSE, words, facts(warmup, gate), state=State.PAUSED, stage=stage, per_day=caps.per_day, per_hour=caps.per_hour, paused_until=until)
    if (gate := tripped(warmup, STEPS_BACK)) and warmup.stage > 1:
        stage = max(1, warmup.stage - BACK)
        caps = steps[stage - 1]
        words = f"Steps back to {_a_day(caps.per_day)}: {said(warmup, gate)}."
        return _to(Kind.STEP_BACK, words, facts(warmup, gate), stage, caps, again)
    if gate := tripped(warmup, HOLDS):
        return Change(Kind.HOLD, f"Holds at {_a_day(warmup.cap_per_day)}: {said(warmup, gate)}.", facts(warmup, gate), look_again_at=again)
    if warmup.attempted < USED_SHARE * warmup.cap_per_day:
        return None
    clean = f"{formats.percent(warmup.attempted, warmup.cap_per_day, 0)} of {formats.number(warmup.cap_per_day)} used, {said_clean(warmup)}"
    if warmup.stage >= len(steps):
        return Change(Kind.FINISH, f"Full volume: {clean}.", facts(warmup), state=State.FINISHED)
    caps = steps[warmup.stage]
    return _to(Kind.ADVANCE, f"Advances to {_a_day(caps.per_day)}: {clean}.", facts(warmup), warmup.stage + 1, caps, again)


def tripped(warmup: Warmup, gates: Sequence[Gate]) -> Gate | None:
    """The first gate that this stage's evidence does not pass."""
    n = max(1, warmup.attempted)
    counts = [(gate, getattr(warmup, gate.counter)) for gate in gates if warmup.attempted >= gate.floor]
    return next((gate for gate, count in counts if count >= gate.least and count / n >= gate.share), None)


def said(warmup: Warmup, gate: Gate) -> str:
    """The evidence: "3 of 88 attempts blocked"."""
    return f"{formats.number(getattr(warmup, gate.counter))} of {formats.plural(warmup.attempted, 'attempt')} {gate.name}"


def said_clean(warmup: Warmup) -> str:
    return f"{formats.percent(warmup.deferred, max(1, warmup.attempted))} deferred, {'no block' if not warmup.blocked else f'{warmup.blocked} blocked'}"


def facts(warmup: Warmup, gate: Gate | None = None) -> dict[str, Any]:
    return {name: getattr(warmup, name) for name in COUNTERS} | {"reason": gate.name if gate else "clean"}


def _to(kind: str, sentence: str, evidence: dict[str, Any], stage: int, caps: Caps, again: datetime) -> Change:
    return Change(kind, sentence, evidence, stage=stage, per_day=caps.per_day, per_hour=caps.per_hour, anew=True, look_again_at=again)


def _a_day(cap: int) -> str:
    return f"{formats.number(cap)} a day"
