"""`bin/bench warmup`: how soon young IPs send their full volume, and what it costs, ours beside the published schedules, on the same draws.

Days: the first of three days in a row with the goal accepted, never is one more than there are days; the median over IPs. Block rate: blocked or put into
the junk folder, of what was attempted. Best fixed: the fewest days on clean lists among the schedules with a block rate of at most 0.5 % over all IPs.
"""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.warming.ours import Ours
from tests.bench.warming.schedules import schedules
from tests.bench.warming.world import HOURS, Array, World

HERE = Path(__file__).parent / "warming"
TRUTH, OTHER = HERE / "truth.json", HERE / "other_truth.json"
OURS = "ours"
ALLOWED = 0.005
IN_A_ROW = 3
BLOCK = 50  # IPs simulated together
SHORT_IPS = 20
TELLS = ("attempted", "accepted", "blocked", "junked")


def run(short: bool = False, truth: Path | None = None, seed: int = 1) -> dict[str, float]:
    hidden = json.loads((truth or TRUTH).read_text(encoding="utf-8"))
    if short:
        hidden["ips"] = SHORT_IPS
    outcome = simulated(hidden, seed, os.cpu_count() or 1)
    figures = compared(hidden, outcome)
    print(as_table(outcome))
    return figures


class Outcome:
    """By (schedule, IP, day) and list."""

    def __init__(self, names: list[str], hidden: Mapping[str, Any], parts: list[tuple[Array, Array]]) -> None:
        self.names = names
        self.told = np.concatenate([part[0] for part in parts], axis=2)  # (what, schedule, IP, day)
        self.kind = np.concatenate([part[1] for part in parts])
        self.kinds = list(hidden["lists"])
        self.days = _days(self.told[1], hidden["goal_per_day"])

    def of(self, kind: str | None) -> Array:
        return np.ones(len(self.kind), bool) if kind is None else self.kind == self.kinds.index(kind)

    def block_rate(self, name: str, kind: str | None = None) -> float:
        attempted, _, blocked, junked = self.told[:, self.names.index(name)][:, self.of(kind)].sum(axis=(1, 2), dtype=np.float64)
        return float((blocked + junked) / max(1.0, attempted))

    def delivered(self, name: str, kind: str | None = None) -> float:
        """Accepted and not in the junk folder."""
        _, accepted, _, junked = self.told[:, self.names.index(name)][:, self.of(kind)].sum(axis=(1, 2), dtype=np.float64)
        return float(accepted - junked)

    def median_days(self, name: str, kind: str | None = None) -> float:
        chosen = self.days[self.names.index(name), self.of(kind)]
        return float(np.median(chosen)) if len(chosen) else float("nan")


def simulated(hidden: Mapping[str, Any], seed: int, processes: int) -> Outcome:
    names = [*schedules(hidden), OURS]
    sizes = [min(BLOCK, hidden["ips"] - start) for start in range(0, hidden["ips"], BLOCK)]
    jobs = [(hidden, size, (seed, n)) for n, size in enumerate(sizes)]
    if len(jobs) == 1 or processes == 1:
        return Outcome(names, hidden, [_block(*job) for job in jobs])
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        return Outcome(names, hidden, list(pool.map(_block, *zip(*jobs, strict=True))))


def _block(hidden: Mapping[str, Any], ips: int, seed: tuple[int, int]) -> tuple[Array, Array]:
    fixed = np.stack(list(schedules(hidden).values()))  # (schedule, day, provider)
    world = World(hidden, ips, len(fixed) + 1, seed)
    ours = Ours(ips, [provider["name"] for provider in hidden["providers"]])
    told = np.zeros((len(TELLS), len(fixed) + 1, ips, hidden["days"]), np.float32)
    wanted = np.zeros(world.shape, np.float32)
    for hour in range(hidden["days"] * HOURS):
        day = hour // HOURS
        wanted[:-1] = fixed[:, day, None, :] / HOURS
        wanted[-1] = ours.wants()
        replies = world.hour(wanted)
        ours.hears(replies)
        for n, name in enumerate(TELLS):
            told[n, :, :, day] += getattr(replies, name).sum(axis=2)
    return told, world.kind


def _days(accepted: Array, goal: float) -> Array:
    """By (schedule, IP)."""
    reached = accepted >= goal
    last = reached.shape[2] - IN_A_ROW + 1
    run_of = np.all([reached[:, :, n : n + last] for n in range(IN_A_ROW)], axis=0)
    return np.where(run_of.any(axis=2), run_of.argmax(axis=2) + 1, reached.shape[2] + 1)


def best_fixed(outcome: Outcome) -> str:
    """Where none keeps to the block rate: who comes nearest."""
    fixed = [name for name in outcome.names if name != OURS]
    fit = [name for name in fixed if outcome.block_rate(name) <= ALLOWED]
    if not fit:
        return min(fixed, key=outcome.block_rate)
    return min(fit, key=lambda name: (outcome.median_days(name, "clean"), outcome.block_rate(name)))


def compared(hidden: Mapping[str, Any], outcome: Outcome) -> dict[str, float]:
    best = best_fixed(outcome)
    blocked = {kind: (outcome.block_rate(OURS, kind) + 0.0005) / (outcome.block_rate(best, kind) + 0.0005) for kind in ("clean", "dirty")}
    return {
        "days_vs_best_fixed": outcome.median_days(OURS, "clean") / outcome.median_days(best, "clean"),
        "blocked_vs_best_fixed_clean": blocked["clean"],
        "blocked_vs_best_fixed_dirty": blocked["dirty"],
        "delivered_vs_best_fixed_dirty": outcome.delivered(OURS, "dirty") / outcome.delivered(best, "dirty"),
        "days_ours": outcome.median_days(OURS, "clean"),
        "days_best_fixed": outcome.median_days(best, "clean"),
        "block_percent_ours": 100 * outcome.block_rate(OURS),
        "block_percent_best_fixed": 100 * outcome.block_rate(best),
        "ips": float(hidden["ips"]),
    }


def as_table(outcome: Outcome) -> str:
    """Every schedule: days, block rate and mail delivered by list."""
    best = best_fixed(outcome)
    lines = [f"{'schedule':<26}" + "".join(f"{kind + ' days':>12}{'block %':>9}{'M deliv.':>9}" for kind in outcome.kinds) + f"{'all block %':>13}"]
    for name in sorted(outcome.names, key=lambda one: (outcome.median_days(one, "clean"), outcome.block_rate(one))):
        cells = "".join(
            f"{outcome.median_days(name, kind):>12.0f}{100 * outcome.block_rate(name, kind):>9.3f}{outcome.delivered(name, kind) / 1e6:>9.1f}"
            for kind in outcome.kinds
        )
        lines.append(f"{name + (' *' if name == best else ''):<26}{cells}{100 * outcome.block_rate(name):>13.3f}")
    return "\n".join([*lines, "* the best fixed schedule"])
