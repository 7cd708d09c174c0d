"""The world of one run: parameters drawn for each seed, and everything that befalls it whatever a policy does. Drawn once: every policy meets the same.

Axes: (seed, IP, provider). `Draws` are the steps' random numbers: windows into one large pool, at places that belong to (step, purpose), so that two
policies draw the same. What a policy's own deeds lead to is `simulate`'s.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
STEP_S = 300
STEPS_PER_DAY = 86_400 // STEP_S
STEPS_PER_HOUR = 3_600 // STEP_S
POOL = 1 << 21
TRUTH = Path(__file__).parent / "truth.json"


def load(file: Path | None = None) -> dict[str, Any]:
    return dict(json.loads((file or TRUTH).read_text()))


class Draws:
    """Standard normals and uniforms for a step and a purpose, of the paths' shape."""

    def __init__(self, seed: int, shape: tuple[int, ...]) -> None:
        dice = np.random.default_rng([seed, 1])
        self.shape, self.size, self.seed = shape, int(np.prod(shape)), seed
        self.normals = dice.standard_normal(POOL + self.size, dtype=np.float32)
        self.uniforms = dice.random(POOL + self.size, dtype=np.float32)

    def at(self, step: int, purpose: int) -> tuple[Array, Array]:
        begin = (step * 2_654_435_761 + purpose * 40_503_001 + self.seed * 97_003) % POOL
        other = (begin * 7 + 13) % POOL
        return self.normals[begin : begin + self.size].reshape(self.shape), self.uniforms[other : other + self.size].reshape(self.shape)


def counted(mean: Array, out_of: Array, drawn: tuple[Array, Array]) -> Array:
    """About a binomial count with that mean: stochastic rounding for what is rare, a rounded normal for the rest."""
    normal, uniform = drawn
    spread = np.where(mean > 1.0, np.sqrt(np.maximum(mean * (1.0 - mean / np.maximum(out_of, 1e-6)), 0.0)), 0.0)
    return np.minimum(np.maximum(np.floor(mean + normal * spread + uniform), 0.0), np.ceil(out_of))


@dataclass(slots=True)
class Happening:
    """What begins at a step. Arrays of indices beside values; `until` is a step."""

    breaks: list[tuple[int, int, int, float]] = field(default_factory=list)
    listings: list[tuple[int, int, float, int]] = field(default_factory=list)
    bad_lists: list[tuple[int, int, int, float, float, float]] = field(default_factory=list)
    outages: list[tuple[int, int, int, float, bool]] = field(default_factory=list)
    poison: list[tuple[int, int, Array, float, int]] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """Everything hidden."""

    truth: Mapping[str, Any]
    seeds: int
    ips: int
    days: int
    draws: Draws
    provider: dict[str, Array]  # (seed, 1, provider)
    offence: Array  # (seed, ip, 1)
    unknown: Array
    complaints: Array
    usual: Array  # (1, 1, provider): attempts a step and path on average
    capacity: Array
    large: Array  # (provider,)
    demand: Array  # (step of the week, seed): as a part of the average
    happens: dict[int, Happening]

    @property
    def steps(self) -> int:
        return self.days * STEPS_PER_DAY

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.seeds, self.ips, self.usual.shape[2]


