"""Returning: a path's limits side by side (published, learned, of now, in use), and the steps in which what was learned goes back.

Promises: pure; the steps are `pools.learned.recover` asked at the times it names itself, so that what a page foretells is what the engine will do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pools.learned import FOREVER_S, Learned, Squeeze, recover
from pools.providers.profile import Profile

STEPS_FORETOLD = 2_000  # connections come back one a minute; no provider takes more
SQUEEZED = {"connections": "connections", "per_minute": "messages a minute", "messages_per_connection": "messages per connection"}
_ROWS = (
    ("Connections at a time", "connections", "connections_open"),
    ("New connections a minute", "connections_per_minute", None),
    ("Messages per connection", "messages_per_connection", None),
    ("Messages a second", "per_second", None),
    ("Messages a minute", "per_minute", None),
    ("Messages an hour", "per_hour", "hour_used"),
    ("Messages a day", "per_day", "day_used"),
)


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit. None: there is no such limit, or nobody knows."""

    name: str
    published: int | None
    learned: int | None
    now: int | None
    used: int | None

    @property
    def pressed(self) -> bool:
        return self.learned is not None


@dataclass(frozen=True, slots=True)
class Return:
    """How one learned limit goes back: the next step, and when it is as published again (None: when an operator lifts it)."""

    what: str
    value: int
    ceiling: int
    next_at: datetime | None
    next_value: int | None
    whole_at: datetime | None

    @property
    def unlimited(self) -> bool:
        """It had no published limit: it goes back to none."""
        return self.ceiling >= 2**31


def limit_rows(profile: Profile, learned: Learned, limits_now: Mapping[str, Any], now_s: float) -> list[LimitRow]:
    """Every limit, those without any left out. The engine's own word for "now" wins; it is the profile's while no engine has said."""
    held = recover(learned, now_s)
    rows = []
    for name, field, used in _ROWS:
        published = getattr(profile, field)
        squeeze = getattr(held, field, None)
        pressed = squeeze.value if isinstance(squeeze, Squeeze) else None
        now = limits_now.get(field) if field in limits_now else min(filter(None, (published, pressed)), default=None)
        if published is not None or pressed is not None or now is not None:
            rows.append(LimitRow(name, published, pressed, now, limits_now.get(used) if used else None))
    return rows


def returns(learned: Learned, now_s: float) -> list[Return]:
    """Every learned limit's way back."""
    held = recover(learned, now_s)
    return [_return(field, words, squeeze, held) for field, words in SQUEEZED.items() if isinstance(squeeze := getattr(held, field), Squeeze)]


def _return(field: str, words: str, squeeze: Squeeze, held: Learned) -> Return:
    if squeeze.since_s - squeeze.fired_s >= FOREVER_S / 2:
        return Return(words, squeeze.value, squeeze.ceiling, None, None, None)
    steps = list(_steps(field, squeeze, held))
    whole_s = steps[-1][0] if steps and steps[-1][1] is None else None
    next_value = (steps[0][1] or squeeze.ceiling) if steps else None
    return Return(words, squeeze.value, squeeze.ceiling, _wall(squeeze.since_s), next_value, _wall(whole_s) if whole_s else None)


def _steps(field: str, squeeze: Squeeze, held: Learned) -> Iterator[tuple[float, int | None]]:
    """(when, value then), to the end: None."""
    at_s: float = squeeze.since_s
    for _ in range(STEPS_FORETOLD):
        held = recover(held, at_s)
        following: Squeeze | None = getattr(held, field)
        yield at_s, following.value if following else None
        if following is None:
            return
        at_s = following.since_s


def _wall(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
