"""Charts: one helper for uPlot (drawn in the browser), and small drawings in SVG that need no script.

Data travels in a data attribute, colours are read by `static/console/chart.js` as computed colours of the theme, and every chart says in
words what one sees in it (`label`). A missing value is None: a gap in the line, never 0; on a logarithmic axis nothing is 0.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Series:
    """One line or area. `look` is a state, a purpose, `main`, `quiet` or `line-1` to `line-8`; `dash` is solid, dash or dots, so that no line differs by
    colour only."""

    name: str
    values: Sequence[float | None]
    look: str = "main"
    dash: str = "solid"
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn. `label` says in words what one sees; `unit` goes to the axis; `height` is the drawing's, in px.

    `events` are letters that stand in the text beside it, `marks` moments with their words, `bands` spans of time with a look.
    """

    title: str
    label: str
    times: Sequence[datetime]
    series: Sequence[Series]
    unit: str = ""
    note: str = ""
    stacked: bool = False
    percent: bool = False
    logarithmic: bool = False
    height: int = 192
    events: Sequence[tuple[datetime, str]] = field(default_factory=tuple)
    marks: Sequence[tuple[datetime, str]] = field(default_factory=tuple)
    bands: Sequence[tuple[datetime, datetime, str]] = field(default_factory=tuple)

    @property
    def data(self) -> str:
        """For the browser: seconds since 1970, rows of values, looks."""
        return json.dumps(
            {
                "times": [at.timestamp() for at in self.times],
                "series": [{"name": s.name, "values": list(s.values), "look": s.look, "dash": s.dash, "filled": s.filled} for s in self.series],
                "stacked": self.stacked,
                "percent": self.percent,
                "logarithmic": self.logarithmic,
                "unit": self.unit,
                "height": self.height,
                "events": [[at.timestamp(), letter] for at, letter in self.events],
                "marks": [[at.timestamp(), words] for at, words in self.marks],
                "bands": [[since.timestamp(), until.timestamp(), look] for since, until, look in self.bands],
            }
        )

    @property
    def is_empty(self) -> bool:
        return not self.times or all(value is None for s in self.series for value in s.values)


def render(chart: Chart, panel: bool = True) -> SafeString:
    """The figure; `panel=False` leaves the frame and the caption to the page."""
    return SafeString(render_to_string("shell/chart.html", {"chart": chart, "panel": panel}))


SPARK_WIDTH, SPARK_HEIGHT = 96, 24


def sparkline(values: Sequence[float | None], look: str = "quiet", label: str = "") -> SafeString:
    """A small line without axes, from 0 up, its last point marked. Nothing to draw gives nothing."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return SafeString("")
    top = max(max(known), 1e-9)
    step = (SPARK_WIDTH - 3) / (len(values) - 1)
    points = [(round(i * step, 1), round(2 + (SPARK_HEIGHT - 4) * (1 - value / top), 1)) for i, value in enumerate(values) if value is not None]
    path = "M" + " ".join(f"{x:g} {y:g}" for x, y in points)
    named = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="spark" {}="{}" viewBox="0 0 {} {}" {}><path class="line" d="{}"/><circle cx="{}" cy="{}" r="2.2"/></svg>',
        look_attribute(look), look, SPARK_WIDTH, SPARK_HEIGHT, named, path, points[-1][0], points[-1][1],
    )  # fmt: skip


def meter(part: float, whole: float, look: str = "quiet", label: str = "") -> SafeString:
    """A bar of how much of a whole is used."""
    share = 0.0 if not whole else min(100.0, max(0.0, 100 * part / whole))
    return format_html(
        '<svg class="meter" {}="{}" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{}"><rect class="fill" width="{}" height="6"/></svg>',
        look_attribute(look), look, label, f"{share:.1f}",
    )  # fmt: skip


def look_attribute(look: str) -> SafeString:
    """Which data attribute colours it."""
    if look in ("transactional", "notification", "marketing"):
        return SafeString("data-purpose")
    return SafeString("data-series" if look in ("main", "quiet") or look.startswith("line-") else "data-state")
