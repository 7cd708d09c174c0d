"""Choose: which of an engine's paths takes a claimed delivery, and why.

A lane's `Field` is made anew every FRESH_S, not for every delivery: its open paths with their handicaps, and what the closed ones are closed by.
`soonest` takes the path that would have delivered first: the time that it needs with what it has in hand, and what is left of its handicap. A path on
trial (pace.py) that is behind its pace goes before the others of its tier, and takes nothing beyond it; transactional mail goes along one on
probation only where the pool has nothing else to offer, or serves nothing else. The why of an attempt shares the field's list of the other paths
(docs/architecture.md tells its words).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from delivery.engine.outbox import WAITS_LONG_S
from delivery.engine.path import Path
from delivery.engine.rivals import OPEN
from delivery.engine.score import GOES_FIRST, WARM_POINTS, Rank, behind_ms, best_of
from delivery.engine.standing import state_of
from delivery.engine.world import World
from delivery.queue.claim import Claim
from pools.purposes import Purpose

FRESH_S = 0.05
OTHERS_TOLD = 5
PROBE_WAITS_S = 5.0  # an open circuit is probed when no other path is quicker, or after this; by a transactional delivery after three times this
HELP_AT = 2  # times what a path should have in hand

PathOf = Callable[[int, int], Path]
Why = dict[str, object]


@dataclass(slots=True)
class Runner:
    """An open path in a field. `takes_s`: until a delivery that it is given now would be delivered."""

    path: Path
    handicap_ms: int
    score: float
    most: int
    takes_s: float
    overdue_s: float = 0.0  # how long its circuit has waited for a probe
    tier_ms: int = 0

    @property
    def ip_id(self) -> int:
        return self.path.ip_id

    @property
    def has_room(self) -> bool:
        return self.path.in_hand < self.most


Pick = Callable[[Sequence[Runner], Claim, float], Runner]  # runners, the delivery, how long it has waited in seconds


@dataclass(slots=True)
class Field:
    """The paths of one lane, for a few milliseconds."""

    until_s: float
    runners: list[Runner]
    closed: list[tuple[float, list[object]]]  # this engine's closed paths and other engines', with their scores
    trials: bool = False  # a runner is on trial
    bulk: bool = True  # the pool serves other purposes than transactional
    told: dict[int, list[list[object]]] = field(default_factory=dict)  # by winner


class Chooser:
    """Of one engine. `pick` is the one thing that tells routing policies apart."""

    def __init__(self, path_of: PathOf, name: str, pick: Pick) -> None:
        self._path_of, self._name, self._pick = path_of, name, pick
        self._fields: dict[tuple[int, int], Field] = {}
        self._world: World | None = None

    def choose(self, claim: Claim, world: World, now_s: float, now: datetime) -> tuple[Path | None, Why]:
        """The path that takes a claimed delivery, and why; None when none of them is open any more."""
        if world is not self._world:
            self._world = world
            self._fields.clear()
        found = self._field((claim.pool_id, claim.provider_id), now_s)
        special = claim.sticky_ip_id is not None or bool(claim.avoid_ip_ids)
        waited_s = max(0.0, (now - claim.ready_at).total_seconds())
        winner = self._winner(found, claim, special, waited_s)
        if winner and not winner.path.takes(now_s):  # closed since the field was made
            found = self._field((claim.pool_id, claim.provider_id), now_s, anew=True)
            winner = self._winner(found, claim, special, waited_s)
        if winner is None:
            return None, {}
        path = winner.path
        if not path.in_hand:
            path.moved_at_s = now_s
        others = _others(found, winner, claim, now_s) if special else found.told.get(path.ip_id)
        if others is None:
            others = found.told[path.ip_id] = _others(found, winner, None, now_s)
        why: Why = {"w": round(waited_s * 1000), "h": winner.handicap_ms, "s": round(winner.score), "e": self._name, "o": others}
        if (more := len(found.runners) + len(found.closed) - 1 - len(others)) > 0:
            why["m"] = more
        if path.probing:
            found.runners.remove(winner)  # one delivery probes it
        else:
            winner.takes_s = takes_s(path, now_s, path.in_hand + 1)
        return path, why

    def _field(self, lane: tuple[int, int], now_s: float, anew: bool = False) -> Field:
        found = self._fields.get(lane)
        if found is None or anew or now_s >= found.until_s:
            assert self._world is not None
            found = self._fields[lane] = make_field(lane, self._world, self._path_of, now_s)
        return found

    def _winner(self, found: Field, claim: Claim, special: bool, waited_s: float) -> Runner | None:
        runners: Sequence[Runner] = _allowed(found.runners, claim) if special else found.runners
        if found.trials:
            runners = _tried(runners, claim, found.bulk)
        return self._pick(runners, claim, waited_s) if runners else None


def soonest(runners: Sequence[Runner], claim: Claim, waited_s: float) -> Runner:
    """The open path that would have delivered first.

    A full one may well be: it gets up to twice what it should have in hand before a slower one that has room is asked to help.
    """
    best, best_s, best_fits = runners[0], float("inf"), False
    for runner in runners:
        fits = runner.path.in_hand < HELP_AT * runner.most
        if best_fits and not fits:
            continue
        at_s = runner.takes_s + max(0.0, runner.handicap_ms / 1000 - waited_s)
        if runner.overdue_s > (PROBE_WAITS_S if claim.purpose != Purpose.TRANSACTIONAL else 3 * PROBE_WAITS_S):
            return runner
        if at_s < best_s or (fits and not best_fits):
            best, best_s, best_fits = runner, at_s, fits
    return best


def takes_s(path: Path, now_s: float, ahead: int) -> float:
    """Until a delivery with so many ahead of it would be delivered: by its connections, its rates, and whether it stands still."""
    mood, most = path.mood, path.slots.limit
    connections = 0 if path.circuit_failures else path.slots.open  # those that are there have no session
    answer_s = mood.answer_now_s(now_s)
    # A connection more is opened for whoever would wait long; where answers are quick, when two wait for each there is (outbox).
    usable = most if answer_s > WAITS_LONG_S else max(connections, min(most, ahead // 3), 1)
    needed_s = answer_s * (1.0 + max(0, ahead - usable + 1) / usable)
    if connections <= ahead and connections < usable:
        needed_s += path.connect_s(now_s)
    if ahead and (still_s := now_s - path.moved_at_s) > answer_s:
        needed_s += still_s  # whatever hangs has hung so long, and will for as long again
    for rate in path.rates:
        needed_s = max(needed_s, rate.earliest(now_s) - now_s + ahead * rate.rate.spacing_s + answer_s)
    return needed_s


def make_field(lane: tuple[int, int], world: World, path_of: PathOf, now_s: float) -> Field:
    """Who is open, who is not and why, at this moment."""
    pool_id, provider_id = lane
    members, rivals = world.pools.get(pool_id, {}), world.rivals
    ranks: dict[int, Rank] = {}
    runners: list[Runner] = []
    closed: list[tuple[float, list[object]]] = []
    for ip, tier_ms in members.items():
        if ip not in world.ips:
            if rival := rivals.of(ip, provider_id):
                closed.append((rival.score, _told(ip, rival.state, rival.score, rival.n)))
            continue
        path = path_of(ip, provider_id)
        if path.takes(now_s):
            overdue_s = now_s - path.probe_at_s if path.probing else 0.0
            ranks[ip] = Rank(tier_ms, path.rank)
            runners.append(Runner(path, 0, path.score(), path.in_hand + path.room(now_s), takes_s(path, now_s, path.in_hand), overdue_s, tier_ms))
        else:
            state, n = state_of(path, now_s)
            closed.append((path.score(), _told(ip, state, path.score(), n)))
    best = best_of([*ranks.values(), *([elsewhere] if (elsewhere := rivals.best(members, provider_id)) else [])])
    trials = False
    for runner in runners:
        runner.handicap_ms = behind_ms(ranks[runner.ip_id], best)
        trials = trials or _on_trial(runner.path)
    return Field(now_s + FRESH_S, runners, closed, trials=trials, bulk=pool_id in world.bulk_pools)


def handicap_ms(lane: tuple[int, int], world: World, paths: Sequence[Path], first: bool = False) -> int:
    """How long a lane's deliveries must have waited before this engine may claim them, for the best of these open paths of its own.

    `first`: transactional ones, which do not wait because a path is on trial; where there are no others, one on trial is as good as the best.
    """
    members = world.pools.get(lane[0], {})
    ahead = 100.0 + WARM_POINTS if first and lane[0] not in world.bulk_pools else 0.0 if first else GOES_FIRST
    own = best_of([Rank(members.get(path.ip_id, 0), max(ahead, path.rank) if path.pace else path.rank) for path in paths])
    elsewhere = world.rivals.best_for_first(members, lane[1]) if first and world.rivals.trials else world.rivals.best(members, lane[1])
    return behind_ms(own, best_of([own, elsewhere]) if elsewhere else own) if own else 0


def _on_trial(path: Path) -> bool:
    return path.pace is not None or path.trial.probation


def _tried(runners: Sequence[Runner], claim: Claim, bulk: bool) -> Sequence[Runner]:
    """What a path on trial changes: behind its pace it goes first in its tier, beyond it takes nothing."""
    able = [runner for runner in runners if runner.path.pace is None or runner.has_room]
    if bulk and claim.purpose == Purpose.TRANSACTIONAL:
        return [runner for runner in able if not runner.path.trial.probation] or able
    best_ms = min([runner.tier_ms for runner in able], default=0)
    return [runner for runner in able if runner.path.pace and runner.tier_ms == best_ms] or able


def _allowed(runners: Sequence[Runner], claim: Claim) -> list[Runner]:
    """The path that a greylisting provider wants again; else those that have not had it, if there are any."""
    fresh = [runner for runner in runners if runner.ip_id not in claim.avoid_ip_ids] or list(runners)
    return [runner for runner in fresh if runner.ip_id == claim.sticky_ip_id] or fresh


def _others(found: Field, winner: Runner, claim: Claim | None, now_s: float) -> list[list[object]]:
    """The other paths of the pool, best scored first; `claim` where this one delivery's past decided."""
    told = [*found.closed, *((runner.score, _lost(runner, winner, claim, now_s)) for runner in found.runners if runner is not winner)]
    told.sort(key=_scored, reverse=True)
    return [entry for _, entry in told[:OTHERS_TOLD]]


def _lost(runner: Runner, winner: Runner, claim: Claim | None, now_s: float) -> list[object]:
    """Why an open path did not win."""
    state, n = OPEN, 0
    if claim and runner.ip_id in claim.avoid_ip_ids:
        state = "avoided"
    elif claim and claim.sticky_ip_id == winner.ip_id:
        state = "sticky"
    elif not runner.has_room:
        state, n = state_of(runner.path, now_s)
        if state == OPEN:
            state, n = "full", runner.path.limits.connections
    elif runner.takes_s > winner.takes_s:
        state, n = "slower", round((runner.takes_s - winner.takes_s) * 1000)
    return _told(runner.ip_id, state, runner.score, n)


def _told(ip_id: int, state: str, score: float, n: int) -> list[object]:
    return [ip_id, state, round(score), n] if n else [ip_id, state, round(score)]


def _scored(told: tuple[float, list[object]]) -> float:
    return told[0]
