"""A season of a hundred sending IPs in a hidden world: what reputation brings against doing nothing, fixed suspensions and hourly sweeps.

The world (tests/bench/hidden/truth.json, or --truth FILE) is what providers think and never say: how much of which offences each bears, how long it
remembers, lists, outages, bad lists, poisonous campaigns; 90 days in steps of five minutes, 20 seeds, demand at 75 % of healthy capacity. All policies meet
the same world, the same random numbers, the same limits and the same rerouting; ours runs the platform's own functions (pools.reputation).

On time: accepted and inboxed within 15 minutes (transactional) or 4 hours, by what was submitted. Burnt: attempts while a path's hidden acceptance was
under 0.5 by the IP's own fault, by what was submitted. False quarantine: entered while that acceptance had been 0.9 or more for two hours, by path-days with
traffic. Flap: an entry into quarantine, failed probes included. Missed: time that a path was bad, for more than 30 minutes, had traffic and was not acted
on, by all bad time. Each key is the 10th percentile of the seeds in its bad direction. The fixed suspension that stands for its kind is the one of 30 min,
2, 4 and 24 h that a person would run: the most on time by the median of the seeds; the table shows all. docs/reputation.md has figures.
"""

import multiprocessing
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.hidden import others, ours, simulate
from tests.bench.hidden.world import World, build, load

FIXED_HOURS = (0.5, 2.0, 4.0, 24.0)
SEEDS, AT_ONCE = 20, 10
Make = Callable[[World], simulate.Rules]
POLICIES: dict[str, Make] = {
    "ours": ours.Ours,
    "none": others.Nothing,
    "sweep": others.Sweep,
    **{f"fixed {hours:g} h": (lambda world, hours=hours: others.Fixed(world, hours)) for hours in FIXED_HOURS},  # type: ignore[misc]
}


@dataclass(frozen=True, slots=True)
class Size:
    """None: as the truth has it."""

    seeds: int = SEEDS
    ips: int | None = None
    days: int | None = None
    policies: tuple[str, ...] = tuple(POLICIES)


FULL, SHORT = Size(), Size(seeds=4, days=10)
Result = dict[str, Any]


def run(short: bool, seed: int = 1, truth: Path | None = None) -> dict[str, float]:
    """All policies, over as many processes as there are cores."""
    size = SHORT if short else FULL
    return measure(load(truth), seed, size, len(os.sched_getaffinity(0)))


def measure(truth: Mapping[str, Any], seed: int, size: Size, processes: int = 1) -> dict[str, float]:
    """`processes` 1: in this one."""
    tasks = [(name, truth, first, min(AT_ONCE, seed + size.seeds - first), size) for name in size.policies for first in range(seed, seed + size.seeds, AT_ONCE)]
    if processes > 1:
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            done = pool.map(_one, tasks, chunksize=1)
    else:
        done = [_one(task) for task in tasks]
    results = {name: _joined([result for task, result in zip(tasks, done, strict=True) if task[0] == name]) for name in size.policies}
    _table(results)
    return figures(results)


def _one(task: tuple[str, Mapping[str, Any], int, int, Size]) -> Result:
    """One policy in some seeds' worlds."""
    name, truth, first, seeds, size = task
    world = build(truth, first, seeds, size.ips, size.days)
    rules = POLICIES[name](world)
    totals = simulate.run(world, rules)
    found: Result = {"on_time": totals.on_time / totals.submitted, "burnt": totals.burnt / totals.submitted, "bad": totals.bad_steps / world.steps}
    if isinstance(rules, ours.Ours):
        found |= {
            "missed": totals.missed_steps / np.maximum(totals.bad_steps, 1.0), "false": rules.false / totals.path_days, "most": rules.most,
            "entered": rules.entered / world.days, "days_away": [np.median(days) if days else 0.0 for days in rules.days_away],
        }  # fmt: skip
    return found


def _joined(results: list[Result]) -> Result:
    return {name: np.concatenate([np.asarray(result[name], float) for result in results]) for name in results[0]}


def best_fixed(results: Mapping[str, Result]) -> str:
    """The most on time."""
    return max((name for name in results if name.startswith("fixed")), key=lambda name: float(np.median(results[name]["on_time"])))


def figures(results: Mapping[str, Result]) -> dict[str, float]:
    """The keys; each at its 10th percentile of the seeds in its bad direction."""
    mine = results["ours"]
    against = {"none": "none", "fixed": best_fixed(results), "sweep": "sweep"}
    found = {f"on_time_vs_{key}": float(np.percentile(mine["on_time"] / results[name]["on_time"], 10)) for key, name in against.items() if name in results}
    for key in ("fixed", "sweep"):
        if against[key] in results:
            found[f"burnt_vs_{key}"] = float(np.percentile(mine["burnt"] / np.maximum(results[against[key]]["burnt"], 1e-12), 90))
    return found | {
        "false_quarantine_share": float(np.percentile(mine["false"], 90)),
        "max_flaps_24h": float(np.percentile(mine["most"], 90, method="higher")),
        "missed_share": float(np.percentile(mine["missed"], 90)),
        "days_to_return_p50": float(np.percentile(mine["days_away"], 90)),
    }


def _table(results: Mapping[str, Result]) -> None:
    """Medians of the seeds."""
    seeds = len(results["ours"]["on_time"])
    print(f"medians of {seeds} seeds; the fixed suspension that counts is {best_fixed(results)}")
    print(f"{'':<14}{'on time':>10}{'burnt of a million':>20}{'bad paths':>11}")
    for name, result in results.items():
        print(f"{name:<14}{np.median(result['on_time']):>10.3%}{1e6 * np.median(result['burnt']):>20,.0f}{np.median(result['bad']):>11.1f}")
    mine = results["ours"]
    print(f"ours: {np.median(mine['entered']):.1f} entries a day, {np.median(mine['false']):.4%} false by path-day, {np.median(mine['missed']):.1%} missed\n")
