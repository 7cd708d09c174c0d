"""Schedules: the published plans as caps a day for each provider, taken from the plans that the platform ships (warming/data/plans.json).

A schedule for a whole IP is split by the providers' shares; all are spread evenly over the day, which is kinder than most of them are. Where a source gives
rules or points instead of a figure for each day, how they were read stands here. After its last figure a schedule is over and nothing holds the IP back,
but where the source goes on by a rule.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.warming.world import Array

PLANS = Path(__file__).resolve().parents[3] / "warming" / "data" / "plans.json"
OVER = 1e9
DEFAULT = "default"


def plans() -> dict[str, dict[str, Any]]:
    return {plan["name"]: plan for plan in json.loads(PLANS.read_text(encoding="utf-8"))["plans"]}


def schedules(truth: Mapping[str, Any]) -> dict[str, Array]:
    """Caps a day by (day, provider) of each."""
    days, names = truth["days"], [provider["name"] for provider in truth["providers"]]
    share = np.array([provider["share"] for provider in truth["providers"]])
    shipped = plans()
    made: dict[str, Array] = {}
    for name, read in READ.items():
        made[name] = np.outer(_filled(read(shipped[name]), days, THEN.get(name)), share).astype(np.float32)
    by_provider = shipped["acelle_per_isp"]["facts"]["points_by_provider"]
    columns = [_filled(_points(by_provider.get(name) or by_provider["microsoft_consumer"], 45), days, None) for name in names]
    made["acelle_per_isp"] = (np.array(columns).T * share * truth["mail_per_day"] / 100).astype(np.float32)
    factor = shipped[DEFAULT]["facts"]["provider_factor"]
    suggested = _filled([float(n) for n in shipped[DEFAULT]["daily"]], days, None)
    made["suggested default, fixed"] = np.outer(suggested, [factor.get(name, factor["default"]) for name in names]).astype(np.float32)
    return made


def _filled(daily: list[float], days: int, then: Callable[[int, float], float] | None) -> Array:
    """`then(days after the last, last)` where the source goes on."""
    values = [daily[n] if n < len(daily) else OVER if then is None else min(OVER, then(n - len(daily) + 1, daily[-1])) for n in range(days)]
    return np.array(values)


def _points(points: list[list[float]], last_day: int) -> list[float]:
    """A point's figure holds until the next."""
    return [max((p for p in points if p[0] <= day), key=lambda p: p[0])[1] for day in range(1, last_day + 1)]


def _daily(plan: dict[str, Any]) -> list[float]:
    return [float(n) for n in plan["daily"]]


def _hours(plan: dict[str, Any]) -> list[float]:
    """SendGrid's are caps an hour."""
    return [24.0 * n for n in plan["facts"]["values"]]


def _of_points(plan: dict[str, Any]) -> list[float]:
    points = plan["facts"]["points"]
    return _points(points, int(points[-1][0]) + 6)


def _ses(plan: dict[str, Any]) -> list[float]:
    """45 days to 50,000; the steps between are not published: from 50, in equal proportions."""
    return [50.0 * (50_000 / 50) ** (n / 44) for n in range(45)]


def _ipost(plan: dict[str, Any]) -> list[float]:
    """1,000; three days on each level; twice below 50,000, half more below 100,000, a fifth more below 250,000, then a tenth more."""
    daily, level = [], 1000.0
    while level < 400_000:
        daily += [level] * 3
        level *= 2 if level < 50_000 else 1.5 if level < 100_000 else 1.2 if level < 250_000 else 1.1
    return daily


def _postscale(plan: dict[str, Any]) -> list[float]:
    """Ranges by fortnight, in equal proportions from end to end."""
    return [low * (high / low) ** (n / 13) for low, high in plan["facts"]["ranges"] for n in range(14)]


READ: dict[str, Callable[[dict[str, Any]], list[float]]] = {
    "sendgrid_automated": _hours, "sparkpost_2020": _daily, "mailtrap": _daily, "braze_conservative": _daily, "braze_moderate": _daily,
    "braze_aggressive": _daily, "acelle_30": _of_points, "ipost": _ipost, "ses_standard": _ses, "threeava": _of_points, "postscale": _postscale,
}  # fmt: skip
THEN: dict[str, Callable[[int, float], float]] = {
    "braze_conservative": lambda n, last: last * 2.0 ** ((n + 2) // 3),
    "braze_aggressive": lambda n, last: last * 2.0 ** min(n, 20),
}
