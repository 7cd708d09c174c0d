"""Judge: is an engine alive? Pure: time and sightings come in, judgements go out.

Owns: how long each engine has been silent, counted in the judge's own looks and on the judge's own clock. Promises: an
engine that renews is never condemned; a gap between two looks, a new database incarnation or too few looks start the count
again, so a judge that was frozen itself condemns nobody. Never: asks a clock, a database or a process. How it fails: late, never early.

The engine stops itself 600 ms after it *sent* its last renewal; a judge counts from the look that first *saw* it, which is
later, and waits 700 ms: when the verdict falls the engine has already stopped writing dots.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

GRACE_S = 5.0  # in a new database incarnation sessions and renewals are judged by nobody


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a judge waits. `verdict_s` is above the engine's own deadline of 600 ms."""

    suspect_s: float = 0.350
    verdict_s: float = 0.700
    longest_gap_s: float = 0.200
    least_looks: int = 5


AGENT = Patience()
# A watcher cannot read a journal: while the node's agent is heard, it leaves the engine to it (monitoring.watch).
WATCHER = Patience(verdict_s=0.720)
AGENTS = Patience(verdict_s=0.600)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One engine in one look. `renewal` only has to differ when the engine has renewed."""

    engine_id: int
    renewal: object
    locked: bool = True
    process_gone: bool = False
    suspected: bool = False


@dataclass(frozen=True, slots=True)
class Incarnation:
    """One life of the database server: sessions, and the locks they hold, do not outlive it."""

    key: str
    age_s: float


class Opinion(StrEnum):
    SUSPECTED = "suspected"  # its paths leave the auction; harmless if wrong
    CLEARED = "cleared"  # it was suspected and has renewed
    PROCESS_GONE = "process gone"
    SESSION_GONE = "session gone"
    SILENT = "silent"  # its lease has lapsed

    @property
    def is_verdict(self) -> bool:
        return self in (Opinion.PROCESS_GONE, Opinion.SESSION_GONE, Opinion.SILENT)


@dataclass(frozen=True, slots=True)
class Judgement:
    engine_id: int
    opinion: Opinion
    silent_s: float
    looks: int


@dataclass(slots=True)
class _Count:
    """What is remembered of one engine between looks."""

    renewal: object
    since_s: float
    looks: int = 1
    locked_in: str | None = None  # the incarnation in which its lock was seen held
    unlocked_looks: int = 0


@dataclass(slots=True)
class Judge:
    """Looks again and again; says the same until somebody has acted and the engine is gone from the sightings."""

    patience: Patience = AGENT
    longest_gap_s: float = 0.0
    _counts: dict[int, _Count] = field(default_factory=dict)
    _looked_s: float | None = None
    _incarnation: str | None = None
    _grace_until_s: float = float("-inf")

    def look(self, now_s: float, sightings: Iterable[Sighting], incarnation: Incarnation | None = None) -> list[Judgement]:
        """Judge what is seen at `now_s`, on a clock that never goes back."""
        self._meet(now_s, incarnation)
        blind = self._was_blind(now_s)
        seen = {sighting.engine_id: sighting for sighting in sightings}
        self._counts = {engine_id: count for engine_id, count in self._counts.items() if engine_id in seen}
        return [judgement for sighting in seen.values() if (judgement := self._judge(now_s, sighting, blind))]

    def silent_s(self, engine_id: int) -> float:
        """For how long nothing new has been seen of it, at the last look; 0 while there were too few looks to say so."""
        count = self._counts.get(engine_id)
        if count is None or self._looked_s is None or count.looks < self.patience.least_looks:
            return 0.0
        return self._looked_s - count.since_s

    def _meet(self, now_s: float, incarnation: Incarnation | None) -> None:
        if incarnation is None or incarnation.key == self._incarnation:
            return
        first = self._incarnation is None
        # A promoted standby has been up for long: what counts is when this judge first met it.
        self._grace_until_s = now_s + (max(0.0, GRACE_S - incarnation.age_s) if first else GRACE_S)
        self._incarnation = incarnation.key

    def _was_blind(self, now_s: float) -> bool:
        gap_s = 0.0 if self._looked_s is None else now_s - self._looked_s
        self._looked_s = now_s
        self.longest_gap_s = max(self.longest_gap_s, gap_s)
        return gap_s > self.patience.longest_gap_s or gap_s < 0 or now_s < self._grace_until_s

    def _judge(self, now_s: float, seen: Sighting, blind: bool) -> Judgement | None:
        count = self._counts.get(seen.engine_id)
        renewed = count is not None and count.renewal != seen.renewal
        if count is None:
            count = self._counts[seen.engine_id] = _Count(seen.renewal, now_s)
        elif renewed or blind:
            count.renewal, count.since_s, count.looks, count.unlocked_looks = seen.renewal, now_s, 1, 0
        else:
            count.looks += 1
        self._note_lock(count, seen, blind)
        opinion = self._opinion(now_s, count, seen, renewed)
        return Judgement(seen.engine_id, opinion, now_s - count.since_s, count.looks) if opinion else None

    def _note_lock(self, count: _Count, seen: Sighting, blind: bool) -> None:
        if seen.locked:
            count.locked_in, count.unlocked_looks = self._incarnation or "", 0
        elif not blind and count.locked_in == (self._incarnation or ""):
            count.unlocked_looks += 1

    def _opinion(self, now_s: float, count: _Count, seen: Sighting, renewed: bool) -> Opinion | None:
        silent_s = now_s - count.since_s
        if seen.process_gone:
            return Opinion.PROCESS_GONE
        # Twice: a look may read the row just before, and the locks just after, an engine took its leave.
        if count.unlocked_looks >= 2:
            return Opinion.SESSION_GONE
        if silent_s >= self.patience.verdict_s and count.looks >= self.patience.least_looks:
            return Opinion.SILENT
        if silent_s >= self.patience.suspect_s:
            return Opinion.SUSPECTED
        return Opinion.CLEARED if renewed and seen.suspected else None
