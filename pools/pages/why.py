"""Why a path has its score: its standing, the points that it lost, what was done, what happens next, and its history. Read for one path, by key."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mailplatform.shell.charts import Chart, Series
from mailplatform.shell.formats import number
from pools.models import Path
from pools.pages import deeds
from pools.pages.deeds import Deed, Reply
from pools.pages.next_steps import Course, Rules, told
from pools.reputation.models import PathStanding, ReputationPolicy, ScoreSample

HISTORY = timedelta(days=7)
SAMPLES = 2_500
_LETTERS = {"path left": "L", "probation failed": "F", "path returned": "R", "IP left everywhere": "L", "IP back on probation": "P", "path is probed": "P"}


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that the path's page says about its score."""

    score: float
    out: bool  # by reputation, whatever the score is by now: a rule may have shut it before there was much to score
    rules: Rules
    lost: tuple["Lost", ...]
    sentence: str
    since: datetime | None
    next: str
    deeds: tuple[Deed, ...]
    history: Chart

    @property
    def replies(self) -> tuple[Reply, ...]:
        """Those of the newest action that has any."""
        return next((deed.replies for deed in self.deeds if deed.replies), ())


@dataclass(frozen=True, slots=True)
class Lost:
    """Points that a component costs."""

    name: str
    points: float
    words: str

    @property
    def label(self) -> str:
        return f"{self.points:.0f} points lost" if self.points >= 0.5 else "nothing lost"

    @property
    def look(self) -> str:
        return "broken" if self.points >= 20 else "limited" if self.points >= 0.5 else "good"


@dataclass(frozen=True, slots=True)
class Made:
    """What the score of an IP, a pool or a tenant was made of when it was last kept: its paths' (or its own) losses, weighed by what they send."""

    score: float
    at: datetime
    lost: tuple[Lost, ...]


def made_of(scope: str, at: datetime, **of: int) -> Made | None:
    """None: it sent nothing in the last week."""
    sample = ScoreSample.objects.filter(scope=scope, at__gte=at - HISTORY, **of).order_by("-at").first()
    return Made(sample.score, sample.at, lost_of(sample.components)) if sample else None


def why_of(path: Path, at: datetime) -> Why:
    standing = PathStanding.objects.filter(path=path).first()
    rules = rules_now()
    course = Course(path.state, standing.step, standing.until, standing.covering, standing.grace_until) if standing else Course(path.state, 0, None)
    done = tuple(deeds.of_path(path.ip_id, path.provider_id))
    out, kept = path.state in (Path.State.QUARANTINED, Path.State.PROBATION), standing or PathStanding()
    drawn = history(ip_id=path.ip_id, provider_id=path.provider_id, done=done, at=at, rules=rules, scope="path")
    return Why(path.score, out, rules, lost_of(kept.components), kept.sentence, kept.since, told(course, rules, at), done, drawn)


def rules_now() -> Rules:
    """Of the policy's row; a platform without one does nothing by itself."""
    policy = ReputationPolicy.objects.first()
    kept = policy or ReputationPolicy(mode="off")
    return Rules(kept.mode, kept.leave_below, kept.return_at, tuple(kept.steps), kept.step_s, kept.step_floor, kept.trickle_per_hour)


def history(*, scope: str, at: datetime, rules: Rules, done: tuple[Deed, ...] = (), **of: int) -> Chart:
    """The score of a path, IP or pool over the last week."""
    samples = list(
        ScoreSample.objects.filter(scope=scope, at__gte=at - HISTORY, **of).order_by("-at").values_list("at", "score")[:SAMPLES]
    )[::-1]  # fmt: skip
    if samples:
        samples.append((at, samples[-1][1]))  # it holds on until now
    times, scores = [when for when, _ in samples], [score for _, score in samples]
    label = f"From {number(min(scores))} to {number(max(scores))} in the last 7 days, {number(scores[-1])} now." if scores else ""
    series = [
        Series("score", scores), Series(f"leaves below {number(rules.leave_below)}", [rules.leave_below] * len(times), look="broken", dash="dots"),
        Series(f"returns at {number(rules.return_at)}", [rules.return_at] * len(times), look="good", dash="dash"),
    ]  # fmt: skip
    events = [(deed.at, _LETTERS[deed.name]) for deed in reversed(done) if deed.name in _LETTERS and times and deed.at >= times[0]]
    note = label + (" L: left, P: probed, F: probation failed, R: returned." if events else "")
    return Chart("Score", label, times, series, note=note, height=160, events=events)


def lost_of(components: Any) -> tuple[Lost, ...]:
    """What a kept score is made of, the dearest first; what is no component is left out."""
    listed = components.get("components", []) if isinstance(components, dict) else components
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    lost = [Lost(str(one.get("name") or "?"), float(one.get("lost") or 0.0), str(one.get("words") or "")) for one in found]
    return tuple(sorted(lost, key=lambda one: -one.points))
