"""The matrix in words: what is wrong, where, since when and because of what, in one sentence; the rest in a second one.

Promises: pure; the worst comes first; where what is out has one thing in common (an IP, a provider) that is said instead of a list.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from mailplatform.shell.formats import about, listed, plural
from pools.pages.matrix import OUT, Cell, CellState, IpFact, Matrix

_WHY_LENGTH = 110
_IS_OUT = {
    CellState.QUARANTINED: "in quarantine", CellState.REFUSED: "without a connection", CellState.PAUSED: "paused", CellState.DRAINED: "drained",
    CellState.UNOWNED: "without an engine",
}  # fmt: skip
_SECOND = {
    CellState.PAUSED: "paused by an operator", CellState.DRAINED: "drained", CellState.UNOWNED: "waiting for an engine", CellState.SUSPENDED: "backing off",
    CellState.FULL: "at the hour's or day's limit", CellState.PROBATION: "on probation", CellState.WARMING: "warming",
}  # fmt: skip


def first_line(matrix: Matrix, ips: Mapping[int, IpFact], at: datetime) -> tuple[str, str]:
    """A state's word for the mark, and the sentence."""
    if not matrix.cells:
        return "unknown", "No path yet: nothing has been sent."
    out = [cell for cell in matrix.cells if cell.state in OUT]
    urgent = [cell for cell in out if cell.state in (CellState.QUARANTINED, CellState.REFUSED)]
    if urgent or out:
        told = urgent or out
        return str(told[0].state if told[0].state != CellState.REFUSED else "broken"), _out(matrix, told, ips, at)
    counts = _counts(matrix.cells)
    if counts[CellState.SUSPENDED]:
        return "limited", f"All {plural(matrix.paths, 'path')} send; {plural(counts[CellState.SUSPENDED], 'one backs', 'of them back')} off for a while."
    return "good", f"All {plural(matrix.paths, 'path')} send."


def second_line(matrix: Matrix) -> str:
    """How many are in every other state that is not open."""
    counts = _counts(matrix.cells)
    said = [f"{counts[state]:,} {words}" for state, words in _SECOND.items() if counts[state]]
    return f"{listed(said)}; the others are open." if said else ""


def _out(matrix: Matrix, told: Sequence[Cell], ips: Mapping[int, IpFact], at: datetime) -> str:
    number, names = sum(cell.paths for cell in told), dict(matrix.columns)
    head = f"{number:,} of {plural(matrix.paths, 'path')} {'is' if number == 1 else 'are'} {_IS_OUT[told[0].state] if _alike(told) else 'out'}"
    worst = told[0]
    if len({cell.ip_id for cell in told}) == 1 and len(told) > 1:
        where = f", all of {ips[worst.ip_id].address}{_since(worst, at)}"
    elif len({cell.provider_id for cell in told}) == 1 and len(told) > 2:
        where = f", all at {names[worst.provider_id]}: {ips[worst.ip_id].address}{_since(worst, at)} and {plural(len(told) - 1, 'other IP')}"
    else:
        where = ": " + listed([f"{ips[cell.ip_id].address} at {names[cell.provider_id]}{_since(cell, at)}" for cell in told[:2]])
        where += f" and {len(told) - 2:,} more" if len(told) > 2 else ""
    why = short(worst.why.removeprefix(f"{ips[worst.ip_id].address} at {names[worst.provider_id]}: "))
    return f"{head}{where}{f', because {why}' if why else ''}{'' if why.endswith(('.', '…')) else '.'}"


def short(why: str) -> str:
    """The beginning of a reason, by whole words, that goes on in a sentence."""
    why = " ".join(why.split())
    if why[1:2].islower():
        why = why[0].lower() + why[1:]
    if len(why) > _WHY_LENGTH:
        why = why[:_WHY_LENGTH].rsplit(" ", 1)[0].rstrip(" .,;:") + " …"
    return why


def _since(cell: Cell, at: datetime) -> str:
    return f" since {about(cell.since, at)}" if cell.since else ""


def _alike(cells: Sequence[Cell]) -> bool:
    return len({cell.state for cell in cells}) == 1


def _counts(cells: Sequence[Cell]) -> Counter[CellState]:
    counts: Counter[CellState] = Counter()
    for cell in cells:
        counts[cell.state] += cell.paths
    return counts
