"""Heat strips: a path's score hour by hour over a week, as runs of one colour. Pure but for the reading of samples at its end.

Promises: an hour shows its lowest score and its worst state; an hour without a sample shows nothing, but while a path was out or on probation: that lasts
until the next sample says otherwise. A strip's numbers stand beside it in words: colour is never alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from pools.pages.matrix import band

HOURS = 168
_HOURLY = """
    SELECT provider_id, date_trunc('hour', at), min(score), (array_agg(score ORDER BY at DESC))[1], (array_agg(state ORDER BY at DESC))[1],
           bool_or(state = 'quarantined')
      FROM pools_scoresample WHERE scope = %(scope)s AND ip_id = %(ip)s AND at >= %(since)s GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class HourScore:
    """An hour of a path: its lowest score, its last, its last state, whether it was out at any time."""

    at: datetime
    lowest: float
    last: float
    state: str
    was_out: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Hours beside each other that look the same; `x` and `width` count hours from the left."""

    x: int
    width: int
    band: int
    out: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """A week of one path."""

    runs: tuple[Run, ...]
    lowest: float | None
    lowest_at: datetime | None
    hours_out: int

    @property
    def bars(self) -> tuple[Run, ...]:
        """Where it was out: drawn as a bar under the colour, so that the two can be told apart without colours."""
        return tuple(run for run in self.runs if run.out)


def strip(samples: Iterable[HourScore], ends: datetime, hours: int = HOURS) -> Strip:
    """The hours up to and with that of `ends`."""
    kept = sorted(samples, key=lambda one: one.at)
    first = ends.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours - 1)
    cells: list[tuple[int, bool] | None] = [None] * hours
    by_hour = {int((one.at - first).total_seconds() // 3600): one for one in kept}
    carried: HourScore | None = None
    for n in range(hours):
        seen = by_hour.get(n)
        if seen:
            cells[n] = (band(seen.lowest), seen.was_out)
            carried = seen if seen.state in ("quarantined", "probation") else None
        elif carried:
            cells[n] = (band(carried.last), carried.state == "quarantined")
    lowest = min(kept, key=lambda one: one.lowest, default=None)
    out = sum(1 for cell in cells if cell and cell[1])
    return Strip(tuple(_runs(cells)), lowest.lowest if lowest else None, lowest.at if lowest else None, out)


def _runs(cells: Sequence[tuple[int, bool] | None]) -> Iterable[Run]:
    begin = 0
    for n in range(1, len(cells) + 1):
        if n == len(cells) or cells[n] != cells[begin]:
            cell = cells[begin]
            if cell is not None:
                yield Run(begin, n - begin, *cell)
            begin = n


def hours_of(ip_id: int, at: datetime, scope: str = "path") -> dict[int, list[HourScore]]:
    """An IP's hours by provider (0: the IP's own score)."""
    found: dict[int, list[HourScore]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_HOURLY, {"scope": scope, "ip": ip_id, "since": at - timedelta(hours=HOURS)})
        for provider, *hour in cursor.fetchall():
            found.setdefault(provider, []).append(HourScore(*hour))
    return found
