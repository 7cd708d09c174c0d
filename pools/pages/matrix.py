"""The path matrix: sending IPs by pool, providers beside each other, a cell for every path. Built from rows, without a clock, database or markup.

Promises: pure; a path is in one cell; small providers are one column (`OTHERS`) that has the state and score of the worst of them; rows and pools
with trouble come first, by state and not by score, so that a page that is looked at does not shuffle. Never: decides what a path may do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from statistics import median

MOST_COLUMNS = 30
OTHERS = 0  # the column of all small providers
NO_POOL = "in no pool"
BANDS = (90, 75, 50, 25, 0)  # 75 and 50 are where paths return and leave, as shipped


class CellState(StrEnum):
    """How a path stands, the worst first."""

    QUARANTINED = "quarantined"
    REFUSED = "no connection"
    PAUSED = "paused"
    DRAINED = "drained"
    UNOWNED = "unowned"
    SUSPENDED = "backing off"
    FULL = "full"
    PROBATION = "probation"
    WARMING = "warming"
    OPEN = "open"


RANK = {state: n for n, state in enumerate(CellState)}
OUT = frozenset((CellState.QUARANTINED, CellState.REFUSED, CellState.PAUSED, CellState.DRAINED, CellState.UNOWNED))
WORSE_THAN_WORKING = RANK[CellState.PROBATION]


@dataclass(frozen=True, slots=True)
class IpFact:
    """A sending IP and where it is. `held` is empty, or what holds all of its paths."""

    id: int
    address: str
    name: str
    node: str
    zone: str
    held: CellState | None = None


@dataclass(frozen=True, slots=True)
class MemberFact:
    """An IP's place in a pool."""

    ip_id: int
    pool: str
    kind: str
    own: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One path, or all of an IP's small ones. `path_id` is 0 where there is no page to go to; `attempts` are of the last five minutes."""

    path_id: int
    ip_id: int
    provider_id: int
    state: CellState
    score: float | None
    share: int = 100
    attempts: int = 0
    paths: int = 1
    why: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """An IP's cells, one for each column (None: no traffic)."""

    ip: IpFact
    cells: tuple[Cell | None, ...]
    borrowed: bool = False

    @property
    def worst(self) -> int:
        return min((RANK[cell.state] for cell in self.cells if cell), default=RANK[CellState.OPEN])

    @property
    def per_s(self) -> float:
        return sum(cell.attempts for cell in self.cells if cell) / 300


@dataclass(frozen=True, slots=True)
class Group:
    """A pool's rows."""

    pool: str
    kind: str
    rows: tuple[Row, ...]

    @property
    def worst(self) -> int:
        return min((row.worst for row in self.rows), default=RANK[CellState.OPEN])

    @property
    def median_score(self) -> float | None:
        scores = [cell.score for row in self.rows for cell in row.cells if cell and cell.score is not None]
        return median(scores) if scores else None

    @property
    def per_s(self) -> float:
        return sum(row.per_s for row in self.rows)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read: `columns` are ids in their order, `names` theirs; `cells` are keyed by (ip, column)."""

    ips: tuple[IpFact, ...]
    members: tuple[MemberFact, ...]
    columns: tuple[int, ...]
    names: Mapping[int, str]
    cells: Mapping[tuple[int, int], Cell]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter; empty: everything. `state` is a state's word, or `not open`."""

    pool: str = ""
    provider: int | None = None
    state: str = ""

    def __bool__(self) -> bool:
        return bool(self.pool or self.provider is not None or self.state)


@dataclass(frozen=True, slots=True)
class Matrix:
    """What the page shows, and what it says in words."""

    columns: tuple[tuple[int, str], ...]
    groups: tuple[Group, ...]
    cells: tuple[Cell, ...] = field(default_factory=tuple)  # each path that is shown once, the worst first

    @property
    def dense(self) -> bool:
        """So many columns that a cell has room for a mark and a number only."""
        return len(self.columns) > 9

    @property
    def paths(self) -> int:
        return sum(cell.paths for cell in self.cells)


def build(facts: Facts, wanted: Wanted = Wanted()) -> Matrix:
    """The matrix of what is wanted."""
    columns = tuple(one for one in facts.columns if wanted.provider in (None, one))
    groups = _groups(facts, columns, wanted)
    seen = {(cell.ip_id, cell.provider_id): cell for group in groups for row in group.rows for cell in row.cells if cell}
    worst_first = sorted(seen.values(), key=lambda cell: (RANK[cell.state], 100 if cell.score is None else cell.score, -cell.attempts))
    return Matrix(tuple((one, facts.names.get(one, "?")) for one in columns), tuple(groups), tuple(worst_first))


def band(score: float) -> int:
    """The step of the colour scale that a score is on."""
    return next(step for step in BANDS if score >= step)


def homes(members: Iterable[MemberFact]) -> dict[int, MemberFact]:
    """The pool under which an IP stands when all are shown: its own before one that borrows it, a tenant's before a shared one."""
    found: dict[int, MemberFact] = {}
    for member in sorted(members, key=lambda one: (not one.own, one.kind == "shared", one.pool)):
        found.setdefault(member.ip_id, member)
    return found


def _groups(facts: Facts, columns: Sequence[int], wanted: Wanted) -> list[Group]:
    ips = {ip.id: ip for ip in facts.ips}
    home = homes(facts.members)
    placed = [one for one in facts.members if one.pool == wanted.pool] if wanted.pool else [home.get(ip, MemberFact(ip, NO_POOL, "", True)) for ip in ips]
    by_pool: dict[tuple[str, str], list[Row]] = {}
    for member in placed:
        if member.ip_id not in ips:
            continue
        row = Row(ips[member.ip_id], tuple(facts.cells.get((member.ip_id, column)) for column in columns), not member.own)
        if not wanted.state or any(cell and _is(cell.state, wanted.state) for cell in row.cells):
            by_pool.setdefault((member.pool, member.kind), []).append(row)
    groups = [Group(pool, kind, tuple(sorted(rows, key=lambda row: row.worst))) for (pool, kind), rows in by_pool.items()]
    return sorted(groups, key=lambda group: (group.worst, group.pool == NO_POOL, group.pool))


def _is(state: CellState, wanted: str) -> bool:
    return state != CellState.OPEN if wanted == "not open" else state == wanted
