"""Ours: the platform's own `decide` for each path and hour of simulated time. Nothing of the world but replies comes in."""

from datetime import UTC, datetime, timedelta

import numpy as np

from tests.bench.warming.schedules import DEFAULT, plans
from tests.bench.warming.world import HOURS, Array, Replies
from warming.controller import Act, Pace, Stage, StageEvidence, decide
from warming.plan import plan_of

START = datetime(2026, 1, 1, tzinfo=UTC)
UNCAPPED = 1e9
PACE = Pace()


class Row:
    """The shipped plan as a row of the table."""

    def __init__(self, plan: dict[str, object]) -> None:
        self.daily, self.facts = plan["daily"], plan["facts"]


class Ours:
    def __init__(self, ips: int, providers: list[str], pace: Pace = PACE, plan: str = DEFAULT) -> None:
        row = Row(plans()[plan])
        self.plans = [plan_of(row, name) for name in providers] * ips
        self.shape = (ips, len(providers))
        self.pace = pace
        self.stages = [Stage(one.first, START) for one in self.plans]
        self.caps = np.array([float(one.first) for one in self.plans])
        self.paused = [START] * len(self.stages)
        self.sent = np.zeros((HOURS, len(self.stages)))  # of the last 24 hours: the engine's rolling day
        self.seen = np.zeros((6, len(self.stages)))
        self.acts: dict[str, int] = {}
        self.hours = 0

    def wants(self) -> Array:
        """An even part of the day's cap, and never more in any rolling day."""
        now = START + timedelta(hours=self.hours)
        open_ = np.array([until <= now for until in self.paused])
        left = self.caps - (self.sent.sum(axis=0) - self.sent[self.hours % HOURS])
        return (np.maximum(0.0, np.minimum(self.caps / HOURS, left)) * open_).reshape(self.shape).astype(np.float32)

    def hears(self, of: Replies) -> None:
        """An hour is over."""
        counts = (of.attempted, of.accepted, of.deferred, of.blocked, of.bounced, of.complaints)
        self.seen += np.array([one[-1].ravel() for one in counts])
        self.sent[self.hours % HOURS] = of.attempted[-1].ravel()
        self.hours += 1
        now = START + timedelta(hours=self.hours)
        rows = self.seen.T.astype(int).tolist()
        for n, stage in enumerate(self.stages):
            if self.paused[n] <= now and self.caps[n] < UNCAPPED:
                self._look(n, stage, rows[n], now)

    def _look(self, n: int, stage: Stage, counts: list[int], now: datetime) -> None:
        decision = decide(stage, StageEvidence(*counts), self.plans[n], self.pace, now)
        self.stages[n] = decision.stage
        self.caps[n] = UNCAPPED if decision.act is Act.FINISH else decision.cap_per_day
        self.acts[decision.act] = self.acts.get(decision.act, 0) + 1
        if decision.paused_until:
            self.paused[n] = decision.paused_until
        if decision.anew:
            self.seen[:, n] = 0
