"""Curves: what was planned, what was allowed and what was sent, day by day, and what is expected. Pure but for the rows that are handed in."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailplatform.shell.charts import Chart, Series
from mailplatform.shell.formats import number
from warming.forecast import Day
from warming.plan import Plan
from warming.warmups import Warmup, WarmupDay


def curve(one: Warmup, name: str, days: Sequence[WarmupDay], plan: Plan, expected: Sequence[Day], today: int, day_s: float) -> Chart:
    """One path: planned, cap, sent and expected, on a logarithmic axis. `expected` begins today."""
    by_number = {day.number: day for day in days}
    numbers = range(1, max(int(plan.days[-1]) + 1, today + len(expected)) + 1)
    cap: list[float | None] = []
    for n in numbers:
        cap.append(None if n > today else by_number[n].cap if n in by_number else (cap[-1] if cap else plan.first))
    if one.running:
        cap[today - 1] = one.cap_per_day
    sent = [by_number[n].attempted or None if n in by_number else None for n in numbers]
    ahead = [None if n < today or n - today >= len(expected) else expected[n - today].cap for n in numbers]
    planned = [plan.cap_at(n - 1) for n in numbers]
    total = sum(day.attempted for day in days)
    label = (
        f"Day {today} of the warm-up at {name}: the plan is {number(plan.cap_at(today - 1))} a day, the cap {number(one.cap_per_day)}; "
        f"{number(total)} sent in all, {number(by_number[today].attempted) if today in by_number else 0} today."
    )
    series = [
        Series("planned", planned, look="quiet", dash="dash"),
        Series("cap", cap, look="main"),
        Series("sent", sent, look="main", filled=True),
        Series("expected", ahead, look="main", dash="dots"),
    ]
    times = [one.started_at + timedelta(seconds=(n - 1) * day_s) for n in numbers]
    return Chart(name, label, times, series, unit="/day", note=label, height=200, logarithmic=True)


def forecast_chart(name: str, days: Sequence[Day], start: datetime) -> Chart:
    """What a plan would come to: the caps against what there is to send."""
    times = [start + timedelta(days=day.number - 1) for day in days]
    waits = sum(1 for day in days if day.elsewhere > 0)
    label = (
        f"{name}: from {number(days[0].cap)} on the first day to {number(days[-1].cap)} on day {days[-1].number}. "
        + (f"On {number(waits)} days part of the mail needs other IPs." if waits else "All of the mail fits from the first day on.")
    )  # fmt: skip
    series = [
        Series("to send", [day.wanted or None for day in days], look="quiet", dash="dash"),
        Series("cap", [day.cap for day in days], look="main"),
        Series("sent", [day.sent or None for day in days], look="main", filled=True),
    ]
    return Chart(name, label, times, series, unit="/day", note=label, height=180, logarithmic=True)


def plan_chart(title: str, ladders: dict[str, list[int]], start: datetime) -> Chart:
    """A plan's stages at some providers; lines that are the same are drawn once."""
    longest = max(len(steps) for steps in ladders.values())
    same: dict[tuple[int, ...], list[str]] = {}
    for name, steps in ladders.items():
        same.setdefault(tuple(steps), []).append(name)
    looks = (("main", "solid"), ("quiet", "dash"), ("working", "dots"), ("limited", "dash"), ("good", "dots"))
    lines = [("all providers" if len(same) == 1 and names[1:] else _named(names), steps) for steps, names in same.items()][: len(looks)]
    series = [
        Series(name, [*steps, *[None] * (longest - len(steps))], look=look, dash=dash) for (name, steps), (look, dash) in zip(lines, looks, strict=False)
    ]
    label = "; ".join(f"{name}: {number(steps[0])} on the first day, {number(steps[-1])} on day {len(steps)}" for name, steps in lines) + "."
    return Chart(title, label, [start + timedelta(days=n) for n in range(longest)], series, unit="/day", note=label, height=220, logarithmic=True)


def _named(names: Sequence[str]) -> str:
    """A line's name must fit into a hand."""
    return ", ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more"
