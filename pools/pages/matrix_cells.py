"""A cell of the matrix as markup: a colour by score, a mark, number and word by state, a name for who does not see colours.

Six thousand cells are one page, so this is text and not a template (a template takes 25 times as long); everything that comes from outside is escaped here.
"""

from django.utils.html import escape
from django.utils.safestring import SafeString

from mailplatform.shell.formats import plural
from mailplatform.shell.states import look_of
from pools.pages.matrix import OTHERS, Cell, CellState, Matrix, Row, band

_OUT = (CellState.QUARANTINED, CellState.REFUSED)  # nothing goes there, whatever is left of its score
_NONE = '<td class="cell none" data-to="{to}"><span aria-hidden="true">–</span><span class="hidden-text">no traffic</span></td>'


def draw(row: Row, matrix: Matrix, path_url: str, ip_url: str) -> SafeString:
    """The cells of a row; the addresses end in the number of what they lead to."""
    names = [escape(name) for _, name in matrix.columns]
    cells = zip(row.cells, names, strict=True)
    return SafeString("".join(_cell(cell, name, matrix.dense, path_url, ip_url) if cell else _NONE.format(to=name) for cell, name in cells))


def words(cell: Cell) -> str:
    """What a cell says beside its number."""
    if cell.state == CellState.PROBATION and cell.share < 100:
        return f"probation, {cell.share} %"
    return str(cell.state)


def _cell(cell: Cell, to: str, dense: bool, path_url: str, ip_url: str) -> str:
    number = "–" if cell.score is None else f"{cell.score:.0f}"
    tip = f"{to}: {words(cell)}, {plural(cell.attempts, 'attempt')} in 5 min"
    if cell.provider_id == OTHERS:
        tip += f", the worst of {plural(cell.paths, 'small provider')}"
    if cell.why:
        tip += f"; {escape(cell.why[:160])}"
    href = f"{path_url}{cell.path_id}/" if cell.path_id else f"{ip_url}{cell.ip_id}/"
    colour = "" if cell.score is None else f' data-score="{band(0.0 if cell.state in _OUT else cell.score)}"'
    return f'<td class="cell"><a href="{href}" data-to="{to}"{colour} title="{tip}">{_mark(cell)}{number}{_word(cell, dense)}</a></td>'


def _mark(cell: Cell) -> str:
    if cell.state == CellState.OPEN:
        return ""
    look = look_of("broken" if cell.state == CellState.REFUSED else cell.state)
    return f'<svg class="mark" data-state="{look}" aria-hidden="true"><use href="#{look}"/></svg>'


def _word(cell: Cell, dense: bool) -> str:
    if cell.state == CellState.OPEN or dense:
        return f'<span class="hidden-text"> {words(cell)}</span>'
    return f'<span class="word">{words(cell)}</span>'
