"""Ours: the platform's own functions (pools.reputation) on the world's paths. Scores by `points` over arrays; every change by `decide`, path by path.

Where a path is being refused the step is cut into ten, so that it is stopped when the platform would stop it (which looks each two seconds).
"""


from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import numpy as np

from pools.reputation.decide import Change, IpStanding, Name, PathSeen, decide, decide_ip, leave
from pools.reputation.evidence import BlockEvidence, Counts
from pools.reputation.probation import ALWAYS_OPEN, FEW, Standing, State
from pools.reputation.probation import heard as heard_of
from pools.reputation.score import UNSAID, External, points, score, total
from pools.reputation.thresholds import Policy
from pools.reputation.windows import KEPT, Windows, fold
from tests.bench.hidden.others import Nothing
from tests.bench.hidden.simulate import IN_FLIGHT, WELL_FOR, Heard, Hidden, May, Odds, draw
from tests.bench.hidden.world import STEP_S, STEPS_PER_DAY, Array, World

START = datetime(2026, 1, 1, tzinfo=UTC)
CUTS = 10
HOT = 0.04
LISTED = External(listing="critical", listed_by="a block list")
Key = tuple[int, int, int]


class Ours(Nothing):
    """Reputation as it is."""

    def __init__(self, world: World, policy: Policy | None = None) -> None:
        super().__init__(world)
        self.policy = policy or Policy()
        self.windows = Windows(*(np.zeros(world.shape, np.float32) for _ in KEPT))
        self.standing: dict[Key, Standing] = {}
        self.probation: set[Key] = set()
        self.open = np.ones(world.shape, bool)
        self.due = np.full(world.shape, np.iinfo(np.int32).max, np.int32)  # when a quarantined path's stay is over
        self.parts = np.ones(world.shape, np.float32)
        self.caps = np.full(world.shape, np.inf, np.float32)
        self.scores = np.full(world.shape, 100.0, np.float32)
        self.refused_lately = np.zeros(world.shape, np.float32)  # since a path's standing, or in its windows: what evidence is made of
        self.ips: dict[tuple[int, int], IpStanding] = {}
        self.stopped: dict[Key, Change] = {}
        self.seen = np.zeros(world.shape[:2], bool)
        self.entries: dict[Key, list[int]] = {}
        self.left_at: dict[Key, int] = {}
        self.false, self.entered = np.zeros(world.seeds), np.zeros(world.seeds)
        self.most = np.zeros(world.seeds)
        self.days_away: list[list[float]] = [[] for _ in range(world.seeds)]
        self.reasons: dict[str, int] = {}
        self.hidden: Hidden | None = None

    # -- what it may do -------------------------------------------------------------------------------------------------

    def may(self, step: int) -> May:
        return May(self.parts, self.caps, np.where(self.open, 100.0 - self.scores, 0.0))

    def acted(self) -> Array | None:
        return ~self.open

    def send(self, step: int, planned: Array, odds: Odds) -> tuple[Array, Array, Array]:
        attempted, refused, stray = draw(self.world, step, planned, odds)
        hot = np.nonzero(self.open & (odds.refused > HOT) & (planned > 0))
        if len(hot[0]):
            attempted, refused, stray = attempted.copy(), refused.copy(), stray.copy()
            self._stop_early(step, hot, attempted, refused, stray, odds)
        return attempted, refused, stray

    def _stop_early(self, step: int, hot: tuple[Array, ...], attempted: Array, refused: Array, stray: Array, odds: Odds) -> None:
        policy, cut_s = self.policy, STEP_S / CUTS
        mine = Windows(*(getattr(self.windows, name)[hot] for name in KEPT))
        all_s, all_p = hot[0], hot[2]
        others = Windows(*(getattr(self.windows, name).sum(axis=1)[all_s, all_p] for name in KEPT)) - mine
        live = np.ones(len(all_s), bool)
        made, said = np.zeros(len(all_s)), np.zeros(len(all_s))
        put_off = np.broadcast_to(odds.put_off, attempted.shape)[hot]
        blames = np.broadcast_to(odds.blames, attempted.shape)[hot]
        for cut in range(CUTS):
            # what the whole step hears, evenly; the last refusal of a part counts when it is whole
            goes, heard = attempted[hot] / CUTS, refused[hot] / CUTS + stray[hot] / CUTS
            blame = (goes - heard) * put_off * blames
            mine = fold(mine, Counts(attempted=goes, blocked=heard, deferred_reputation=blame), cut_s, policy)
            made, said = made + goes * live, said + heard * live
            low = total(points(mine, others + mine, UNSAID, policy)) < policy.leave_below
            for index in np.nonzero(low & live)[0]:
                key = (int(all_s[index]), int(hot[1][index]), int(all_p[index]))
                own = Windows(*(float(getattr(mine, name)[index]) for name in KEPT))
                beside = Windows(*(float(getattr(others, name)[index]) for name in KEPT))
                found = score(own, own + beside, UNSAID, policy)
                change = decide(self.standing.get(key, ALWAYS_OPEN), found, self._evidence(key, float(said[index])), policy, self._now(step, cut))
                if change is not None:
                    self.stopped[key] = change
                    live[index] = False
        stopped = ~live
        if stopped.any():
            where = tuple(axis[stopped] for axis in hot)
            full = attempted[where]
            kept = np.minimum(full, made[stopped] + IN_FLIGHT)
            part = kept / np.maximum(full, 1e-6)
            attempted[where], refused[where], stray[where] = kept, refused[where] * part, stray[where] * part

    # -- what it makes of a step ----------------------------------------------------------------------------------------

    def after(self, step: int, heard: Heard, hidden: Hidden) -> None:
        self.hidden = hidden
        policy = self.policy
        counts = Counts(attempted=heard.attempted, delivered=heard.attempted - heard.blocked - heard.deferred_reputation - heard.deferred_other - heard.bounced,
                        deferred_reputation=heard.deferred_reputation, deferred_other=heard.deferred_other, blocked=heard.blocked,
                        bounced_recipient=heard.bounced, complaints=heard.complaints)  # fmt: skip
        self.windows = fold(self.windows, counts, float(STEP_S), policy)
        self.refused_lately = self.refused_lately * np.float32(0.5 ** (STEP_S / policy.middle_half_life_s)) + heard.blocked + heard.deferred_reputation
        together = Windows(*(getattr(self.windows, name).sum(axis=1, keepdims=True) for name in KEPT))
        self.scores = total(points(self.windows, together, UNSAID, policy))
        now = self._now(step, CUTS)
        for key, change in self.stopped.items():
            self._apply(key, change, step)
        self.stopped.clear()
        for key in map(tuple, np.argwhere(self.open & (self.scores < policy.leave_below)).tolist()):
            self._consider(key, together, now, step)
        for key in sorted(self.probation):
            went = Counts(attempted=float(heard.attempted[key]), blocked=float(heard.blocked[key]), deferred_reputation=float(heard.deferred_reputation[key]))
            self.standing[key] = heard_of(self.standing[key], went, policy)
            if self._may_change(key, now):
                self._consider(key, together, now, step)
        for key in map(tuple, np.argwhere(self.due <= step + 1).tolist()):
            self._consider(key, together, now, step)
        self._look_at_ips(step, now, hidden)

    def _may_change(self, key: Key, now: datetime) -> bool:
        """Whether a path on probation has anything to be decided by; all others would be answered by None."""
        standing = self.standing[key]
        waited = standing.since is not None and (now - standing.since).total_seconds() >= self.policy.patience_s
        return standing.refused >= FEW or standing.answers >= self.policy.step_floor or waited or bool(self.seen[key[:2]])

    def _consider(self, key: Key, together: Windows, now: datetime, step: int) -> None:
        s, i, p = key
        own = Windows(*(float(getattr(self.windows, name)[key]) for name in KEPT))
        everybody = Windows(*(float(getattr(together, name)[s, 0, p]) for name in KEPT))
        external = LISTED if self.seen[s, i] else UNSAID
        found = score(own, everybody, external, self.policy)
        change = decide(self.standing.get(key, ALWAYS_OPEN), found, self._evidence(key, 0.0), self.policy, now)
        if change is not None:
            self._apply(key, change, step)

    def _evidence(self, key: Key, more: float) -> BlockEvidence:
        """Mail is of many tenants: three refusals are of two at least. So many name the IP."""
        refused = float(self.refused_lately[key]) + more
        named = refused * float(self.world.provider["names_the_ip"][key[0], 0, key[2]])
        return BlockEvidence(campaigns=int(refused), tenants=2 if refused >= 3 else int(refused >= 1), named=float(int(named)))

    def _look_at_ips(self, step: int, now: datetime, hidden: Hidden) -> None:
        self.seen = (hidden.listed_seen >= 0) & (step >= hidden.listed_seen)
        many = ((~self.open) & self.world.large).sum(axis=2) >= self.policy.large_providers
        for s, i in {*map(tuple, np.argwhere(self.seen | many).tolist()), *self.ips}:
            paths = [PathSeen(str(p), bool(self.world.large[p]), self.standing.get((s, i, p), ALWAYS_OPEN)) for p in range(self.world.shape[2])]
            external = LISTED if self.seen[s, i] else UNSAID
            change = decide_ip(self.ips.get((s, i), IpStanding()), paths, external, self.policy, now)
            if change is None:
                continue
            if change.name is Name.IP_BACK:
                del self.ips[s, i]
                continue
            self.ips[s, i] = change.standing
            for p in range(self.world.shape[2]):
                standing = self.standing.get((s, i, p), ALWAYS_OPEN)
                per_hour = float(self.windows.long_attempted[s, i, p]) * 0.6931 * 3600 / self.policy.long_half_life_s
                out = leave(standing, self.policy, now, change.sentence, change.evidence, name=Name.IP_OUT, least_s=self.policy.ip_stay_s, per_hour=per_hour)
                self._apply((s, i, p), out, step)

    def _apply(self, key: Key, change: Change, step: int) -> None:
        before = self.standing.get(key, ALWAYS_OPEN).state
        self.standing[key] = change.standing
        state = change.standing.state
        self.open[key] = state is State.OPEN
        self.parts[key] = change.share / 100.0
        self.caps[key] = inf if change.probation_per_hour is None else change.probation_per_hour * STEP_S / 3600
        self.probation.discard(key)
        self.due[key] = np.iinfo(np.int32).max
        if state is State.PROBATION:
            self.probation.add(key)
        elif state is State.QUARANTINED:
            assert change.until is not None
            self.due[key] = -int(-(change.until - START).total_seconds() // STEP_S)
            if before is not State.QUARANTINED:
                self._count_entry(key, step, change)
        else:
            if key in self.left_at:  # not one that was only doubted
                self.days_away[key[0]].append((step - self.left_at.pop(key)) / STEPS_PER_DAY)
        if change.fresh:
            for name in KEPT:
                getattr(self.windows, name)[key] = 0.0
            self.refused_lately[key] = 0.0
            self.scores[key] = 100.0

    def _count_entry(self, key: Key, step: int, change: Change) -> None:
        assert self.hidden is not None
        seed = key[0]
        self.left_at.setdefault(key, step)
        self.entered[seed] += 1
        if step - self.hidden.badly_at[key] >= WELL_FOR:
            self.false[seed] += 1
            self.reasons[change.name] = self.reasons.get(change.name, 0) + 1
        entries = self.entries[key] = [entry for entry in self.entries.get(key, []) if step - entry < STEPS_PER_DAY] + [step]
        self.most[seed] = max(self.most[seed], len(entries))

    def _now(self, step: int, cut: int) -> datetime:
        return START + timedelta(seconds=step * STEP_S + cut * STEP_S / CUTS)

    def figures(self) -> dict[str, Any]:
        """What only a policy that quarantines has."""
        return {"false": self.false, "entered": self.entered, "most": self.most, "days_away": self.days_away, "reasons": self.reasons}


