"""Allowance: how much a path may still send in the rolling hour and day, as credit in its owner's hands.

Credit is reserved in the database before it is spent here (pools.allowances): no crash, race or clock makes a path exceed its cap; what a
lost engine held stays used. It is valid for the bucket it was reserved in and no longer. One is spent for each RCPT that is
written. Times are seconds of the engine's monotonic clock. Never: asks the database itself.
"""

from dataclasses import dataclass, field
from datetime import datetime

from psycopg import Connection

from pools.allowances import credit_to_ask, give_back, reserve

Buckets = tuple[tuple[int, datetime | None], ...]  # (window, its bucket) of one message
HOUR_S, DAY_S = 3600, 86_400
ASK_AGAIN_S = 1.0  # after nothing was granted

PATH_ID = """
    INSERT INTO pools_path (ip_id, provider_id, state, score, why, learned, circuit_failures, open_connections, updated_at)
    VALUES (%(ip)s, %(provider)s, 'open', 100, '', '{}', 0, 0, platform_now())
    ON CONFLICT (ip_id, provider_id) DO UPDATE SET updated_at = pools_path.updated_at
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class UsedUp:
    """A window that gave no more credit, and when its next bucket may."""

    window_s: int
    cap: int
    until_s: float


@dataclass(slots=True)
class Held:
    """Credit of one window, in the bucket where it counts."""

    cap: int
    amount: int = 0
    bucket_start: datetime | None = None
    valid_until_s: float = 0.0
    ask_at_s: float = 0.0
    used: int = 0  # of the cap when it was last asked for, all credit included
    refused: bool = False  # the last request was granted nothing


@dataclass(frozen=True, slots=True)
class Want:
    """One request for credit: a path's, for one window."""

    ip_id: int
    provider_id: int
    window_s: int
    cap: int
    amount: int
    look_back_s: float = 0.0  # how much longer the window is looked at, after the database's clock jumped (clocks)


@dataclass(frozen=True, slots=True)
class Granted:
    want: Want
    amount: int
    bucket_start: datetime
    valid_s: float
    used: int = 0


@dataclass(slots=True)
class Allowance:
    """A capped path's credit, by window. Without caps there is none of these."""

    windows: dict[int, Held] = field(default_factory=dict)

    @classmethod
    def of(cls, per_hour: int | None, per_day: int | None) -> "Allowance | None":
        caps = {HOUR_S: per_hour, DAY_S: per_day}
        windows = {window_s: Held(cap) for window_s, cap in caps.items() if cap is not None}
        return cls(windows) if windows else None

    def capped(self, per_hour: int | None, per_day: int | None) -> "Allowance | None":
        """Under other caps; credit that was reserved stays, the next request is granted by the new cap."""
        changed = Allowance.of(per_hour, per_day)
        for window_s, held in (changed.windows if changed else {}).items():
            if old := self.windows.get(window_s):
                held.amount, held.bucket_start, held.valid_until_s = old.amount, old.bucket_start, old.valid_until_s
        return changed

    def left(self, now_s: float) -> int:
        """How many may be sent now, by the window that has least."""
        return min(held.amount if now_s < held.valid_until_s else 0 for held in self.windows.values())

    def spend(self, now_s: float) -> Buckets | None:
        """One RCPT is about to be written: the buckets that it counts in. None: it must not be."""
        if self.left(now_s) < 1:
            return None
        for held in self.windows.values():
            held.amount -= 1
        return tuple((window_s, held.bucket_start) for window_s, held in self.windows.items())

    def used(self, window_s: int) -> int | None:
        """Of that window, without the credit that is left; None: it has no cap."""
        held = self.windows.get(window_s)
        return None if held is None else max(0, held.used - held.amount)

    def refund(self, buckets: Buckets, now_s: float) -> None:
        """That RCPT was certainly not written. Credit of a bucket that is over stays used."""
        for window_s, bucket_start in buckets:
            held = self.windows.get(window_s)
            if held and held.bucket_start == bucket_start and now_s < held.valid_until_s:
                held.amount += 1

    def used_up(self, now_s: float) -> UsedUp | None:
        """The longest window that has nothing left and was granted nothing more."""
        for window_s in sorted(self.windows, reverse=True):
            held = self.windows[window_s]
            if held.refused and (held.amount < 1 or now_s >= held.valid_until_s):
                return UsedUp(window_s, held.cap, max(now_s, held.valid_until_s))
        return None

    def wants(self, per_second: float, now_s: float) -> dict[int, int]:
        """What to ask for now: where less than half of a request is left, or its bucket is over."""
        asked = {window_s: credit_to_ask(per_second, held.cap) for window_s, held in self.windows.items()}
        return {
            window_s: asked[window_s]
            for window_s, held in self.windows.items()
            if now_s >= held.ask_at_s and (now_s >= held.valid_until_s or held.amount <= asked[window_s] // 2)
        }

    def take(self, granted: Granted, asked_s: float) -> tuple[datetime, int] | None:
        """Credit came; it is valid from when it was asked for. A new bucket's takes the place of an old one's, whose rest is to be given back."""
        held = self.windows.get(granted.want.window_s)
        if held is None:  # the cap was lifted meanwhile
            return granted.bucket_start, granted.amount
        same_bucket = held.bucket_start == granted.bucket_start
        rest = (held.bucket_start, held.amount) if held.bucket_start and held.amount and not same_bucket else None
        held.amount = granted.amount + (held.amount if same_bucket else 0)
        held.bucket_start, held.valid_until_s = granted.bucket_start, asked_s + granted.valid_s
        held.used, held.refused = granted.used, granted.amount == 0
        held.ask_at_s = asked_s + ASK_AGAIN_S if held.refused else 0.0
        return rest

    def unspent(self) -> dict[int, tuple[datetime, int]]:
        """What to return at a hand-over, by window."""
        return {window_s: (held.bucket_start, held.amount) for window_s, held in self.windows.items() if held.amount and held.bucket_start}


def ask(connection: Connection, wants: list[Want]) -> list[Granted]:
    """Reserve; each is committed before it is returned."""
    granted = []
    with connection.cursor() as cursor:
        for want in wants:
            (path_id,) = cursor.execute(PATH_ID, {"ip": want.ip_id, "provider": want.provider_id}).fetchone() or (0,)
            credit = reserve(cursor, path_id, want.window_s, want.cap, want.amount, want.look_back_s)
            granted.append(Granted(want, int(credit), credit.bucket_start, credit.valid_s, credit.used))
    return granted


def hand_back(connection: Connection, unspent: list[tuple[int, int, int, datetime, int]]) -> None:
    """(ip, provider, window, bucket, amount): what was certainly not spent."""
    with connection.cursor() as cursor:
        for ip_id, provider_id, window_s, bucket_start, amount in unspent:
            (path_id,) = cursor.execute(PATH_ID, {"ip": ip_id, "provider": provider_id}).fetchone() or (0,)
            give_back(cursor, path_id, window_s, bucket_start, amount)
