"""Thresholds: every number by which reputation decides, in one frozen value, with its bounds. Pure; who keeps them is `pools.reputation.models`.

Promises: `checked` says in words what cannot be; a policy that passes it makes every decision terminate (paths that recover return, none
enters more often than it may). Sources of the defaults stand in docs/reputation.md.
"""

from dataclasses import dataclass, fields
from enum import StrEnum


class Mode(StrEnum):
    """What a decision comes to."""

    OFF = "off"
    PROPOSE = "propose"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class Policy:
    """Shares are 0 to 1, steps percent, `_s` seconds. What operators do not edit has a default here only."""

    mode: Mode = Mode.AUTOMATIC
    leave_below: float = 50.0
    return_at: float = 75.0
    block_floor: float = 8.0  # refusals for our sake in a window before they count
    sample_floor: float = 50.0  # attempts before bounces and complaints count in full
    fast_answers: float = 25.0  # half-life in answers instead of seconds: what has just broken
    now_half_life_s: float = 15.0  # what the others hear meanwhile
    short_half_life_s: float = 300.0
    middle_half_life_s: float = 3_600.0  # blocks, for paths with little traffic
    long_half_life_s: float = 21_600.0
    stay_s: float = 1_800.0
    stay_most_s: float = 86_400.0
    entries_per_day: int = 2
    trickle_per_hour: int = 30
    steps: tuple[int, ...] = (5, 25, 50, 100)
    step_s: float = 1_800.0
    step_floor: float = 20.0
    large_providers: int = 2
    ip_stay_s: float = 3_600.0
    ip_within_s: float = 3_600.0  # of each other they must have left
    forget_s: float = 7 * 86_400.0  # open for so long, and the next stay is as short as the first
    patience_s: float = 86_400.0  # at one step for so long, and FEW clean answers are enough
    refused_from: float = 0.02  # a share refused for our sake, beyond what other IPs hear: from here points are lost
    refused_full: float = 0.50  # here all of them
    bounced_from: float = 0.02
    bounced_full: float = 0.06
    complained_from: float = 0.001
    complained_full: float = 0.005
    step_failed: float = 0.30  # of a step's answers refused, beyond what others hear: more, and the step has failed
    step_clean: float = 0.03  # not more, and the next step comes


# Operators' bounds: (least, most). What is not here is not edited.
BOUNDS: dict[str, tuple[float, float]] = {
    "leave_below": (5, 95), "return_at": (10, 100), "block_floor": (3, 1_000), "sample_floor": (10, 100_000), "fast_answers": (5, 1_000),
    "now_half_life_s": (1, 3_600), "short_half_life_s": (5, 86_400), "middle_half_life_s": (5, 7 * 86_400),
    "long_half_life_s": (60, 30 * 86_400), "stay_s": (1, 30 * 86_400), "stay_most_s": (1, 90 * 86_400),
    "entries_per_day": (1, 24), "trickle_per_hour": (1, 100_000), "step_s": (1, 30 * 86_400), "step_floor": (1, 100_000), "large_providers": (2, 20),
    "ip_stay_s": (1, 90 * 86_400), "ip_within_s": (1, 30 * 86_400), "forget_s": (60, 365 * 86_400), "patience_s": (1, 90 * 86_400),
    "refused_from": (0, 0.9), "refused_full": (0.01, 1), "bounced_from": (0, 0.9), "bounced_full": (0.01, 1), "complained_from": (0, 0.9),
    "complained_full": (0.0001, 1), "step_failed": (0.05, 0.9),
    "step_clean": (0.01, 0.5),
}  # fmt: skip


PAIRS = (
    ("leave_below", "return_at"), ("refused_from", "refused_full"), ("bounced_from", "bounced_full"), ("complained_from", "complained_full"),
    ("step_clean", "step_failed"),
)  # fmt: skip


def checked(policy: Policy) -> list[str]:
    """What is wrong with it, in words; empty: nothing."""
    wrong = [
        f"{name} must be between {least:g} and {most:g}" for name, (least, most) in BOUNDS.items() if not least <= getattr(policy, name) <= most
    ]  # fmt: skip
    for low, high in PAIRS:
        if not getattr(policy, low) < getattr(policy, high):
            wrong.append(f"{low} must be below {high}")
    if not policy.steps or any(not 1 <= step <= 100 for step in policy.steps) or list(policy.steps) != sorted(set(policy.steps)):
        wrong.append("steps must rise, between 1 and 100 percent")
    return wrong


def names() -> tuple[str, ...]:
    """Of all thresholds."""
    return tuple(field.name for field in fields(Policy))
