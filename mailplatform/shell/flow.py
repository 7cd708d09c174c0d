"""The flow diagram: how much goes from the left through the middle to the right, drawn twice (wide, narrow).

Pure: takes nodes and links, gives shapes with coordinates; `templates/shell/flow.html` draws them. A link carries the kind of its left
node (a purpose), which colours its ribbon all the way. Heights are in proportion; a node is never thinner than a hairline.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

Order = tuple[Sequence[str], Sequence[str], Sequence[str]]  # the nodes of the three columns, from the top


@dataclass(frozen=True, slots=True)
class Link:
    """`value` of kind `left` goes through `middle` to `right`."""

    left: str
    middle: str
    right: str
    value: float


@dataclass(frozen=True, slots=True)
class Label:
    """What stands at a node: its name, its figure, its state (right side) and where it leads."""

    name: str
    figure: str = ""
    state: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    label: Label
    look: str
    x: float
    y: float
    height: float
    text_y: float


@dataclass(frozen=True, slots=True)
class Ribbon:
    look: str
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    bar_width: int
    columns: tuple[tuple[Bar, ...], ...]
    ribbons: tuple[Ribbon, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    width: int
    xs: tuple[float, float, float]
    bar: int
    top: int
    plot: int  # height of all of a column's bars together, without gaps
    gaps: tuple[int, int, int]
    longest: tuple[int, int, int]  # letters of a name that fit at a node of each column


_WIDE = _Layout(748, (94, 292, 600), 5, 44, 238, (24, 24, 10), (13, 34, 13))
_NARROW = _Layout(326, (0, 150, 320), 6, 44, 360, (24, 26, 10), (14, 24, 18))
_HAIRLINE = 1.5


def draw(links: Sequence[Link], labels: dict[str, Label], order: Order, narrow: bool = False) -> Drawing:
    """The shapes. `order` lists the nodes of each column from the top; keys of `labels` are those nodes."""
    layout = _NARROW if narrow else _WIDE
    links = [link for link in links if link.value > 0]
    totals = [_totals(links, side) for side in ("left", "middle", "right")]
    whole = sum(link.value for link in links) or 1.0
    gaps = [_gap(layout, i, len(order[i])) for i in range(3)]
    tops = [_tops(order[i], totals[i], whole, layout, gaps[i]) for i in range(3)]
    columns = tuple(
        tuple(_bar(node, labels, i, layout, tops[i][node], _height(totals[i].get(node, 0), whole, layout)) for node in order[i]) for i in range(3)
    )
    height = int(max((bar.y + bar.height for column in columns for bar in column), default=layout.top) + 6)
    return Drawing(layout.width, height, layout.bar, columns, _ribbons(links, order, tops, whole, layout))


def render(links: Sequence[Link], labels: dict[str, Label], order: Order, label: str, heads: tuple[str, str, str]) -> SafeString:
    """Both drawings, the wide one and the phone's. `label` says in words what one sees."""
    drawings = [("wide", draw(links, labels, order)), ("narrow", draw(links, labels, order, narrow=True))]
    return SafeString(render_to_string("shell/flow.html", {"drawings": drawings, "label": label, "heads": heads}))


def shortened(name: str, letters: int) -> str:
    """A name as it fits: its first alternative ("Gmail / Google Workspace" is "Gmail"), without brackets, then cut."""
    if len(name) > letters:
        name = name.split(" / ")[0].split(" (")[0]
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"


def _totals(links: Sequence[Link], side: str) -> dict[str, float]:
    totals: dict[str, float] = defaultdict(float)
    for link in links:
        totals[getattr(link, side)] += link.value
    return totals


def _height(value: float, whole: float, layout: _Layout) -> float:
    return max(_HAIRLINE, layout.plot * value / whole)


def _gap(layout: _Layout, column: int, nodes: int) -> float:
    # Labels of the right column stand beside their bars and need 16 px each, those of the middle above theirs.
    return max(layout.gaps[column], (16 * nodes - layout.plot / 2) / max(1, nodes - 1)) if column == 2 and nodes > 8 else layout.gaps[column]


def _tops(nodes: Sequence[str], totals: dict[str, float], whole: float, layout: _Layout, gap: float) -> dict[str, float]:
    tops, y = {}, float(layout.top)
    for node in nodes:
        tops[node] = y
        y += max(_height(totals.get(node, 0), whole, layout), 14.0 if gap < 20 else _HAIRLINE) + gap
    return tops


def _bar(node: str, labels: dict[str, Label], column: int, layout: _Layout, y: float, height: float) -> Bar:
    label = labels.get(node, Label(node))
    label = replace(label, name=shortened(label.name, layout.longest[column]))
    look = node if column == 0 else label.state if column == 2 and label.state not in ("", "good") else ""
    text_y = y - 7 if column == 1 else y + height / 2 + 4.5
    return Bar(label, look, layout.xs[column], round(y, 1), round(height, 1), round(text_y, 1))


def _ribbons(
    links: Sequence[Link], order: Order, tops: list[dict[str, float]], whole: float, layout: _Layout
) -> tuple[Ribbon, ...]:
    scale = layout.plot / whole
    first: dict[tuple[str, str], float] = defaultdict(float)
    second: dict[tuple[str, str, str], float] = defaultdict(float)
    for link in links:
        first[link.left, link.middle] += link.value
        second[link.middle, link.right, link.left] += link.value
    paths: dict[str, list[str]] = {left: [] for left in order[0]}
    out, into = dict(tops[0]), dict(tops[1])
    for left in order[0]:
        for middle in order[1]:
            if thick := first.get((left, middle), 0) * scale:
                paths[left].append(_ribbon(layout.xs[0] + layout.bar, out[left], layout.xs[1], into[middle], thick))
                out[left] += thick
                into[middle] += thick
    out, into = dict(tops[1]), dict(tops[2])
    for left in order[0]:
        for middle in order[1]:
            for right in order[2]:
                if thick := second.get((middle, right, left), 0) * scale:
                    paths[left].append(_ribbon(layout.xs[1] + layout.bar, out[middle], layout.xs[2], into[right], thick))
                    out[middle] += thick
                    into[right] += thick
    return tuple(Ribbon(left, "".join(paths[left])) for left in reversed(order[0]) if paths[left])


def _ribbon(x0: float, y0: float, x1: float, y1: float, thick: float) -> str:
    half = (x0 + x1) / 2
    a, b, c, d = (round(v, 1) for v in (y0, y1, y1 + thick, y0 + thick))
    return f"M{x0:g} {a:g}C{half:g} {a:g} {half:g} {b:g} {x1:g} {b:g}V{c:g}C{half:g} {c:g} {half:g} {d:g} {x0:g} {d:g}Z"
