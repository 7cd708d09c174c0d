"""Score: what a path is worth, 0 to 100, and the points that it lost by component. Pure; docs/reputation.md has the formulas.

Promises: more bad evidence never raises a score; below the floors nothing is lost; what the other IPs at that provider hear as well costs nobody anything.
Bounces and complaints are the tenants': they take at most TENANTS_MOST, so that they alone never take a path out; refusals and block lists do.
`points` is plain arithmetic, for floats and numpy arrays alike; `score` puts words to it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pools.reputation.evidence import Figure
from pools.reputation.thresholds import Policy
from pools.reputation.windows import Windows, not_above, not_below

REFUSALS, BOUNCES, COMPLAINTS, CONNECTIONS, LISTING, NAME, GRADE = "refusals", "bounces", "complaints", "connections", "listing", "name", "grade"
MOST = {REFUSALS: 90.0, BOUNCES: 45.0, COMPLAINTS: 45.0, CONNECTIONS: 15.0, LISTING: 100.0, NAME: 20.0, GRADE: 20.0}
TENANTS_MOST = 45.0
ENOUGH = 4.0  # times the floor: so many attempts, and a window speaks for itself; fewer, and the next longer one does
FAST_LATER = 0.15  # of few answers more must be refused than of many
OTHERS_PRIOR = 10.0  # attempts without trouble that every provider is credited with
FAST_PRIOR = 5.0  # where few answers are remembered: a handful of IPs must be believed, too
SEVERITY = {"critical": 1.0, "warning": 0.15}
GRADES = {"bad": 1.0, "poor": 0.6, "fair": 0.2}


@dataclass(frozen=True, slots=True)
class External:
    """What others say of the sending IP. `listing`: the worst block list's weight (critical, warning or nothing)."""

    listing: str = ""
    listed_by: str = ""
    name_fails: bool = False
    grade: str = ""  # Postmaster Tools or SNDS, at this provider: good, fair, poor, bad or nothing
    grade_by: str = ""


UNSAID = External()


@dataclass(frozen=True, slots=True)
class Component:
    """Points lost for one reason; `figure` is what is behind them (a share, mostly), `words` say it to people."""

    name: str
    lost: float
    figure: float
    words: str


@dataclass(frozen=True, slots=True)
class Score:
    """`others_refused`: the share that the other IPs at that provider hear; `per_hour`: what it has been sending."""

    total: float
    components: tuple[Component, ...] = ()
    others_refused: float = 0.0
    per_hour: float = 0.0

    def lost(self, *names: str) -> float:
        return sum(one.lost for one in self.components if one.name in names)

    @property
    def words(self) -> str:
        """Why it is not 100: the dearest reason first."""
        return "; ".join(one.words for one in sorted(self.components, key=_lost, reverse=True) if one.lost >= 0.5)

    def as_json(self) -> list[dict[str, Any]]:
        return [{"name": one.name, "lost": round(one.lost, 1), "figure": round(one.figure, 5), "words": one.words} for one in self.components]


def points(windows: Windows, provider_windows: Windows, external: External, policy: Policy) -> dict[str, Figure]:
    """Points lost, by component. `provider_windows` are those of all our IPs at that provider, this one included."""
    others = provider_windows - windows
    enough = ENOUGH * policy.block_floor
    # What has just begun for everybody shows first in the others' last seconds and last answers: their history must not speak against one path.
    last = _share(others.fast_refused, others.fast_attempted, FAST_PRIOR)
    now = not_below(_share(others.now_refused, others.now_attempted, FAST_PRIOR) - last, 0.0) + last
    short = _refusals(windows.short_attempted, windows.short_refused, _share(others.short_refused, others.short_attempted), 0.0, policy)
    middle = _refusals(windows.middle_attempted, windows.middle_refused, _share(others.middle_refused, others.middle_attempted), 0.0, policy)
    fast = _refusals(windows.fast_attempted, windows.fast_refused, now, FAST_LATER, policy)
    speaks = (windows.short_attempted >= enough) * 1.0
    slow = speaks * short + (1.0 - speaks) * middle
    refused = not_below(slow - fast, 0.0) + fast  # the larger
    connections = windows.short_failed / (windows.short_connects + windows.short_failed + 10.0)
    kept = policy.sample_floor
    return {
        REFUSALS: MOST[REFUSALS] * refused,
        BOUNCES: MOST[BOUNCES] * _ramp(windows.long_bounced / (windows.long_attempted + kept), policy.bounced_from, policy.bounced_full),
        COMPLAINTS: MOST[COMPLAINTS]
        * _ramp(windows.long_complaints / (windows.long_attempted + 10 * kept), policy.complained_from, policy.complained_full),
        CONNECTIONS: MOST[CONNECTIONS] * _ramp(connections, 0.2, 0.8),
        LISTING: MOST[LISTING] * SEVERITY.get(external.listing, 0.0),
        NAME: MOST[NAME] * external.name_fails,
        GRADE: MOST[GRADE] * GRADES.get(external.grade, 0.0),
    }


