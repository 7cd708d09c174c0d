"""What follows from a look: listings open and end when two looks agree; a list that names very many of us at once waits for a person.

Pure. Promises: one look opens nothing and ends nothing; no answer changes nothing; a list whose test points were wrong changes nothing but its own
health. Owns the memory between the first look and the second: a steward that dies forgets it, and the next one begins with a first look.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pools.listings.look import Look
from pools.listings.meaning import Verdict, Word, least
from pools.listings.models import Health, Weight

_SLACK = 0.9  # a second look that comes a breath too early counts: timers are not exact


@dataclass(frozen=True, slots=True)
class Bounds:
    """The operator's."""

    confirm_after_s: float
    many_share: float
    many_at_least: int


@dataclass(frozen=True, slots=True)
class Open:
    """A listing that is open."""

    subject: str
    said: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class First:
    """What a first look saw."""

    word: Word
    at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """What is to be written, and who is to be asked again for a second look."""

    opened: Mapping[str, Verdict] = field(default_factory=dict)
    still: Mapping[str, Verdict] = field(default_factory=dict)
    ended: tuple[str, ...] = ()
    waiting: Mapping[str, First] = field(default_factory=dict)
    health: Health = Health.GOOD
    why: str = ""
    most: str = Weight.CRITICAL  # what any listing of this list may do now


def settle(
    seen: Look, open_: Mapping[str, Open], waiting: Mapping[str, First], bounds: Bounds, at: datetime, all_subjects: int, many_allowed: str = Weight.INFO
) -> Settled:
    """From one look, what was open before it, and what waits for its second look."""
    if seen.health is not Health.GOOD:
        return Settled(health=seen.health, why=seen.why)
    opened: dict[str, Verdict] = {}
    still: dict[str, Verdict] = {}
    ended: list[str] = []
    firsts = dict(waiting)
    for subject, verdict in seen.verdicts.items():
        if verdict.word not in (Word.LISTED, Word.CLEAR):
            continue  # no answer: what waited goes on waiting
        is_listed = verdict.word is Word.LISTED
        if is_listed is (subject in open_):
            firsts.pop(subject, None)
            if is_listed:
                still[subject] = verdict
        elif not _agreed(firsts.get(subject), verdict.word, at, bounds):
            kept = firsts.get(subject)
            firsts[subject] = kept if kept is not None and kept.word is verdict.word else First(verdict.word, at)
        else:
            del firsts[subject]
            if is_listed:
                opened[subject] = verdict
            else:
                ended.append(subject)
    # Those that wait for their second look count too: or a few would be believed before the many are seen.
    listed = {*opened, *(subject for subject in open_ if subject not in ended), *(subject for subject, first in firsts.items() if first.word is Word.LISTED)}
    if len(listed) >= max(bounds.many_at_least, bounds.many_share * all_subjects):
        why = f"it lists {len(listed)} of our {all_subjects} at once"
        return Settled(opened, still, tuple(ended), firsts, Health.MASS, why, many_allowed)
    return Settled(opened, still, tuple(ended), firsts)


def _agreed(first: First | None, word: Word, at: datetime, bounds: Bounds) -> bool:
    return first is not None and first.word is word and at - first.at >= timedelta(seconds=bounds.confirm_after_s * _SLACK)


def severity_of(said: str, settled: Settled) -> str:
    """What a listing does now."""
    return least(said, settled.most)



def interval_s(policy_s: float, zone_s: float, per_day: int | None, subjects: int, live: bool) -> float:
    """How often everything is asked: the policy's word, the list's own bound, and what its quota leaves (a fifth of it is for second looks)."""
    if not live:  # the simulated lists have no terms
        return policy_s
    return max(policy_s, zone_s, 86_400 * 1.25 * (subjects + 2) / per_day if per_day else 0.0)
