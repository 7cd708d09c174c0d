"""The day's charts, from quarter hours to the shell's chart. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailplatform.shell.charts import Chart, Series
from mailplatform.shell.formats import percent, rate
from monitoring.figures import BIN, Bin
from pools.purposes import Purpose

_DASHES = {Purpose.TRANSACTIONAL: "solid", Purpose.NOTIFICATION: "dash", Purpose.MARKETING: "dots"}


def throughput(bins: Sequence[Bin], now: datetime, simulated_until: datetime | None) -> Chart:
    """Messages a second by purpose, stacked."""
    times = _times(bins)
    by = {(one.at, one.purpose): one.attempted for one in bins}
    series = [
        Series(purpose.label, [round(by.get((at, purpose), 0) / _seconds(at, now), 3) for at in times], look=purpose.label, dash=_DASHES[purpose], filled=True)
        for purpose in Purpose
    ]
    totals = [sum(by.get((at, purpose), 0) for purpose in Purpose) / _seconds(at, now) for at in times]
    label = "Messages a second over the last 24 hours by purpose."
    if totals:
        top = max(range(len(totals)), key=totals.__getitem__)
        label = f"Messages a second over the last 24 hours, stacked by purpose: {rate(totals[-1])} now, {rate(totals[top])} at most at {times[top]:%H:%M}."
    return Chart("Throughput", label, times, series, unit="/s", note=_note(simulated_until, times), stacked=True)


def outcomes(bins: Sequence[Bin], now: datetime, simulated_until: datetime | None) -> Chart:
    """Shares of attempts that were deferred and bounced."""
    times = _times(bins)
    sums = {at: [sum(getattr(one, name) for one in bins if one.at == at) for name in ("attempted", "deferred", "bounced")] for at in times}
    deferred = [_share(sums[at][1], sums[at][0]) for at in times]
    bounced = [_share(sums[at][2], sums[at][0]) for at in times]
    whole = sum(values[0] for values in sums.values())
    label = "Shares of attempts deferred and bounced over the last 24 hours."
    if whole:
        parts = percent(sum(values[1] for values in sums.values()), whole), percent(sum(values[2] for values in sums.values()), whole)
        label = f"Attempts not delivered over the last 24 hours: {parts[0]} deferred, {parts[1]} bounced."
    series = [Series("deferred", deferred, look="limited"), Series("bounced", bounced, look="broken", dash="dash")]
    return Chart("Not delivered at once", label, times, series, percent=True, note=_note(simulated_until, times), height=120)


def _times(bins: Sequence[Bin]) -> list[datetime]:
    return sorted({one.at for one in bins})


def _seconds(at: datetime, now: datetime) -> float:
    """How much of the quarter hour has been; the last one still runs."""
    return min(BIN, max(timedelta(seconds=60), now - at)).total_seconds()


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _note(simulated_until: datetime | None, times: Sequence[datetime]) -> str:
    note = "last 24 hours, quarter hours"
    if simulated_until is not None and times and times[0] < simulated_until:
        note += f"; generated before {simulated_until:%-d %b, %H:%M}"
    return note
