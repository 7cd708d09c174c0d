"""Judge: what the controller makes of one warm-up's evidence, as a change to write down."""

from datetime import datetime, timedelta

from mailplatform.shell import formats
from warming.decided import Change, Kind, State
from warming.ladder import stages
from warming.warmups import Warmup

LOOK_EVERY = 1 / 96  # of a day


def judge(warmup: Warmup, used_day: int, at: datetime, day_s: float) -> Change | None:
    if warmup.state == State.WAITING:
        return Change(Kind.BEGIN, "The first message went; the first stage begins.", state=State.WARMING, anew=False) if warmup.attempted else None
    if warmup.state == State.PAUSED:
        if warmup.paused_until and at >= warmup.paused_until:
            return Change(Kind.RESUME, "The pause is over.", state=State.WARMING, anew=True)
        return None
    steps = stages(warmup.plan, warmup.provider.key, warmup.pace)
    again = at + timedelta(seconds=day_s * LOOK_EVERY)
    n = warmup.attempted
    facts = {name: getattr(warmup, name) for name in ("attempted", "delivered", "deferred", "blocked", "bounced", "complaints")}
    bad = n >= 20 and warmup.blocked / n >= 0.1
    limited = n >= 20 and warmup.deferred / n >= 0.1
    if bad and warmup.blocked / n >= 0.5:
        until = at + timedelta(seconds=day_s)
        return Change(Kind.PAUSE, f"Paused: {warmup.blocked} of {n} attempts were blocked.", facts, state=State.PAUSED, paused_until=until)
    if bad:
        stage = max(1, warmup.stage - 2)
        caps = steps[stage - 1]
        return Change(Kind.STEP_BACK, f"Steps back to {formats.number(caps.per_day)}: {warmup.blocked} of {n} attempts were blocked.", facts, stage=stage,
                      per_day=caps.per_day, per_hour=caps.per_hour, anew=True, look_again_at=again)  # fmt: skip
    if limited:
        return Change(Kind.HOLD, f"Holds at {formats.number(warmup.cap_per_day)}: {warmup.deferred} of {n} attempts were deferred.", facts, look_again_at=again)
    if n >= 0.9 * warmup.cap_per_day:
        if warmup.stage >= len(steps):
            return Change(Kind.FINISH, f"Full volume: {n} attempts were clean at the last stage.", facts, state=State.FINISHED)
        caps = steps[warmup.stage]
        return Change(Kind.ADVANCE, f"Advances to {formats.number(caps.per_day)}: the cap of {formats.number(warmup.cap_per_day)} was used and clean.", facts,
                      stage=warmup.stage + 1, per_day=caps.per_day, per_hour=caps.per_hour, anew=True, look_again_at=again)  # fmt: skip
    return None
