"""World: providers that tolerate so much of a young IP a day, in arrays of (schedule, IP, provider). An hour is a step.

What is hidden: a path's tolerance (mail a day). With good history it grows `grows_a_day` times a day, less by the list's quality, and only as far as the path
shows mail: what comes to less than `heeds_from` of the tolerance grows it in proportion. Mail above the tolerance is answered by deferrals, blocks or the
junk folder, as the provider likes. More than `at_load` times the tolerance in a rolling day (a leaky one), or more than `at_hour` times an even
hour of it, breaks it: the tolerance falls, and does not grow for `remembers_h`. Every schedule sees the same draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
HOURS = 24
SMALL_HOUR = 20.0  # mails: fewer in an hour are no burst


@dataclass(slots=True)
class Replies:
    """One hour: counts by (schedule, IP, provider). `junked` nobody is told; `complaints` are those that were told in this hour."""

    attempted: Array
    accepted: Array
    deferred: Array
    blocked: Array
    junked: Array
    bounced: Array
    complaints: Array


class World:
    def __init__(self, truth: Mapping[str, Any], ips: int, schedules: int, seed: tuple[int, int]) -> None:
        self.rng = np.random.default_rng(seed)
        self.shape = (schedules, ips, len(truth["providers"]))
        path, one = (1, ips, self.shape[2]), (1, ips, 1)
        names = [provider["name"] for provider in truth["providers"]]
        self.share = np.array([provider["share"] for provider in truth["providers"]], np.float32)[None, None, :]
        self.mail = self.share * truth["mail_per_day"] / HOURS
        self.answers = {what: np.array([p["answers"][what] for p in truth["providers"]], np.float32) for what in ("deferred", "blocked", "junked")}
        kinds = list(truth["lists"])
        self.kind = self.rng.choice(len(kinds), ips, p=[truth["lists"][kind]["part"] for kind in kinds])
        of = [truth["lists"][kind] for kind in kinds]
        first = np.array([one["first"] for one in of])[self.kind][None, :, None]
        spread = np.exp(truth["first_day_spread"] * self.rng.standard_normal(path))
        self.first = self._between(truth["first_day_per_ip"], one) * self.share * spread * first
        self.full = self._between(truth["full_per_ip"], one) * self.share
        self.growth = np.log(self._between(truth["grows_a_day"], path)) * self._of_lists(of, "growth") / HOURS
        self.heeds = self._between(truth["heeds_from"], path)
        self.resists = self.rng.uniform(*truth["resists"], path)
        breaks = truth["breaks"]
        self.at_load, self.at_hour = self._between(breaks["at_load"], path), self._between(breaks["at_hour"], path)
        self.leaves, self.remembers = self.rng.uniform(*breaks["leaves"], path), self._between(breaks["remembers_h"], path)
        self.least = self.first * breaks["least_part_of_first"]
        self.stray = {what: self._between(truth["stray"][what], path) for what in ("deferred", "blocked", "junked")}
        self.bounced, self.complains = self._of_lists(of, "bounced"), self._of_lists(of, "complaints")
        told = truth["complaints_told"]
        self.told = np.array([told.get(name, told["default"]) for name in names])[None, None, :]
        self.told_after = truth["complaints_after_h"]
        self.tolerance = np.broadcast_to(self.first, self.shape).astype(np.float32)
        self.day, self.forgets, self.untold = (np.zeros(self.shape, np.float32) for _ in range(3))
        self.hours = 0

    def hour(self, wanted: Array) -> Replies:
        """Send so much along each path, as far as there is mail; what is waiting waits on."""
        draws = self.rng.random((6, 1, *self.shape[1:]), dtype=np.float32)
        noise = self.rng.standard_normal((5, 1, *self.shape[1:]), dtype=np.float32)
        attempted = np.floor(np.minimum(wanted, self.mail) + draws[0])
        self.day = self.day * (1 - 1 / HOURS) + attempted
        load = self.day / self.tolerance
        over = self.resists * np.maximum(0.0, 1.0 - 1.0 / np.maximum(load, 1e-6))
        left = attempted
        counts = {}
        for n, what in enumerate(("blocked", "deferred", "junked")):
            part = over * self.answers[what] + self.stray[what]
            counts[what] = _draw(attempted * part, left, draws[n + 1], noise[n])
            left = left - counts[what]
        bounced = _draw(left * self.bounced, left, draws[4], noise[3])
        accepted = left - bounced + counts["junked"]
        self.untold += (left - bounced) * self.complains * self.told
        complaints = _draw(self.untold / self.told_after, self.untold + 1, draws[5], noise[4])
        self.untold = np.maximum(0.0, self.untold - complaints)
        self._learn(load, attempted)
        return Replies(attempted, accepted, counts["deferred"], counts["blocked"], counts["junked"], bounced, complaints)

    def _learn(self, load: Array, attempted: Array) -> None:
        burst = (attempted > SMALL_HOUR) & (attempted > self.at_hour * self.tolerance / HOURS)
        remembers = self.forgets > 0
        breaks = ((load > self.at_load) | burst) & ~remembers
        grows = np.where(remembers | breaks, 0.0, self.growth * np.minimum(1.0, load / self.heeds))
        tolerance = np.where(breaks, self.tolerance * self.leaves, self.tolerance * np.exp(grows))
        self.tolerance = np.clip(tolerance, self.least, self.full).astype(np.float32)
        insists = remembers & (load > self.at_load)  # who goes on sending is not forgotten
        self.forgets = np.where(breaks, self.remembers, np.where(insists, self.forgets, np.maximum(0.0, self.forgets - 1))).astype(np.float32)
        self.hours += 1

    def _between(self, span: list[float], shape: tuple[int, ...]) -> Array:
        return np.exp(self.rng.uniform(np.log(span[0]), np.log(span[1]), shape)).astype(np.float32)

    def _of_lists(self, lists: list[Mapping[str, Any]], name: str) -> Array:
        """Each IP's, by its list."""
        low, high = (np.log([one[name][end] for one in lists])[self.kind] for end in (0, 1))
        return np.exp(self.rng.uniform(low, high))[None, :, None].astype(np.float32)


def _draw(expected: Array, most: Array, uniform: Array, normal: Array) -> Array:
    """Counts about what is expected, whole, by draws that all schedules share."""
    return np.clip(np.floor(expected + np.sqrt(expected) * normal * 0.7 + uniform), 0.0, most).astype(np.float32)
