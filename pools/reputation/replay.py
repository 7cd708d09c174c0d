"""Replay: what other thresholds would have done in the recorded past. Pure.

What a path that stayed would have heard after it left is not recorded: while the replay has it in quarantine its counts do not count, on probation they
count in the proportion of its cap. So the answer is exact for who leaves first and when, and an estimate for what follows.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pools.reputation.decide import Change, decide
from pools.reputation.evidence import COUNTED, NOBODY, NOTHING, BlockEvidence, Counts
from pools.reputation.probation import ALWAYS_OPEN, Standing, State, heard, per_hour_of
from pools.reputation.score import UNSAID, External, score
from pools.reputation.thresholds import Policy
from pools.reputation.windows import EMPTY, Windows, added, fold


@dataclass(frozen=True, slots=True)
class Moment:
    """What was recorded of all paths in one interval that ended `at`. A path is (sending IP, provider): what is compared shares the provider."""

    at: datetime
    length_s: float
    counts: Mapping[tuple[Hashable, Hashable], Counts]
    evidence: Mapping[tuple[Hashable, Hashable], BlockEvidence] = field(default_factory=dict)
    external: Mapping[Hashable, External] = field(default_factory=dict)  # by IP


@dataclass(frozen=True, slots=True)
class Replayed:
    """A change that would have been made."""

    path: tuple[Hashable, Hashable]
    at: datetime
    change: Change


def replay(history: Iterable[Moment], policy: Policy) -> list[Replayed]:
    """In order of time."""
    windows: dict[tuple[Hashable, Hashable], Windows] = {}
    standings: dict[tuple[Hashable, Hashable], Standing] = {}
    done: list[Replayed] = []
    for moment in history:
        for path in windows.keys() | moment.counts.keys():
            standing = standings.get(path, ALWAYS_OPEN)
            counts = _would_have(standing, moment.counts.get(path, NOTHING), moment.length_s, policy)
            windows[path] = fold(windows.get(path, EMPTY), counts, moment.length_s, policy)
            standings[path] = heard(standing, counts, policy)
        together = {provider: added(one for path, one in windows.items() if path[1] == provider) for provider in {path[1] for path in windows}}
        for path in sorted(windows, key=str):
            found = score(windows[path], together[path[1]], moment.external.get(path[0], UNSAID), policy)
            change = decide(standings[path], found, moment.evidence.get(path, NOBODY), policy, moment.at)
            if change is not None:
                done.append(Replayed(path, moment.at, change))
                standings[path] = change.standing
                windows[path] = EMPTY if change.fresh else windows[path]
    return done


def _would_have(standing: Standing, counts: Counts, length_s: float, policy: Policy) -> Counts:
    if standing.state is State.OPEN or counts.attempted <= 0:
        return counts
    if standing.state is State.QUARANTINED:
        return NOTHING
    cap = (per_hour_of(standing, policy) or float("inf")) * length_s / 3600
    part = min(1.0, cap / counts.attempted)
    return Counts(*(getattr(counts, name) * part for name in COUNTED))
