"""Short limits: rates up to a minute and connection slots, exact because one engine owns a sending IP.

Owns: `RateLimit`, `Gcra`, `Slots`. Promises: with burst 1 two sends are never closer than period / per, so no window of `period_s`
ever sees more than `per` (+1 at its edge, spaced); a slot is free only when its connection has ended or a second has passed since
we closed it. State starts empty in a new owner: it may send one at once. Never: reads a clock; every time comes in, in seconds of
whatever monotonic clock the owner uses. What a provider taught us is in `pools.learned`, hours and days in `pools.allowances`.
"""

from dataclasses import dataclass, field

LINGER_S = 1.0  # a closed connection counts until the peer's FIN, or this long: peers count it that long too


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`per` a `period_s`, evenly spaced."""

    per: int
    period_s: float

    def __post_init__(self) -> None:
        if self.per < 1 or self.period_s <= 0:
            raise ValueError(f"A rate is at least one in a positive period, not {self.per} in {self.period_s} s.")

    @property
    def spacing_s(self) -> float:
        return self.period_s / self.per


class Gcra:
    """The generic cell rate algorithm with burst 1: remembers when the next one may go, and nothing else."""

    __slots__ = ("_next_s", "rate")

    def __init__(self, rate: RateLimit) -> None:
        self.rate = rate
        self._next_s = float("-inf")

    def earliest(self, now_s: float) -> float:
        """When the next one may go: now, or later."""
        return max(now_s, self._next_s)

    def allows(self, now_s: float) -> bool:
        return now_s >= self._next_s

    def spend(self, now_s: float) -> None:
        """One goes now. Going early (a caller's error) still pushes the next one on by a whole spacing."""
        self._next_s = self.earliest(now_s) + self.rate.spacing_s

    def change(self, rate: RateLimit) -> None:
        """Another rate from now on; what was waited already keeps counting in proportion."""
        self._next_s += rate.spacing_s - self.rate.spacing_s
        self.rate = rate


@dataclass(slots=True)
class Slots:
    """Connections of one path against its limit."""

    limit: int
    open: int = 0
    _lingering: list[float] = field(default_factory=list)  # until when each closed one still counts

    def free(self, now_s: float) -> int:
        """How many more may be opened now."""
        self._lingering = [until for until in self._lingering if until > now_s]
        return max(0, self.limit - self.open - len(self._lingering))

    def take(self, now_s: float) -> bool:
        """One slot, or False when none is free."""
        if self.free(now_s) < 1:
            return False
        self.open += 1
        return True

    def give_back(self, now_s: float, peer_closed: bool) -> None:
        """A connection ended; without the peer's FIN it counts for a second more."""
        self.open = max(0, self.open - 1)
        if not peer_closed:
            self._lingering.append(now_s + LINGER_S)
