"""Pace: how a path that is on trial, warming or on probation, spreads what it may send. Pure; time comes in.

A path on trial is worth something only when it gets mail, and hurts when it gets it in a burst. So its cap becomes a rhythm: one message each cap-th
part of the hour. What the hour or the day has left unused is made up for, MADE_UP of it at most, by going FASTER than the hour's rhythm, not at once:
BURST of the hour at once at most. Where only a day has a cap, an hour takes HOUR_OF_DAY of it. A path that is behind its rhythm goes first, one that is
not takes nothing (choose, bids): the hard caps are the allowance's.

A rolling window remembers a gap: as long after it as the window is, nothing leaves, and then what made up for the gap leaves as quickly as it went. So
what a window that was full has room for is read off the window itself (`told`), whoever owned the path meanwhile, and not off what its owner remembers.
"""

from dataclasses import dataclass, replace

from pools.providers.profile import Profile
from pools.windows import DAY_S, HOUR_S, length_s

BURST = 1 / 40
FASTER = 2.0  # a gap is made up for in as long as it was: one of half an hour before it leaves the rolling hour
MADE_UP = 0.75
HOUR_OF_DAY = 1 / 8
FULL = 1 / 40  # a window with no more room than this is full
AT_ONCE_S = 1e-6
WARMING, PROBATION = "warming", "probation"


@dataclass(frozen=True, slots=True)
class Trial:
    """Reputation's and warming's word about a path: its share of connections and rates in percent, and caps; None: no such cap."""

    share: int = 100
    probation_per_hour: int | None = None
    warm_per_hour: int | None = None
    warm_per_day: int | None = None
    probation: bool = False

    @property
    def paced(self) -> bool:
        return self.probation_per_hour is not None or self.warm_per_hour is not None or self.warm_per_day is not None


FREE = Trial()


@dataclass(frozen=True, slots=True)
class Caps:
    """What holds of the hour and the day, and whose word each is: the provider's or an operator's (empty), warming's, probation's."""

    per_hour: int | None = None
    per_day: int | None = None
    hour_by: str = ""
    day_by: str = ""


def caps_of(per_hour: int | None, per_day: int | None, trial: Trial) -> Caps:
    """The least of everybody's."""
    hours = [(cap, by) for cap, by in ((per_hour, ""), (trial.probation_per_hour, PROBATION), (trial.warm_per_hour, WARMING)) if cap is not None]
    days = [(cap, by) for cap, by in ((per_day, ""), (trial.warm_per_day, WARMING)) if cap is not None]
    hour, day = min(hours, key=_cap, default=(None, "")), min(days, key=_cap, default=(None, ""))
    return Caps(hour[0], day[0], hour[1], day[1])