def total(lost: Mapping[str, Figure]) -> Figure:
    """What is left of 100."""
    mild = not_above(lost[BOUNCES] + lost[COMPLAINTS] + lost[CONNECTIONS] + lost[NAME] + lost[GRADE], TENANTS_MOST)
    return not_below(100.0 - lost[REFUSALS] - lost[LISTING] - mild, 0.0)


def score(windows: Windows, provider_windows: Windows, external: External, policy: Policy) -> Score:
    """Of one path, with words."""
    lost = points(windows, provider_windows, external, policy)
    others = provider_windows - windows
    elsewhere = float(max(_share(others.short_refused, others.short_attempted), _share(others.fast_refused, others.fast_attempted)))
    components = tuple(
        Component(name, float(points_lost), *_said(name, windows, external, elsewhere)) for name, points_lost in lost.items() if points_lost > 0
    )
    per_hour = float(windows.long_attempted) * 0.6931 * 3600.0 / policy.long_half_life_s
    return Score(float(total(lost)), components, elsewhere, per_hour)


def score_of_many(parts: Iterable[tuple[Score, float]], external: External = UNSAID) -> Score:
    """An IP's (over its paths) or a pool's (over its paths), each by its weight: what it sends. Components are weighted likewise.

    What is said of the IP itself (a list, its name) is in every part already.
    """
    weighed = [(one, max(weight, 1e-6)) for one, weight in parts]
    if not weighed:
        lost = points(Windows(), Windows(), external, Policy())
        return Score(float(total(lost)), tuple(Component(name, float(gone), *_said(name, Windows(), external, 0.0)) for name, gone in lost.items() if gone > 0))
    all_weight = sum(weight for _, weight in weighed)
    found: dict[str, list[tuple[Component, float]]] = {}
    for one, weight in weighed:
        for component in one.components:
            found.setdefault(component.name, []).append((component, weight))
    components = []
    for name, several in found.items():
        worst = max(several, key=lambda pair: pair[0].lost)[0]
        lost_by_all = sum(component.lost * weight for component, weight in several) / all_weight
        components.append(Component(name, lost_by_all, worst.figure, f"{worst.words}{f' (the worst of {len(several)})' if len(several) > 1 else ''}"))
    return Score(sum(one.total * weight for one, weight in weighed) / all_weight, tuple(components), per_hour=sum(one.per_hour for one, _ in weighed))


def score_of_tenant(windows: Windows, policy: Policy) -> Score:
    """Of bounces and complaints only, which are a tenant's own: they take everything there. The floors of samples hold."""
    lost = points(windows, windows, UNSAID, policy)
    components = tuple(
        Component(name, float(lost[name] / MOST[name] * 50.0), *_said(name, windows, UNSAID, 0.0)) for name in (BOUNCES, COMPLAINTS) if lost[name] > 0
    )
    return Score(100.0 - sum(one.lost for one in components), components)


def _share(refused: Figure, attempted: Figure, prior: float = OTHERS_PRIOR) -> Figure:
    """What other IPs hear."""
    return refused / (attempted + prior)


def _refusals(attempted: Figure, refused: Figure, elsewhere: Figure, later: float, policy: Policy) -> Figure:
    """0 to 1: the share refused beyond what others hear."""
    beyond = not_below(refused / (attempted + 1.0) - elsewhere, 0.0) / (1.05 - elsewhere)
    return (refused >= policy.block_floor) * _ramp(beyond, policy.refused_from + later, policy.refused_full + later)


def _ramp(value: Figure, low: float, full: float) -> Figure:
    """0 up to `low`, 1 from `full` on."""
    return not_above(not_below((value - low) / (full - low), 0.0), 1.0)


def _said(name: str, windows: Windows, external: External, elsewhere: float) -> tuple[float, str]:
    """The figure behind a component, and its sentence."""
    if name == REFUSALS:
        attempted, refused = windows.short_attempted, windows.short_refused
        if attempted < windows.fast_attempted or attempted < 1.0:
            attempted, refused = windows.middle_attempted, windows.middle_refused
        share = refused / max(attempted, refused, 1.0)
        return share, f"{share:.0%} of the last answers refuse our address; its other IPs hear {elsewhere:.0%}"
    if name == BOUNCES:
        share = windows.long_bounced / max(windows.long_attempted, 1.0)
        return share, f"{share:.1%} of its recipients do not exist"
    if name == COMPLAINTS:
        share = windows.long_complaints / max(windows.long_attempted, 1.0)
        return share, f"{share:.2%} of its mail was complained about"
    if name == CONNECTIONS:
        return windows.short_failed, f"{windows.short_failed:.0f} of its last connections failed"
    if name == LISTING:
        return SEVERITY.get(external.listing, 0.0), f"listed by {external.listed_by or 'a block list'}"
    if name == NAME:
        return 1.0, "its address has no name that leads back to it"
    return GRADES.get(external.grade, 0.0), f"{external.grade_by or 'the provider'} calls it {external.grade}"


def _lost(component: Component) -> float:
    return component.lost
