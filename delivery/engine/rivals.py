"""Rivals: other engines' paths, as an auction must know them: their scores, and whether they can take anything at all.

Each engine writes its paths' scores into its own row's state, once a second with its other counters, and reads those of the engines whose
IPs serve a pool with its own: no table, row or statement more. A path that is not listed has seen no traffic lately and nothing
against it. An engine that is suspected or drains is `gone`: its paths are no better ones. What is read is up to two seconds old, which costs a
delivery at most the largest handicap.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from delivery.engine.pace import PROBATION, WARMING
from delivery.engine.score import GOES_FIRST, WARM_POINTS, Rank, best_of
from pools.mood import Heard

MOST_SHARED = 500
RIVALS = """
    SELECT e.id, array_agg(l.ip_id) AS ips, e.suspected_at IS NOT NULL OR e.draining AS gone, e.state->'scores' AS scores,
           coalesce((e.state->>'health')::float8, 0) AS health
      FROM delivery_iplease l JOIN delivery_engine e ON e.id = l.engine_id
     WHERE l.ip_id = ANY (%(ips)s) AND e.id <> %(engine)s
     GROUP BY e.id
"""
OPEN, GONE = "open", "gone"
CLOSED = frozenset({"paused", "suspended", "circuit", "former", "hour", "day", "pace", GONE})  # full and rate are not: their time comes in milliseconds
ON_TRIAL = frozenset({WARMING, PROBATION})  # open, and behind their pace: they go first


@dataclass(frozen=True, slots=True)
class Rival:
    """`state` and `n` are the why's words (docs/architecture.md)."""

    score: float = 100.0
    state: str = OPEN
    n: int = 0
    heard: Heard | None = None

    @property
    def open(self) -> bool:
        return self.state not in CLOSED

    @property
    def rank(self) -> float:
        """Its score, for an auction."""
        return GOES_FIRST if self.state in ON_TRIAL else self.rank_for_first

    @property
    def rank_for_first(self) -> float:
        """The same for transactional mail, which waits for no path because that is on trial."""
        return self.score + (WARM_POINTS if self.state == OPEN and self.n else 0.0)


@dataclass(frozen=True, slots=True)
class Rivals:
    """By IP: what an unlisted path of it is worth; by (IP, provider): what is listed. `trials`: one of these is on trial and behind its pace."""

    ips: Mapping[int, Rival] = field(default_factory=dict)
    paths: Mapping[tuple[int, int], Rival] = field(default_factory=dict)
    trials: bool = False

    def of(self, ip_id: int, provider_id: int) -> Rival | None:
        """None: nobody owns the IP, or this engine does."""
        whole = self.ips.get(ip_id)
        if whole is None or whole.state == GONE:
            return whole
        return self.paths.get((ip_id, provider_id), whole)

    def best(self, members: Mapping[int, int], provider_id: int) -> Rank | None:
        """The best open path among these members (IP → its membership's handicap)."""
        return best_of(Rank(tier_ms, rival.rank) for ip, tier_ms in members.items() if (rival := self.of(ip, provider_id)) and rival.open)

    def best_for_first(self, members: Mapping[int, int], provider_id: int) -> Rank | None:
        """The same for transactional mail, which uses none on probation while another is open."""
        found = [(tier_ms, rival) for ip, tier_ms in members.items() if (rival := self.of(ip, provider_id)) and rival.open and rival.state != PROBATION]
        return best_of(Rank(tier_ms, rival.rank_for_first) for tier_ms, rival in found)

    def on_trial(self, members: Mapping[int, int], provider_id: int) -> bool:
        """Whether one of them is open because it is behind its pace."""
        return self.trials and any((rival := self.of(ip, provider_id)) and rival.state in ON_TRIAL for ip in members)


NOBODY = Rivals()


def rivals_of(rows: Iterable[Mapping[str, Any]]) -> Rivals:
    """From RIVALS' rows; what cannot be read is left out."""
    ips: dict[int, Rival] = {}
    paths: dict[tuple[int, int], Rival] = {}
    for row in rows:
        whole = Rival(max(0.0, 100.0 - row["health"]), GONE if row["gone"] else OPEN)
        ips.update((ip, whole) for ip in row["ips"])
        for entry in row["scores"] or ():
            try:
                ip, provider, score, state, n, *heard = entry
                word = Heard(float(heard[0]), float(heard[1]), str(heard[2])) if heard else None
                paths[int(ip), int(provider)] = Rival(float(score), str(state), int(n), word)
            except (ValueError, TypeError, IndexError):
                continue
    return Rivals(ips, paths, any(rival.state in ON_TRIAL for rival in paths.values()))
