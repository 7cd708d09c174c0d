"""Learned limits: what a provider's replies taught us about one path, and how it comes back.

Owns: `Learned`, its JSON in Path.learned. Promises: pure, total; down at once, up in steps: when a squeeze's time is over connections and
messages per connection come back one at a time, rates double, never a snap back. A rule acts when `trigger_count` of its
matches fell within its period; replies to what was already under way (SETTLE_S) prolong a squeeze, they do not tighten it again.
A suspended path starts again with one connection (Google: "resume with one connection, then add one at a time"). Times are
wall-clock seconds, because the state outlives its owner. Never: counts another scope than the one it is given (a
tenant's or a signing domain's actions are the caller's to keep apart).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pools.outcomes import ActionKind, PathAction
from pools.providers.profile import Profile

SETTLE_S = 30.0
STEP_S = 60.0
FOREVER_S = 10 * 365 * 86_400.0  # an action without an end of its own stays until an operator lifts it
_MATCHES_KEPT = 100
_RATE_DIVISOR = 10
_SQUEEZES = ("connections", "per_minute", "messages_per_connection")
_TIMES = ("suspended_until_s", "prefer_ipv4_until_s")
_FIRST_RATE_CAP = 60  # a minute: a tenth of "no limit known" would still be a flood


@dataclass(frozen=True, slots=True)
class Squeeze:
    """One limit pressed down: to `value`, until `since_s`; then a step up every STEP_S until `ceiling`, where it ends."""

    value: int
    ceiling: int
    fired_s: float
    since_s: float


@dataclass(frozen=True, slots=True)
class Learned:
    """What holds below the profile. None and 0: nothing learned."""

    connections: Squeeze | None = None
    per_minute: Squeeze | None = None
    messages_per_connection: Squeeze | None = None
    suspended_until_s: float = 0.0
    prefer_ipv4_until_s: float = 0.0
    matches: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return self == Learned()


def apply(action: PathAction, learned: Learned, profile: Profile, now_s: float, rule: str = "") -> Learned:
    """After one more match of `action`; `rule` keeps the counts of rules with the same action apart."""
    recovered = recover(learned, now_s)
    key = rule or f"{action.kind}/{action.scope}/{action.duration_s}/{action.trigger_count}"
    recent = (*(at for at in recovered.matches.get(key, ()) if now_s - action.trigger_period_s < at <= now_s), now_s)[-_MATCHES_KEPT:]
    if len(recent) < min(action.trigger_count, _MATCHES_KEPT):
        return replace(recovered, matches={**recovered.matches, key: recent})
    counted = replace(recovered, matches={name: times for name, times in recovered.matches.items() if name != key})
    return _fired(action, counted, profile, now_s)


def recover(learned: Learned, now_s: float) -> Learned:
    """What still holds now."""
    return replace(
        learned,
        connections=_up(learned.connections, now_s, _more),
        per_minute=_up(learned.per_minute, now_s, _doubled),
        messages_per_connection=_up(learned.messages_per_connection, now_s, _more),
        suspended_until_s=learned.suspended_until_s if learned.suspended_until_s > now_s else 0.0,
        prefer_ipv4_until_s=learned.prefer_ipv4_until_s if learned.prefer_ipv4_until_s > now_s else 0.0,
    )


def ends_s(learned: Learned, now_s: float) -> float:
    """When nothing of it holds any more; `now_s` when nothing does."""
    ends = [now_s, learned.suspended_until_s, learned.prefer_ipv4_until_s]
    for squeeze, stepped in ((learned.connections, _more), (learned.per_minute, _doubled), (learned.messages_per_connection, _more)):
        if squeeze is not None:
            steps = 1
            while stepped(squeeze.value, steps) < squeeze.ceiling:
                steps += 1
            ends.append(squeeze.since_s + (steps - 1) * STEP_S)
    return min(max(ends), now_s + FOREVER_S)


def limits_now(profile: Profile, learned: Learned, now_s: float) -> Profile:
    """The profile with what was learned on top; a suspension is `learned.suspended_until_s`, not a limit of zero."""
    held = recover(learned, now_s)
    return replace(
        profile,
        connections=_least(profile.connections, held.connections) or 1,
        messages_per_connection=_least(profile.messages_per_connection, held.messages_per_connection) or 1,
        per_minute=_least(profile.per_minute, held.per_minute),
    )


def _fired(action: PathAction, learned: Learned, profile: Profile, now_s: float) -> Learned:
    until_s = now_s + (action.duration_s or FOREVER_S)
    match action.kind:
        case ActionKind.SUSPEND:
            until_s = max(until_s, learned.suspended_until_s)
            one = Squeeze(1, _ceiling(learned.connections, profile.connections), now_s, until_s + STEP_S)
            return replace(learned, suspended_until_s=until_s, connections=one)
        case ActionKind.REDUCE_CONNECTIONS:
            return replace(learned, connections=_down(learned.connections, profile.connections, 2, now_s, until_s))
        case ActionKind.REDUCE_DELIVERIES:
            fewer = _down(learned.messages_per_connection, profile.messages_per_connection, 2, now_s, until_s)
            return replace(learned, messages_per_connection=fewer)
        case ActionKind.REDUCE_RATE:
            return replace(learned, per_minute=_slower(learned.per_minute, profile, now_s, until_s))
        case ActionKind.PREFER_IPV4:
            return replace(learned, prefer_ipv4_until_s=max(until_s, learned.prefer_ipv4_until_s))
        case _:  # TLS is required and one recipient goes a transaction anyway; a hold is the recipient's, not the path's
            return learned


def _down(squeeze: Squeeze | None, ceiling: int, divisor: int, now_s: float, until_s: float) -> Squeeze:
    """Pressed down once more, unless the last press is too fresh to have shown."""
    ceiling = _ceiling(squeeze, ceiling)
    if squeeze is None:
        return Squeeze(max(1, ceiling // divisor), ceiling, now_s, until_s)
    until_s = max(until_s, squeeze.since_s)
    if now_s - squeeze.fired_s < SETTLE_S:
        return replace(squeeze, since_s=until_s)
    return Squeeze(max(1, squeeze.value // divisor), ceiling, now_s, until_s)


def _slower(squeeze: Squeeze | None, profile: Profile, now_s: float, until_s: float) -> Squeeze:
    ceiling = min(profile.per_minute or 2**31, 60 * profile.per_second if profile.per_second else 2**31)
    if squeeze is None:
        return Squeeze(max(1, min(_FIRST_RATE_CAP, ceiling // _RATE_DIVISOR)), ceiling, now_s, until_s)
    return _down(squeeze, ceiling, _RATE_DIVISOR, now_s, until_s)


def _ceiling(squeeze: Squeeze | None, limit: int) -> int:
    return max(squeeze.ceiling, limit) if squeeze else limit


def _up(squeeze: Squeeze | None, now_s: float, stepped: Callable[[int, int], int]) -> Squeeze | None:
    """One step at `since_s` and one every STEP_S after it, those that are due by now."""
    if squeeze is None or now_s < squeeze.since_s:
        return squeeze
    steps = int((now_s - squeeze.since_s) // STEP_S) + 1
    value = stepped(squeeze.value, steps)
    return replace(squeeze, value=value, since_s=squeeze.since_s + steps * STEP_S) if value < squeeze.ceiling else None


def _more(value: int, steps: int) -> int:
    return value + steps


def _doubled(value: int, steps: int) -> int:
    return value << min(steps, 32)


def _least(limit: int | None, squeeze: Squeeze | None) -> int | None:
    return limit if squeeze is None else min(squeeze.value, limit or squeeze.value)


def to_json(learned: Learned) -> dict[str, Any]:
    """For Path.learned; an empty object when nothing was learned."""
    squeezes = {name: getattr(learned, name) for name in _SQUEEZES}
    data: dict[str, Any] = {name: [s.value, s.ceiling, s.fired_s, s.since_s] for name, s in squeezes.items() if s is not None}
    data |= {name: value for name in _TIMES if (value := getattr(learned, name)) > 0}
    if learned.matches:
        data["matches"] = {key: list(times) for key, times in learned.matches.items()}
    return data


def from_json(data: Any) -> Learned:
    """Back; what cannot be read was not learned."""
    if not isinstance(data, Mapping):
        return Learned()
    matches = data.get("matches")
    return Learned(
        **{name: _squeeze(data.get(name)) for name in _SQUEEZES},  # type: ignore[arg-type]
        **{name: _time(data.get(name)) or 0.0 for name in _TIMES},  # type: ignore[arg-type]
        matches={str(key): _times(times) for key, times in matches.items()} if isinstance(matches, Mapping) else {},
    )


def _squeeze(data: Any) -> Squeeze | None:
    match data:
        case [int(value), int(ceiling), fired, since] if 1 <= value <= ceiling:
            fired_s, since_s = _time(fired), _time(since)
            return Squeeze(value, ceiling, fired_s, since_s) if fired_s is not None and since_s is not None else None
        case _:
            return None


def _time(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _times(data: Any) -> tuple[float, ...]:
    times = [_time(value) for value in data] if isinstance(data, list | tuple) else []
    return tuple(value for value in times if value is not None)[-_MATCHES_KEPT:]
