"""Allowance: how much a path may still send in the rolling hour and day, as credit in its owner's hands.

Credit is reserved in the database before it is spent here (pools.allowances): no crash, race or clock makes a path exceed its cap; what a
lost engine held stays used. It is valid until its bucket ends. One is spent for each RCPT that is written. What was spent and has no answer when its
bucket ends is carried into a later one, for the provider counts it somewhere between our write and its answer. Times are seconds of the engine's
monotonic clock. Never: asks the database itself (credit.py does).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pools.allowances import Credit, credit_to_ask
from pools.windows import DAY_S, HOUR_S, bucket_s, lead_s

ASK_AGAIN_S = 1.0  # after nothing was granted


@dataclass(slots=True, eq=False)
class Bucket:
    """Where credit counts. `under_way` was spent of it and has no answer; `late` had one after the bucket's end, and is to be carried."""

    start: datetime
    ends_s: float
    under_way: int = 0
    late: int = 0


Buckets = tuple[tuple[int, Bucket], ...]  # (window, its bucket) of one message
Rest = tuple[int, datetime, int]  # (window, bucket, amount) that was certainly not spent


@dataclass(frozen=True, slots=True)
class UsedUp:
    """A window that gave no more credit, and when its next bucket may."""

    window_s: int
    cap: int
    until_s: float


@dataclass(frozen=True, slots=True)
class Carrying:
    """What of a bucket is to count in a later one, as it was when the database was asked."""

    window_s: int
    bucket: Bucket
    start: datetime
    under_way: int
    late: int


@dataclass(slots=True)
class Held:
    """Credit of one window."""

    cap: int
    amount: int = 0
    bucket: Bucket | None = None  # where `amount` counts
    former: list[Bucket] = field(default_factory=list)  # with something to carry, now or later
    ask_at_s: float = 0.0
    used: int = 0  # of the cap when it was last asked for, all credit included
    refused: bool = False  # the last request was granted nothing
    known: bool = False  # what a former owner had under way was settled

    def left(self, now_s: float) -> int:
        return self.amount if self.bucket and now_s < self.bucket.ends_s else 0


