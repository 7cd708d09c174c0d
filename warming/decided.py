"""Decided: one decision about a warm-up becomes true, whole or not at all.

Owns: the transaction in which a decision's row, the warm-up's new state and the caps that engines obey are written. Promises: of two that decided on what
they saw of the same warm-up one is obeyed, the other learns that it came too late (the number of the last decision is the guard); a cap rises in no
other way. How it fails: rolled back, everything is as before and is decided again. Never: decides; sends.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from warming.caps import LIFTED, write_caps
from warming.warmups import WarmingPolicy, Warmup, WarmupDecision

Kind = WarmupDecision.Kind
State = Warmup.State
COUNTERS = ("attempted", "delivered", "deferred", "blocked", "bounced", "complaints")


@dataclass(frozen=True, slots=True)
class Change:
    """What was decided. What is None stays as it is; `anew`: the stage's evidence counts from now; `begins`: its time does."""

    kind: str
    sentence: str
    evidence: dict[str, Any] = field(default_factory=dict)
    by: str = ""
    state: str | None = None
    stage: int | None = None
    per_day: int | None = None
    per_hour: int | None = None
    pace: float | None = None
    plan_id: int | None = None
    anew: bool = False
    begins: bool = False
    carried: dict[str, Any] | None = None
    look_again_at: datetime | None = None
    paused_until: datetime | None = None


def settle(seen: Warmup, change: Change, at: datetime, policy: WarmingPolicy | None = None) -> Warmup | None:
    """The warm-up as it is now; None: somebody else decided since `seen` was read, and this decision was made of what is no longer so."""
    values = _values(seen, change, at)
    with transaction.atomic():
        guard = Warmup.objects.filter(pk=seen.pk, decisions=seen.decisions, state=seen.state)
        if not guard.update(decisions=F("decisions") + 1, **values):
            return None
        warmup = Warmup.objects.select_related("provider", "ip", "plan").get(pk=seen.pk)
        WarmupDecision.objects.create(
            warmup=warmup, number=warmup.decisions, at=at, kind=change.kind, by=change.by[:200], sentence=change.sentence, evidence=change.evidence,
            stage_before=seen.stage, stage_after=warmup.stage, cap_before=_cap(seen), cap_after=_cap(warmup),
        )  # fmt: skip
        write_caps(warmup, policy)
    return warmup


def go_on(seen: Warmup, change: Change, at: datetime) -> bool:
    """A hold that needs no row of its own: what the controller remembers is kept, and fresh evidence counts from now where it says so. No cap changes."""
    values: dict[str, Any] = {"carried": change.carried} if change.carried is not None and change.carried != seen.carried else {}
    if change.anew:
        values |= {"stage_since": at, **dict.fromkeys(COUNTERS, 0)}
    guard = Warmup.objects.filter(pk=seen.pk, decisions=seen.decisions, state=seen.state, stage_since=seen.stage_since)
    return bool(values and guard.update(**values))


def _values(seen: Warmup, change: Change, at: datetime) -> dict[str, Any]:
    asked = {
        "state": change.state, "stage": change.stage, "cap_per_day": change.per_day, "cap_per_hour": change.per_hour, "pace": change.pace,
        "plan_id": change.plan_id, "carried": change.carried,
    }  # fmt: skip
    values: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    values |= {"judged_at": at, "look_again_at": change.look_again_at, "verdict": change.sentence}
    if change.state is not None:
        paused = change.state == State.PAUSED
        values |= {"paused_by": (change.by or "the controller") if paused else "", "paused_until": change.paused_until if paused else None}
        values |= {"ended_at": at if change.state in LIFTED else None}
    if change.begins:
        values |= {"stage_since": at}
    if change.anew:
        values |= {"stage_since": at, **dict.fromkeys(COUNTERS, 0)}
    return values


def _cap(warmup: Warmup) -> int | None:
    return None if warmup.state in LIFTED else 0 if warmup.state == State.PAUSED else warmup.cap_per_day
