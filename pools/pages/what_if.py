"""What if: which paths would have left, and when, with other thresholds over the recorded past; beside what today's would have done and what happened.

Promises: pure; the same core decides as in earnest (pools.reputation.replay). Exact for who leaves first and when, as far as minutes are kept together in
spans; an estimate for what follows, because what a path that stayed would have heard is not recorded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mailplatform.shell.formats import moment, plural
from pools.reputation.decide import Name
from pools.reputation.replay import Moment, Replayed, replay
from pools.reputation.thresholds import BOUNDS, Mode, Policy, checked

Path = tuple[int, int]  # sending IP, provider
REST = 0  # the "IP" that stands for all paths to a provider that had no trouble
LEAVING, RETURNING = (Name.LEAVE, Name.BACK), (Name.RETURN,)


@dataclass(frozen=True, slots=True)
class Field:
    """A threshold that the page asks for; `scale` turns what a person writes into the policy's unit."""

    name: str
    label: str
    unit: str
    hint: str
    scale: float = 1.0

    def least(self) -> float:
        return BOUNDS[self.name][0] / self.scale

    def most(self) -> float:
        return BOUNDS[self.name][1] / self.scale


FIELDS = (
    Field("leave_below", "Leaves below", "of 100", "A path whose score falls below this leaves."),
    Field("return_at", "Returns at", "of 100", "Its next step of probation comes from this score on."),
    Field("block_floor", "Refusals at least", "refusals", "Fewer within the short window take nobody out."),
    Field("sample_floor", "Samples at least", "attempts", "Before bounces and complaints count in full."),
    Field("stay_s", "Stays out at least", "min", "From leaving to the first probe; it doubles with each time.", 60.0),
    Field("step_s", "A step takes at least", "min", "Of probation.", 60.0),
    Field("refused_from", "Refusals cost from", "%", "Of its answers, beyond what our other IPs hear there.", 0.01),
    Field("refused_full", "Refusals cost all at", "%", "Then 90 of 100 points are lost.", 0.01),
    Field("step_failed", "A step fails above", "% refused", "Of its own answers, beyond what other IPs hear.", 0.01),
    Field("step_clean", "A step is clean up to", "% refused", "Not more, and the next one comes.", 0.01),
    Field("large_providers", "An IP leaves after", "large providers", "So many lost it: then it leaves everywhere. A block list that counts does it alone."),
    Field("ip_within_s", "… lost within", "min", "Of each other.", 60.0),
)


@dataclass(frozen=True, slots=True)
class Happened:
    """What was done in earnest: `left` or came back."""

    path: Path
    at: datetime
    left: bool


@dataclass(frozen=True, slots=True)
class Fate:
    """When a path left and came back, in one telling."""

    left: tuple[datetime, ...] = ()
    back: tuple[datetime, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A path that left in one of the three tellings."""

    path: Path
    asked: Fate
    today: Fate
    real: Fate

    @property
    def differs(self) -> bool:
        return len(self.asked.left) != len(self.today.left)


@dataclass(frozen=True, slots=True)
class Outcome:
    rows: tuple[Row, ...]
    asked: int
    today: int
    real: int

    def sentence(self, same: bool) -> str:
        """What one came to read."""
        if same:
            return f"Today's thresholds would have taken {_paths(self.today)} out in the last 7 days; {_did(self.real)}."
        return f"These thresholds would have taken {_paths(self.asked)} out in the last 7 days, today's {_paths(self.today)}; {_did(self.real)}."


def read_policy(values: Mapping[str, str], today: Policy) -> tuple[Policy, dict[str, str]]:
    """The thresholds that were asked for, and what is wrong with them by field."""
    asked, wrong = today, {}
    for field in FIELDS:
        text = values.get(field.name, "").strip()
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            wrong[field.name] = "This is no number."
            continue
        if not field.least() <= value <= field.most():  # also what is not a number (nan)
            wrong[field.name] = f"From {max(field.least(), 0.02):g} to {field.most():g}."
            continue
        changed: dict[str, Any] = {field.name: value * field.scale}
        asked = replace(asked, **changed)
    if not wrong and asked.leave_below >= asked.return_at:
        wrong["return_at"] = "Paths must return at a higher score than they leave at."
    if not wrong and (others := checked(asked)):
        wrong["leave_below"] = "; ".join(others)
    return asked, wrong


def compare(history: Sequence[Moment], asked: Policy, today: Policy, happened: Iterable[Happened]) -> Outcome:
    """The three tellings, those paths first on which they differ."""
    would = _fates(replay(history, replace(asked, mode=Mode.AUTOMATIC)))
    does = would if asked == today else _fates(replay(history, replace(today, mode=Mode.AUTOMATIC)))
    did = _real(happened)
    paths = sorted({path for fates in (would, does, did) for path, fate in fates.items() if fate.left})
    none = Fate()
    rows = [Row(path, would.get(path, none), does.get(path, none), did.get(path, none)) for path in paths]
    rows.sort(key=lambda row: (not row.differs, -len(row.asked.left)))
    return Outcome(tuple(rows), *(sum(bool(fate.left) for fate in fates.values()) for fates in (would, does, did)))


def words(fate: Fate, at: datetime) -> str:
    """22 Nov, 14:20; back 22 Nov, 17:05."""
    if not fate.left:
        return "stayed"
    first = f"left {moment(fate.left[0], at)}"
    again = f" and {plural(len(fate.left) - 1, 'more time')}" if len(fate.left) > 1 else ""
    back = f"; back {moment(fate.back[-1], at)}" if fate.back and fate.back[-1] > fate.left[-1] else "; not back yet"
    return first + again + back


def _fates(replayed: Iterable[Replayed]) -> dict[Path, Fate]:
    found: dict[Path, Fate] = {}
    for one in replayed:
        path = (int(str(one.path[0])), int(str(one.path[1])))
        fate = found.get(path, Fate())
        if path[0] == REST:
            continue
        if one.change.name in LEAVING:
            found[path] = Fate((*fate.left, one.at), fate.back, fate.why or one.change.sentence)
        elif one.change.name in RETURNING:
            found[path] = Fate(fate.left, (*fate.back, one.at), fate.why)
    return found


def _real(happened: Iterable[Happened]) -> dict[Path, Fate]:
    found: dict[Path, Fate] = {}
    for one in happened:
        fate = found.get(one.path, Fate())
        found[one.path] = Fate((*fate.left, one.at), fate.back) if one.left else Fate(fate.left, (*fate.back, one.at))
    return found


def _paths(count: int) -> str:
    return plural(count, "path") if count else "no path"


def _did(count: int) -> str:
    return f"{count:,} really left" if count else "none really left"
