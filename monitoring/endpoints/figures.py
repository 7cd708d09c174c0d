"""Figures of the page Endpoints: every endpoint as each vantage point sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch

from mailplatform.shell.clock import now
from mailplatform.shell.formats import plural
from monitoring.endpoints.models import Endpoint, EndpointLook, EndpointVerdict, VantagePoint
from monitoring.endpoints.policy import policy_now, rules_of
from monitoring.endpoints.verdicts import out_of_service
from monitoring.endpoints.vote import QUORUM_NEEDS, Rules

_ORDER = {"down": 0, "unknown": 1, "up": 2}


@dataclass(frozen=True, slots=True)
class Cell:
    """One look, as far as it is fresh."""

    look: EndpointLook | None
    fresh: bool

    @property
    def word(self) -> str:
        if self.look is None:
            return "not seen"
        return "stale" if not self.fresh else "answers" if self.look.ok else "no answer"

    @property
    def state(self) -> str:
        return "stopped" if self.look is None or not self.fresh else "good" if self.look.ok else "broken"


@dataclass(frozen=True, slots=True)
class Row:
    endpoint: Endpoint
    cells: tuple[Cell, ...]
    is_out: bool = False  # dead, because its server was taken out of service

    @property
    def word(self) -> str:
        return "out of service" if self.is_out else {"up": "alive", "down": "dead"}.get(self.endpoint.state, "not known")

    @property
    def look(self) -> str:
        return "stopped" if self.is_out else {"up": "good", "down": "broken"}.get(self.endpoint.state, "stopped")

    @property
    def voters(self) -> int:
        return sum(cell.fresh for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Point:
    vantage: VantagePoint
    fresh: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    points: tuple[Point, ...]
    rows: tuple[Row, ...]
    rules: Rules
    verdicts: Sequence[EndpointVerdict]

    @property
    def fresh(self) -> int:
        return sum(point.fresh for point in self.points)

    @property
    def needs(self) -> int:
        return QUORUM_NEEDS

    @property
    def sentence(self) -> tuple[str, str]:
        dead = [row for row in self.rows if row.endpoint.state == Endpoint.State.DOWN and not row.is_out]
        out = [row for row in self.rows if row.is_out]
        unknown = [row for row in self.rows if row.endpoint.state == Endpoint.State.UNKNOWN]
        if not self.rows:
            return "stopped", "No endpoint is looked at yet."
        if not self.fresh:
            return "broken", "Nobody looks at the endpoints: no vantage point is heard of."
        if dead:
            names = ", ".join(row.endpoint.name for row in dead[:3])
            return "broken", f"{plural(len(dead), 'endpoint is', 'endpoints are')} dead: {names}."
        if unknown:
            return "limited", f"Of {plural(len(unknown), 'endpoint')} nothing is known yet; the others answer."
        if out:
            names = ", ".join(row.endpoint.name for row in out[:3])
            return "limited", f"{plural(len(out), 'endpoint is', 'endpoints are')} out of service: {names}. The others answer."
        few = "" if self.fresh >= QUORUM_NEEDS else f", as far as {plural(self.fresh, 'vantage point')} can tell"
        return ("limited" if few else "good"), f"All {plural(len(self.rows), 'endpoint')} answer{few}."


def matrix() -> Matrix:
    rules, at = rules_of(policy_now()), now()
    vantages = list(VantagePoint.objects.select_related("zone"))
    points = tuple(Point(vantage, rules.holds(vantage.at, at)) for vantage in vantages)
    looks = Prefetch("looks", EndpointLook.objects.all(), to_attr="seen")
    out = out_of_service()
    asked = Endpoint.objects.filter(enabled=True).select_related("zone").prefetch_related(looks)
    rows = [_row(endpoint, points, at, rules, endpoint.pk in out) for endpoint in asked]
    verdicts = tuple(EndpointVerdict.objects.select_related("endpoint")[:20])
    return Matrix(points, tuple(sorted(rows, key=lambda row: (_ORDER[row.endpoint.state], row.endpoint.name))), rules, verdicts)


def _row(endpoint: Endpoint, points: Sequence[Point], at: datetime, rules: Rules, is_out: bool) -> Row:
    seen = {look.vantage_id: look for look in endpoint.seen}  # type: ignore[attr-defined]
    cells = [seen.get(point.vantage.pk) for point in points]
    return Row(endpoint, tuple(Cell(look, look is not None and rules.holds(look.at, at)) for look in cells), is_out)
