"""The health page's first line: what needs a person, or that nothing does. Pure."""

from mailplatform.shell.formats import number, plural
from mailplatform.shell.models import Severity
from monitoring.health_page.board import Board
from monitoring.health_page.limits import State


def sentence(board: Board, not_ready: str, unwatched: str = "") -> tuple[str, str]:
    """(a state, its words). `not_ready`: why no mail can be taken or delivered; `unwatched`: why nobody would replace an engine; empty: all is done."""
    if not_ready:
        return "broken", f"Mail does not flow: {not_ready}"
    if unwatched:
        return "broken", f"Nobody looks after the engines: {unwatched}."
    if board.incidents:
        worst = board.incidents[0]
        look = Severity(worst.severity).label
        needs = "1 thing needs you" if len(board.incidents) == 1 else f"{len(board.incidents)} things need you"
        return look, f"{needs}{', first' if len(board.incidents) > 1 else ''}: {worst.sentence}"
    if not board.is_measured:
        if board.measured_at is None:
            return "limited", "Nothing was measured yet: the first figures come within seconds of the alarms process's start."
        return "broken", f"Nothing has been measured since {board.measured_at:%H:%M:%S}: is an alarms process running?"
    if unwell := board.unwell:
        bad = any(cell.state is State.BAD for cell in unwell)
        figures = "1 figure is beyond its limit" if len(unwell) == 1 else f"{len(unwell)} figures are beyond their limits"
        return "broken" if bad else "limited", f"Nothing needs you yet; {figures}: {unwell[0].title} of {unwell[0].whose}, {unwell[0].words}."
    places = f"{plural(len(board.zones), 'zone')}, {plural(board.node_count, 'node')}"
    return "good", f"All is well: {places}, {number(board.delivered)} {'message' if board.delivered == 1 else 'messages'} delivered in the last hour."
