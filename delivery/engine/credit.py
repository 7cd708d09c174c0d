"""Credit: an engine's dealings with the allowances' tables, for all of its capped paths at once.

Promises: nothing is granted by a clock that jumped: the windows' time is compared with boot time before credit is asked for and by each grant itself;
what such a grant reserved is given back at once. What is to be given back or carried goes first. Runs in the engine's database thread, and is the one
user of `Clocks` there. How it fails: after an error the engine asks and carries again; what was to be given back, or was granted meanwhile, stays
used.
"""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from psycopg import Connection, Cursor

from delivery.engine.allowance import Carrying, Rest, carried
from delivery.engine.clocks import Clocks
from delivery.engine.path import Path
from pools import windows
from pools.allowances import Carry, Credit, Request, carry, give_back, reserve_all, settle
from pools.windows import MARK_EVERY_S, Look

WANTED_FOR_S = 1.0
LOOKS = 3  # the clock may be corrected by another engine meanwhile
PATH_ID = """
    INSERT INTO pools_path (ip_id, provider_id, state, score, why, learned, circuit_failures, open_connections, updated_at)
    VALUES (%(ip)s, %(provider)s, 'open', 100, '', '{}', 0, 0, platform_now())
    ON CONFLICT (ip_id, provider_id) DO UPDATE SET updated_at = pools_path.updated_at
    RETURNING id
"""
Key = tuple[int, int]  # (sending IP, provider)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Want:
    """One request for credit: a path's, for one window. `known`: this owner has settled what a former one left."""

    path: Path
    window_s: int
    cap: int
    amount: int
    known: bool = True

    @property
    def key(self) -> Key:
        return self.path.key


@dataclass(frozen=True, slots=True)
class Deal:
    """What is to be asked, given back and carried now."""

    wants: Sequence[Want] = ()
    rests: Sequence[tuple[Key, Rest]] = ()
    carryings: Sequence[tuple[Key, Carrying]] = ()

    @property
    def empty(self) -> bool:
        return not (self.wants or self.rests or self.carryings)


@dataclass(slots=True)
class Dealt:
    """What came of it. Times are the engine's monotonic clock before each was asked for."""

    granted: list[tuple[Want, Credit]] = field(default_factory=list)
    asked_s: float = 0.0
    carried: list[tuple[Carrying, datetime, float]] = field(default_factory=list)
    carried_s: float = 0.0


class Ledger:
    """One for each engine."""

    def __init__(self) -> None:
        self._clocks = Clocks()
        self._begun = False
        self._ids: dict[Key, int] = {}
        self._marked_s = float("-inf")

    def deal(self, connection: Connection, deal: Deal) -> Dealt:
        with connection.cursor() as cursor:
            right = self._clock_is_right(cursor)
            dealt = Dealt(carried_s=time.monotonic())
            for key, (window_s, start, amount) in deal.rests:
                give_back(cursor, self._id(cursor, key), window_s, start, amount)
            dealt.carried = self._carry(cursor, deal.carryings)
            if deal.wants and right:
                self._reserve(cursor, deal.wants, dealt)
        return dealt

    def _reserve(self, cursor: Cursor, wants: Sequence[Want], dealt: Dealt) -> None:
        by_id = {(self._id(cursor, want.key), want.window_s): want for want in wants}
        settle(cursor, [id_ for id_, want in by_id.items() if not want.known])
        dealt.asked_s, before_s = time.monotonic(), windows.boot_s()
        found = reserve_all(cursor, [Request(*id_, want.cap, want.amount) for id_, want in by_id.items()], busy_wait=False)
        after_s = windows.boot_s()
        for (path_id, window_s), want in by_id.items():
            if (path_id, window_s) not in found:
                self._ids.pop(want.key, None)  # its row is gone, or somebody writes it just now
        if any(self._clocks.read(Look(credit.now_s, before_s, after_s)) for credit in found.values()):
            for (path_id, window_s), credit in found.items():
                give_back(cursor, path_id, window_s, credit.bucket_start, credit)
            return
        dealt.granted = [(by_id[id_], credit) for id_, credit in found.items()]

    def _carry(self, cursor: Cursor, carryings: Sequence[tuple[Key, Carrying]]) -> list[tuple[Carrying, datetime, float]]:
        amounts: dict[tuple[int, int, datetime], int] = {}
        keyed = [((self._id(cursor, key), one.window_s, one.start), one) for key, one in carryings]
        for bucket, one in keyed:
            amounts[bucket] = amounts.get(bucket, 0) + one.under_way + one.late
        moved = carry(cursor, [Carry(*bucket, amount) for bucket, amount in amounts.items()])
        return [(one, *moved[bucket]) for bucket, one in keyed if bucket in moved]

    def _id(self, cursor: Cursor, key: Key) -> int:
        if (known := self._ids.get(key)) is None:
            known = self._ids[key] = cursor.execute(PATH_ID, {"ip": key[0], "provider": key[1]}).fetchone()[0]  # type: ignore[index]
        return known

    def _clock_is_right(self, cursor: Cursor) -> bool:
        for _ in range(LOOKS):
            seen = windows.look(cursor)
            off_s = self._clocks.read(seen) if self._begun else self._clocks.begin(windows.last_mark(cursor), seen, windows.boot_id(), time.time())
            if not off_s:
                self._begun = True
                if seen.after_s - self._marked_s >= MARK_EVERY_S:
                    windows.mark(cursor, seen)
                    self._marked_s = seen.after_s
                return True
            log.warning("the_clock_jumped", by_s=round(off_s, 3))
            windows.correct(cursor, seen, off_s)
        return False


def to_deal(paths: Iterable[Path], now_s: float, asking: bool = True) -> Deal:
    """What these paths have to ask, to give back and to carry. Credit that is to be given back leaves their hands here."""
    wants: list[Want] = []
    rests: list[tuple[Key, Rest]] = []
    carryings: list[tuple[Key, Carrying]] = []
    for path in paths:
        if path.rests:
            rests += [(path.key, rest) for rest in path.rests]
            path.rests = []
        if (allowance := path.allowance) is None:
            continue
        rests += [(path.key, rest) for rest in allowance.expire(now_s)]
        carryings += [(path.key, one) for one in allowance.to_carry(now_s)]
        if asking and now_s - path.wanted_at_s < WANTED_FOR_S:
            for window_s, amount in allowance.wants(path.sent_per_s, now_s).items():
                held = allowance.windows[window_s]
                wants.append(Want(path, window_s, held.cap, amount, held.known))
    return Deal(wants, rests, carryings)


def dealt_out(dealt: Dealt, paths: dict[Key, Path], now_s: float) -> Deal:
    """Give the paths what came; what nobody can use any more, for its IP has another owner by now, is to be given back."""
    for one, start, left_s in dealt.carried:
        carried(one, start, dealt.carried_s, left_s, now_s)
    rests: list[tuple[Key, Rest]] = []
    for want, credit in dealt.granted:
        if paths.get(want.key) is want.path:
            want.path.credited(want.window_s, credit, dealt.asked_s)
        elif credit:
            rests.append((want.key, (want.window_s, credit.bucket_start, int(credit))))
    return Deal(rests=rests)


def left_over(paths: Collection[Path], now_s: float) -> Deal:
    """At a hand-over: all credit, and whatever is to be carried."""
    deal = to_deal(paths, now_s, asking=False)
    rests = [(path.key, rest) for path in paths if path.allowance for rest in path.allowance.unspent()]
    return Deal(rests=[*deal.rests, *rests], carryings=deal.carryings)
