"""Figures: how tenants stand, in numbers for pages and the API: rates against thresholds, what was done, what is left of a cap.

One statement for the sums of everybody, one for the rows of each kind. Reads only; every function that is asked for one tenant reads that tenant alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Sum

from mailplatform.tenants.models import Tenant
from pools.models import Stream
from pools.neighbours import facts
from pools.neighbours.models import CappedHour, Level, NeighboursPolicy, NewcomerCap, StandingAction, TenantStanding
from pools.neighbours.policy import rules_of
from pools.neighbours.standing import ORDER, Measure, Rate, Rules, StreamSums, Sums, find, rates

WIDTH = 100
TOP = 1.3  # the bar ends so far above the last threshold
SHOWN = 200
NAMES = {Measure.BOUNCES: "Bounces", Measure.COMPLAINTS: "Complaints", Measure.SUPPRESSED: "Suppressed"}
LOOKS = {Level.GOOD: "good", Level.WARNED: "limited", Level.SLOWED: "limited", Level.HELD: "stopped"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A rate beside its thresholds; x and width are of WIDTH."""

    name: str
    rate: Rate
    enough: bool
    width: float
    ticks: tuple[tuple[str, float, float], ...]  # level, percent, x
    look: str

    @property
    def says(self) -> str:
        limits = ", ".join(f"{level} at {percent:g} %" for level, percent, _ in self.ticks)
        return f"{self.rate.percent:.2f} % of {self.rate.samples:,.0f}; {limits}"


@dataclass(slots=True)
class Row:
    """A tenant as the page of all of them shows it."""

    tenant: Tenant
    level: str = Level.GOOD
    since: datetime | None = None
    sentence: str = ""
    bars: tuple[Bar, ...] = ()
    active: list[StandingAction] = field(default_factory=list)
    proposed: list[StandingAction] = field(default_factory=list)
    cap: NewcomerCap | None = None

    @property
    def look(self) -> str:
        return LOOKS[Level(self.level)]

    @property
    def weight(self) -> tuple[float, ...]:
        """The worst first: level, what is proposed, how near a threshold."""
        near = max((bar.width for bar in self.bars if bar.enough), default=0.0)
        return (-ORDER.index(Level(self.level)), -len(self.proposed), -near)


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """One stream's rates."""

    name: str
    shared: bool
    held_why: str
    bars: tuple[Bar, ...]


def bar_of(rate: Rate, rules: Rules) -> Bar:
    thresholds = rules.thresholds(rate.measure)
    limits = [(level, limit) for level in ORDER[1:] if (limit := thresholds.of(level)) is not None]
    top = limits[-1][1] * TOP
    ticks = tuple((str(level), 100 * limit, round(WIDTH * limit / top, 1)) for level, limit in limits)
    reached = [level for level, limit in limits if rate.rate >= limit]
    look = LOOKS[reached[-1]] if reached and rate.samples >= thresholds.floor else "good"
    return Bar(NAMES[rate.measure], rate, rate.samples >= thresholds.floor, round(min(1.0, rate.rate / top) * WIDTH, 1), ticks, look)


def bars_of(sums: Sums, rules: Rules) -> tuple[Bar, ...]:
    """One a measure: of the bounces the window in which they are worse."""
    best: dict[Measure, Bar] = {}
    for rate in rates(sums):
        bar = bar_of(rate, rules)
        if rate.measure not in best or (bar.enough, rate.surely) > (best[rate.measure].enough, best[rate.measure].rate.surely):
            best[rate.measure] = bar
    return tuple(best.values())


def everybody(policy: NeighboursPolicy, at: datetime) -> list[Row]:
    """All tenants, the worst first; at most SHOWN."""
    rules, judged = rules_of(policy), facts.judged(at, facts.folded_to(at))
    rows = {tenant.pk: Row(tenant) for tenant in Tenant.objects.all()}
    for standing in TenantStanding.objects.exclude(level=Level.GOOD):
        row = rows[standing.tenant_id]
        row.level, row.since, row.sentence = standing.level, standing.since, standing.sentence
    for action in StandingAction.objects.exclude(state=StandingAction.State.ENDED).order_by("kind", "pk"):
        row = rows[action.tenant_id]
        (row.active if action.state == StandingAction.State.ACTIVE else row.proposed).append(action)
    for cap in NewcomerCap.objects.filter(lifted_at=None):
        rows[cap.tenant_id].cap = cap
    for tenant, streams in judged.items():
        rows[tenant].bars = bars_of(_worst(streams, rules), rules)
    return sorted(rows.values(), key=lambda row: (*row.weight, str(row.tenant)))[:SHOWN]


def _worst(streams: Sequence[StreamSums], rules: Rules) -> Sums:
    """The stream that has most against it, or all together."""
    if found := [each for each in find(streams, rules) if each.stream_id]:
        return next(stream.sums for stream in streams if stream.stream_id == found[0].stream_id)
    return sum((stream.sums for stream in streams), Sums())


def of_streams(tenant_id: int, policy: NeighboursPolicy, at: datetime) -> list[StreamFigures]:
    """Each stream of one tenant."""
    rules = rules_of(policy)
    judged = {each.stream_id: each for each in facts.judged(at, facts.folded_to(at), tenant_id=tenant_id).get(tenant_id, [])}
    found = []
    for stream in Stream.objects.filter(tenant_id=tenant_id).select_related("pool"):
        sums = judged[stream.pk].sums if stream.pk in judged else Sums()
        found.append(StreamFigures(stream.name, stream.pool.kind != "dedicated", stream.held_why, bars_of(sums, rules)))
    return found


def accepted_today(tenant_id: int, at: datetime) -> int:
    """Of a capped tenant, in the last 24 hours."""
    hours = CappedHour.objects.filter(tenant_id=tenant_id, hour__gt=at - timedelta(hours=25))
    return int(hours.aggregate(all=Sum("accepted"))["all"] or 0)