def shared_out(limits: Profile, share: int) -> Profile:
    """A part of a path's connections and rates, in percent; never less than one connection, and one message a minute."""
    per_second, per_minute = limits.per_second, limits.per_minute
    if per_second is not None:
        a_minute = max(1, 60 * per_second * share // 100)
        per_second, per_minute = max(1, per_second * share // 100), min(a_minute, per_minute * share // 100 if per_minute else a_minute)
    elif per_minute is not None:
        per_minute = per_minute * share // 100
    return replace(limits, connections=max(1, limits.connections * share // 100), per_second=per_second, per_minute=per_minute and max(1, per_minute))


@dataclass(slots=True)
class Meter:
    """One each `spacing_s`; who is late makes up for `behind_s` of it at most. A cap of nothing: never."""

    spacing_s: float
    behind_s: float
    at_s: float  # when the next one goes
    full_s: float = float("-inf")  # when its window was last seen full

    def due(self, now_s: float) -> int:
        """How many may go now."""
        at_s = max(self.at_s, now_s - self.behind_s)
        return int((now_s - at_s) / self.spacing_s + 1e-9) + 1 if at_s <= now_s else 0

    def goes(self, now_s: float) -> None:
        self.at_s = max(self.at_s, now_s - self.behind_s) + self.spacing_s

    def holds(self, left_s: float, now_s: float, window_s: float, begins: bool = False) -> None:
        """Its window has room for `left_s` of its rhythm. Within a window's length after it was full all of that is made up for; before, it is only not
        filled yet. `begins`: a new owner cannot tell the two apart."""
        if left_s <= FULL * window_s:
            self.full_s = now_s
        if left_s > 0 and (begins or now_s - self.full_s <= window_s):
            self.at_s = min(self.at_s, now_s - min(self.behind_s, left_s))


@dataclass(slots=True)
class Pace:
    """The rhythm of one path, by its hour and by its day. Where an hour may take the whole day's, nothing is spread."""

    speed: Meter
    hour: Meter
    day: Meter | None = None
    by: str = WARMING

    @classmethod
    def of(cls, caps: Caps, by: str, since_s: float, former: "Pace | None" = None) -> "Pace":
        """Its caps as a rhythm that began then; a former rhythm goes on at the new speed."""
        hour_s, day_s = length_s(HOUR_S), length_s(DAY_S)
        if caps.per_hour is not None and caps.per_hour == caps.per_day:
            return cls(Meter(AT_ONCE_S, hour_s, since_s), Meter(AT_ONCE_S, hour_s, since_s), by=by)
        per_hour = caps.per_hour if caps.per_hour is not None else max(1.0, (caps.per_day or 0) * HOUR_OF_DAY * (24 * hour_s / day_s))
        speed = Meter(_spacing(hour_s, FASTER * per_hour), BURST * hour_s / FASTER, former.speed.at_s if former else since_s)
        hour = _meter(hour_s, per_hour, since_s, former.hour if former else None)
        day = None if caps.per_day is None else _meter(day_s, caps.per_day, since_s, former.day if former else None)
        return cls(speed, hour, day, by)

    def due(self, now_s: float) -> int:
        """How many may go now."""
        due = min(self.speed.due(now_s), self.hour.due(now_s))
        return min(due, self.day.due(now_s)) if self.day else due

    def at_s(self, now_s: float) -> float:
        """When the next one goes."""
        return max(now_s, self.speed.at_s, self.hour.at_s, self.day.at_s if self.day else now_s)

    def goes(self, now_s: float) -> None:
        self.speed.goes(now_s)
        self.hour.goes(now_s)
        if self.day:
            self.day.goes(now_s)

    def returned(self) -> None:
        """That one did not go."""
        for meter in (self.speed, self.hour, self.day):
            if meter:
                meter.at_s -= meter.spacing_s

    def was(self, window_s: int, used: int, now_s: float) -> None:
        """So much of the window had a former owner used: what it left is made up for, as that owner would have. An hour that is nearly empty is none that
        a gap emptied: it begins evenly."""
        if meter := self.hour if window_s == HOUR_S else self.day:
            left_s = length_s(window_s) - used * meter.spacing_s
            if meter is self.hour and left_s > MADE_UP * length_s(window_s):
                meter.at_s = max(meter.at_s, now_s)
            else:
                meter.holds(left_s, now_s, length_s(window_s), begins=True)

    def told(self, window_s: int, used: int, now_s: float) -> None:
        """So much of the window is used now, by this owner and those before it."""
        if meter := self.hour if window_s == HOUR_S else self.day:
            meter.holds(length_s(window_s) - used * meter.spacing_s, now_s, length_s(window_s))


def _meter(length: float, cap: float, since_s: float, former: Meter | None) -> Meter:
    """Of a window. A former one's goes on; that it was full says nothing under another cap."""
    meter = Meter(_spacing(length, cap), MADE_UP * length, former.at_s if former else since_s)
    if former and former.spacing_s == meter.spacing_s:
        meter.full_s = former.full_s
    return meter


def _spacing(length: float, cap: float) -> float:
    return length / cap if cap > 0 else float("inf")


def _cap(one: tuple[int | None, str]) -> float:
    return float("inf") if one[0] is None else one[0]