def build(truth: Mapping[str, Any], seed: int, seeds: int, ips: int | None = None, days: int | None = None) -> World:
    """`seeds` worlds, numbered from `seed` on."""
    ips, days = ips or truth["ips"], days or truth["days"]
    providers = truth["providers"]
    names = [name for name, value in truth["provider"].items() if isinstance(value, list)]
    drawn: dict[str, list[Array]] = defaultdict(list)
    happens: dict[int, Happening] = defaultdict(Happening)
    for number in range(seeds):
        dice = np.random.default_rng([seed + number, 2])
        for name in names:
            drawn[name].append(dice.uniform(*truth["provider"][name], (1, len(providers))))
        lists = truth["lists"]
        drawn["uses_lists"].append((dice.random((1, len(providers))) < truth["provider"]["uses_lists"]) * 1.0)
        drawn["complaints_told"].append(dice.uniform(*lists["complaints_told"], (1, len(providers))))
        median = dice.uniform(*lists["offence_median"])
        drawn["offence"].append(np.minimum(median * np.exp(lists["offence_spread"] * dice.standard_normal((ips, 1))), 0.65))
        drawn["unknown"].append(dice.uniform(*lists["unknown_recipients"], (ips, 1)))
        drawn["complaints"].append(dice.uniform(*lists["complaints"], (ips, 1)))
        drawn["demand"].append(_demand(truth, dice))
        _befalls(truth, dice, number, ips, len(providers), days, happens)
    stacked = {name: np.stack(several).astype(np.float32) for name, several in drawn.items()}
    usual = np.array([[[one["part"] for one in providers]]], dtype=np.float32) * truth["mail_per_ip_and_day"] / STEPS_PER_DAY
    return World(
        truth, seeds, ips, days, Draws(seed, (seeds, ips, len(providers))), {name: stacked[name] for name in (*names, "uses_lists", "complaints_told")},
        stacked["offence"], stacked["unknown"], stacked["complaints"], usual, usual / truth["demand_of_capacity"],
        np.array([bool(one.get("large")) for one in providers]), stacked["demand"].T.copy(), happens,
    )  # fmt: skip


def _demand(truth: Mapping[str, Any], dice: np.random.Generator) -> Array:
    """A week of it, repeated: day and night, working days and weekends, its mean 1."""
    step = np.arange(7 * STEPS_PER_DAY)
    day = 1 - dice.uniform(*truth["swing_of_day"]) * np.cos(2 * np.pi * step / STEPS_PER_DAY)
    week = np.where(step // STEPS_PER_DAY >= 5, 1 - dice.uniform(*truth["swing_of_week"]), 1.0)
    return day * week / np.mean(day * week)


def _befalls(
    truth: Mapping[str, Any], dice: np.random.Generator, seed: int, ips: int, providers: int, days: int, happens: dict[int, Happening]
) -> None:  # fmt: skip
    steps, season = days * STEPS_PER_DAY, days / 90

    def when(of: Mapping[str, Any]) -> tuple[int, int]:
        begin = int(dice.integers(steps))
        return begin, begin + max(1, int(dice.uniform(*of["hours"]) * STEPS_PER_HOUR)) if "hours" in of else 0

    broken = truth["breaks"]
    for _ in range(dice.poisson(broken["per_path_and_90_days"] * season * ips * providers)):
        happens[when(broken)[0]].breaks.append((seed, int(dice.integers(ips)), int(dice.integers(providers)), dice.uniform(*broken["badness"])))
    listed = truth["listings"]
    for _ in range(dice.poisson(listed["per_ip_and_90_days"] * season * ips)):
        begin, until = when(listed)
        happens[begin].listings.append((seed, int(dice.integers(ips)), dice.uniform(*listed["badness"]), until))
    bad = truth["bad_lists"]
    for _ in range(dice.poisson(bad["per_ip_and_90_days"] * season * ips)):
        begin, until = when(bad)
        offence, unknown, complaints = (float(dice.uniform(*bad[name])) for name in ("offence_times", "unknown_times", "complaint_times"))
        happens[begin].bad_lists.append((seed, int(dice.integers(ips)), until, offence, unknown, complaints))
    out = truth["outages"]
    for provider in range(providers):
        for _ in range(dice.poisson(out["per_provider_and_90_days"] * season)):
            begin, until = when(out)
            happens[begin].outages.append((seed, provider, until, dice.uniform(*out["accepted"]), bool(dice.random() < out["blames_us"])))
    poison = truth["poison"]
    for _ in range(dice.poisson(poison["per_90_days"] * season)):
        begin, until = when(poison)
        hit = dice.choice(ips, min(ips, int(dice.integers(poison["paths_hit"][0], poison["paths_hit"][1] + 1))), replace=False)
        happens[begin].poison.append((seed, int(dice.integers(providers)), hit, dice.uniform(*poison["mail_held"]), until))