@dataclass(slots=True)
class Allowance:
    """A capped path's credit, by window. Without caps there is none of these."""

    windows: dict[int, Held] = field(default_factory=dict)

    @classmethod
    def of(cls, per_hour: int | None, per_day: int | None) -> "Allowance | None":
        caps = {HOUR_S: per_hour, DAY_S: per_day}
        windows = {window_s: Held(cap) for window_s, cap in caps.items() if cap is not None}
        return cls(windows) if windows else None

    def capped(self, per_hour: int | None, per_day: int | None) -> tuple["Allowance | None", list[Rest]]:
        """Under other caps, and what is to be given back: credit of a cap that fell is not spent. A cap that rose is asked for at once."""
        changed, rests = Allowance.of(per_hour, per_day), []
        for window_s, old in self.windows.items():
            held = changed.windows.get(window_s) if changed else None
            if held is None or held.cap < old.cap:
                rests += _rest(window_s, old)
                old.amount = 0
            if changed and held is not None:
                old.ask_at_s, old.refused, old.cap = (old.ask_at_s, old.refused, old.cap) if held.cap == old.cap else (0.0, False, held.cap)
                changed.windows[window_s] = old
        return changed, rests

    def left(self, now_s: float) -> int:
        """How many may be sent now, by the window that has least."""
        return min([held.left(now_s) for held in self.windows.values()])

    def spend(self, now_s: float) -> Buckets | None:
        """One RCPT is about to be written: the buckets that it counts in. None: it must not be."""
        if self.left(now_s) < 1:
            return None
        spent = []
        for window_s, held in self.windows.items():
            assert held.bucket is not None
            held.amount -= 1
            held.bucket.under_way += 1
            spent.append((window_s, held.bucket))
        return tuple(spent)

    def used(self, window_s: int) -> int | None:
        """Of that window, without the credit that is left; None: it has no cap."""
        held = self.windows.get(window_s)
        return None if held is None else max(0, held.used - held.amount)

    def refund(self, buckets: Buckets, now_s: float) -> None:
        """That RCPT was certainly not written. Credit of a bucket that is over stays used."""
        for window_s, bucket in buckets:
            held = self.windows.get(window_s)
            if held and held.bucket is bucket and now_s < bucket.ends_s:
                held.amount += 1

    def used_up(self, now_s: float) -> UsedUp | None:
        """The longest window that has nothing left and was granted nothing more."""
        for window_s in sorted(self.windows, reverse=True):
            held = self.windows[window_s]
            if held.refused and not held.left(now_s):
                return UsedUp(window_s, held.cap, max(now_s, held.bucket.ends_s if held.bucket else now_s))
        return None

    def wants(self, per_second: float, now_s: float) -> dict[int, int]:
        """What to ask for now: where less than half of a request is left, or its bucket is nearly over."""
        asked = {window_s: credit_to_ask(per_second, held.cap) for window_s, held in self.windows.items()}
        return {
            window_s: asked[window_s]
            for window_s, held in self.windows.items()
            if now_s >= held.ask_at_s and (held.amount <= asked[window_s] // 2 or held.bucket is None or now_s >= held.bucket.ends_s - lead_s(window_s))
        }

    def take(self, window_s: int, credit: Credit, asked_s: float) -> Rest | None:
        """Credit came; it is valid from when it was asked for. A new bucket's takes the place of an old one's, whose rest is to be given back."""
        held = self.windows.get(window_s)
        if held is None:  # the cap was lifted meanwhile
            return (window_s, credit.bucket_start, int(credit)) if credit else None
        rest, old = None, held.bucket
        if old is None or old.start != credit.bucket_start:
            rest = next(iter(_rest(window_s, held)), None)
            if old and (old.under_way or old.late):
                held.former.append(old)
            held.bucket, held.amount = Bucket(credit.bucket_start, 0.0), 0
        assert held.bucket is not None
        held.amount += credit
        held.bucket.ends_s = asked_s + credit.valid_s
        held.used, held.refused, held.known = credit.used, credit == 0, True
        held.ask_at_s = asked_s + min(ASK_AGAIN_S, bucket_s(window_s) / 2) if held.refused else 0.0
        return rest

    def unspent(self) -> list[Rest]:
        """What to return at a hand-over: it leaves these hands."""
        rests = [rest for window_s, held in self.windows.items() for rest in _rest(window_s, held)]
        for held in self.windows.values():
            held.amount = 0
        return rests

    def expire(self, now_s: float) -> list[Rest]:
        """Of buckets that have ended: the credit that nobody may spend any more, to be given back."""
        rests: list[Rest] = []
        for window_s, held in self.windows.items():
            if held.bucket and now_s >= held.bucket.ends_s:
                rests += _rest(window_s, held)
                held.former.append(held.bucket)
                held.bucket, held.amount = None, 0
        return rests

    def to_carry(self, now_s: float) -> Iterator[Carrying]:
        """What was spent in a bucket that has ended, and has no answer or had it only then. After `expire`."""
        for window_s, held in self.windows.items():
            if held.former:
                held.former = [one for one in held.former if one.under_way or one.late]
                for bucket in held.former:
                    if now_s >= bucket.ends_s:
                        yield Carrying(window_s, bucket, bucket.start, bucket.under_way, bucket.late)


def carried(one: Carrying, start: datetime, asked_s: float, left_s: float, now_s: float) -> None:
    """It counts in the bucket that starts there now, which lasts for so long from when that was asked for."""
    bucket = one.bucket
    bucket.start, bucket.ends_s = start, asked_s + left_s
    bucket.late = bucket.late - one.late if now_s >= bucket.ends_s else 0  # answers that came meanwhile were carried with what was under way


def answered(buckets: Buckets, now_s: float) -> None:
    """The provider has counted that message by now, or never will."""
    for _, bucket in buckets:
        bucket.under_way -= 1
        if now_s >= bucket.ends_s:
            bucket.late += 1


def _rest(window_s: int, held: Held) -> list[Rest]:
    return [(window_s, held.bucket.start, held.amount)] if held.bucket and held.amount else []
