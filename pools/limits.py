"""Short limits: rates up to a minute and connection slots, exact because one engine owns a sending IP.

Owns: `RateLimit`, `Gcra`, `Slots`. Promises: sends are evenly spaced, and no window of `period_s` ever sees more than `per`, wherever in it the
provider starts to count and however long its answers take; a slot is free only when its connection has ended or a second has passed
since we closed it. State starts empty in a new owner: it knows nothing of what its predecessor sent, so its first send waits (`start_s`).
Never: reads a clock; every time comes in, in seconds of whatever monotonic clock the owner uses. What a provider taught us is in
`pools.learned`, hours and days in `pools.allowances`.
"""

from array import array
from dataclasses import dataclass, field

LATE_SHARE, MOST_LATE_S = 0.1, 1.0  # of a period: how much delay of those in line is made up for
MOST_REMEMBERED = 10_000
LONGEST_ANSWER_S = 600.0  # RFC 5321 §4.5.3.2.6: so long may the answer to the final dot take
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
    """The generic cell rate algorithm with burst 1, and a window that is exact at the provider's end.

    Spacing alone is exact at ours: a message that is slow on its way and a fast one a period later may fall into one window there. The
    provider counts a message somewhere between our write and its answer; so of any per + 1 in a row the last goes a whole period after
    the *answer* to the first. Who was held up while waiting for its turn makes up for it (LATE_SHARE), who came late does not.
    """

    __slots__ = ("_count", "_ends", "_next_s", "_window_s", "rate")

    def __init__(self, rate: RateLimit, start_s: float = float("-inf")) -> None:
        self.rate = rate
        self._next_s = start_s
        self._count = 0
        self._ends: array[float] | None = None  # when each of the last ones was answered; made when the first one goes
        self._window_s = rate.period_s

    def earliest(self, now_s: float) -> float:
        """When the next one may go: now, or later; far off while that hangs on an answer."""
        at_s = self._next_s
        if (ends := self._ends) is not None:
            at_s = max(at_s, ends[self._count % len(ends)] + self._window_s)
        return at_s if at_s > now_s else now_s

    def allows(self, now_s: float) -> bool:
        return self.earliest(now_s) <= now_s

    def begin(self) -> None:
        """A first one that waits for what a former owner may have sent need not: something else keeps that below the rate."""
        if self._ends is None:
            self._next_s = float("-inf")

    def spend(self, now_s: float, waited: bool = False) -> int:
        """One goes now; its number, for `answered`. `waited`: it stood in line for this turn, so its delay is nobody's pause."""
        if (ends := self._ends) is None:
            ends = self._ends = self._ring()
        number, self._count = self._count, self._count + 1
        ends[number % len(ends)] = now_s + LONGEST_ANSWER_S
        spacing_s = self.rate.spacing_s
        if waited:
            late_s = min(LATE_SHARE * self.rate.period_s, MOST_LATE_S)
            self._next_s = max(self._next_s, now_s - late_s) + spacing_s
        else:
            self._next_s = max(self._next_s, now_s) + spacing_s
        return number

    def answered(self, number: int, now_s: float) -> None:
        """The provider has counted this one by now, or never will."""
        if (ends := self._ends) is not None and 0 <= self._count - number <= len(ends):
            ends[number % len(ends)] = now_s

    def change(self, rate: RateLimit) -> None:
        """Another rate from now on; what was waited already keeps counting in proportion, what went still counts."""
        old, count = self._ends, self._count
        self._next_s += rate.spacing_s - self.rate.spacing_s
        self.rate = rate
        if old is not None:
            self._ends = ends = self._ring()
            for number in range(max(0, count - min(len(old), len(ends))), count):
                ends[number % len(ends)] = old[number % len(old)]

    def _ring(self) -> "array[float]":
        """As many as fit in a window; above MOST_REMEMBERED parts of a window, each with its part of the rate."""
        parts = -(-self.rate.per // MOST_REMEMBERED)
        self._window_s = self.rate.period_s / parts
        return array("d", [float("-inf")]) * (self.rate.per // parts)


@dataclass(slots=True)
class Slots:
    """Connections of one path against its limit."""

    limit: int
    most: int | None = None  # what the provider takes, where the limit is our own and lower; None: the limit
    open: int = 0
    _ending: int = 0  # of the open ones, those that end because the limit fell
    _lingering: list[float] = field(default_factory=list)  # until when each closed one still counts

    def free(self, now_s: float) -> int:
        """How many more may be opened now: what still lingers counts with the provider, and takes nothing of a lower limit of our own."""
        most = self.limit if self.most is None else self.most
        return max(0, min(self.limit - self.open, most - self.counted(now_s)))

    def usable_at_s(self, now_s: float) -> float:
        """Now, if a connection stands or may be opened; else when enough of what lingers counts no more."""
        if self.open or self.free(now_s):
            return now_s
        most = self.limit if self.most is None else self.most
        ends = sorted(self._lingering)
        return ends[min(len(ends) - 1, max(0, len(ends) - most))] if ends else now_s

    def counted(self, now_s: float) -> int:
        """How many the provider may count now."""
        self._lingering = [until for until in self._lingering if until > now_s]
        return self.open + len(self._lingering)

    def take(self, now_s: float) -> bool:
        """One slot, or False when none is free."""
        if self.free(now_s) < 1:
            return False
        self.open += 1
        return True

    @property
    def too_many(self) -> bool:
        """More are open than the limit allows since it fell."""
        return self.open - self._ending > self.limit

    def end_one(self) -> bool:
        """Whether the connection that asks shall end, because too many are open."""
        if self.open - self._ending <= self.limit:
            return False
        self._ending += 1
        return True

    def keep_free(self, count: int, until_s: float) -> None:
        """A former owner's connections may still stand at the provider: so many count until then."""
        self._lingering += [until_s] * count

    def give_back(self, now_s: float, peer_closed: bool) -> None:
        """A connection ended; without the peer's FIN it counts for a second more."""
        self.open = max(0, self.open - 1)
        self._ending = max(0, self._ending - 1)
        if not peer_closed:
            self._lingering.append(now_s + LINGER_S)
