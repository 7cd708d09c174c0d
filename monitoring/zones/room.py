"""Room: how many messages a second one path could send, evenly, over the next hour, and what bounds it. Pure.

A provider's published limits, what its replies taught us, reputation's share, and the caps of warming and probation. Windows of an hour and a day are taken as
their mean: a rolling hour's cap can be spent once in the next hour, of a day what is left of it. Connections count by how long an answer takes.
"""

from dataclasses import dataclass

from pools.providers.profile import Profile

HORIZON_S = 3600.0


@dataclass(frozen=True, slots=True)
class Caps:
    """What a path may send beyond its provider's profile; None: no such cap."""

    stopped: str = ""  # why it sends nothing at all
    share: int = 100  # percent of its connections and rates
    connections: int | None = None  # learned
    per_minute: int | None = None  # learned
    hour: tuple[int, str] | None = None  # cap, and whose: "warming", "probation"
    day: tuple[int, str] | None = None
    day_used: int = 0


@dataclass(frozen=True, slots=True)
class Room:
    per_s: float
    why: str  # what bounds it


def room_of(profile: Profile, caps: Caps, answer_s: float | None) -> Room:
    """The narrowest of everything that bounds this path."""
    if caps.stopped:
        return Room(0.0, caps.stopped)
    share = caps.share / 100
    connections = min(profile.connections, caps.connections or profile.connections)
    shared = "" if caps.share == 100 else f", of which reputation leaves {caps.share} %"
    bounds = [
        (float(profile.per_second) * share, f"{profile.per_second} a second{shared}") if profile.per_second else None,
        (profile.per_minute / 60 * share, f"{profile.per_minute} a minute{shared}") if profile.per_minute else None,
        (caps.per_minute / 60 * share, f"{caps.per_minute} a minute, learned from its replies{shared}") if caps.per_minute else None,
        (profile.per_hour / HORIZON_S, f"{profile.per_hour} an hour") if profile.per_hour else None,
        (_left(profile.per_day, caps.day_used), f"{profile.per_day} a day") if profile.per_day else None,
        (caps.hour[0] / HORIZON_S, f"{caps.hour[0]} an hour by {caps.hour[1]}") if caps.hour else None,
        (_left(caps.day[0], caps.day_used), f"{caps.day[0]} a day by {caps.day[1]}") if caps.day else None,
        (max(1.0, connections * share) / answer_s, f"{connections} connections at {answer_s:.2g} s an answer{shared}") if answer_s else None,
    ]
    known = [bound for bound in bounds if bound is not None]
    return Room(*min(known)) if known else Room(float("inf"), "no limit is known")


def _left(cap: int, used: int) -> float:
    return max(0, cap - used) / HORIZON_S
