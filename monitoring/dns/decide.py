"""Decide: what a record set should say now, and why. Pure: targets, rules and what is published come in, a decision goes out.

Owns: failover, fail-back, and how long a change must wait. Promises: never an empty set; when no target lives, what is published stays, and that is critical; a
set that lives is left for a better one only as the fail-back policy says; two changes are never closer than `least_between_s`. Never: asks a clock, a
database or a network.

A person's choice is the first priority of all: while one of the chosen lives, they are the set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailplatform.shell.formats import listed

Values = tuple[str, ...]


class FailBack(StrEnum):
    AT_ONCE = "at_once"
    AFTER = "after"
    BY_HAND = "by_hand"


class Kind(StrEnum):
    FIRST = "first"
    FAILOVER = "failover"
    FAIL_BACK = "fail_back"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Target:
    """`since`: for how long it lives, or is dead; None: it has no endpoint, or always did."""

    value: str
    lives: bool
    priority: int = 0
    weight: int = 1
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    ttl_s: int = 30
    least_answers: int = 1
    most_answers: int = 8
    fail_back: FailBack = FailBack.AFTER
    fail_back_after_s: int = 300
    least_between_s: int = 30


@dataclass(frozen=True, slots=True)
class Published:
    values: Values = ()
    ttl_s: int = 0
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """`kind` is None when what is published is right. `not_before`: the earliest moment of the change; None: now."""

    wanted: Values
    why: str
    kind: Kind | None = None
    not_before: datetime | None = None
    next_step: str = ""
    all_dead: bool = False

    def due(self, now: datetime) -> bool:
        return self.kind is not None and (self.not_before is None or self.not_before <= now)


def decide(targets: Sequence[Target], rules: Rules, published: Published, chosen: Iterable[str], now: datetime) -> Decision:
    ranked = [_raised(target, frozenset(chosen)) for target in targets]
    living = [target for target in ranked if target.lives]
    if not ranked:
        return Decision(published.values, "It has no targets, so what is published stays.")
    if not living:
        return _all_dead(ranked, published)
    out = set(published.values)
    still = [target for target in living if target.value in out]
    if len(still) >= min(rules.least_answers, len(living)) and still:
        eligible = [target for target in living if target.value in out or _settled(target, rules, now)]
    else:
        eligible = living  # it has to move: what has only just come back is better than what is dead
    wanted = _values(_best(eligible, rules))
    if set(wanted) == out and rules.ttl_s == published.ttl_s:
        return Decision(published.values, _why_it_stands(ranked, living, out), next_step=_what_waits(living, eligible, rules, out, now))
    kind = _kind(ranked, wanted, out, still)
    not_before = _not_before(published, rules, now)
    step = f"changes at {not_before:%H:%M:%S} UTC: two changes are at least {rules.least_between_s} s apart" if not_before else ""
    return Decision(wanted, _why(kind, ranked, wanted, out, rules), kind, not_before, step)


# -- what lives ---------------------------------------------------------------------------------------------------------
def _raised(target: Target, chosen: frozenset[str]) -> Target:
    return Target(target.value, target.lives, -1, target.weight, target.since) if target.value in chosen else target


def _settled(target: Target, rules: Rules, now: datetime) -> bool:
    """Whether a target that is not published may join a set that does without it."""
    if target.priority < 0:
        return True  # a person asked for it
    match rules.fail_back:
        case FailBack.AT_ONCE:
            return True
        case FailBack.BY_HAND:
            return False
    return target.since is None or now - target.since >= timedelta(seconds=rules.fail_back_after_s)


def _best(targets: Sequence[Target], rules: Rules) -> list[Target]:
    """The first priority that has any, and of the next ones as many as are missing; the heaviest of too many."""
    best: list[Target] = []
    for priority in sorted({target.priority for target in targets}):
        if best and len(best) >= rules.least_answers:
            break
        best += sorted((target for target in targets if target.priority == priority), key=lambda target: (-target.weight, target.value))
    return best[: rules.most_answers]


def _values(targets: Iterable[Target]) -> Values:
    return tuple(sorted(target.value for target in targets))


def _not_before(published: Published, rules: Rules, now: datetime) -> datetime | None:
    if published.changed_at is None:
        return None
    earliest = published.changed_at + timedelta(seconds=rules.least_between_s)
    return earliest if earliest > now else None


# -- why, in words ------------------------------------------------------------------------------------------------------
def _all_dead(targets: Sequence[Target], published: Published) -> Decision:
    stays = f"the last set, {listed(published.values)}, stays" if published.values else "nothing is published"
    all_ = "Its target is dead" if len(targets) == 1 else f"All {len(targets)} targets are dead"
    return Decision(published.values, f"{all_}: {stays}.", next_step="changes when one lives again", all_dead=True)


def _kind(targets: Sequence[Target], wanted: Values, out: set[str], still: Sequence[Target]) -> Kind:
    if not out:
        return Kind.FIRST
    known = {target.value for target in targets}
    if any(target.value in out and not target.lives for target in targets):
        return Kind.FAILOVER
    if set(wanted) == out or out - known:
        return Kind.SETTINGS
    return Kind.FAIL_BACK


def _why(kind: Kind, targets: Sequence[Target], wanted: Values, out: set[str], rules: Rules) -> str:
    dead = sorted(target.value for target in targets if target.value in out and not target.lives)
    match kind:
        case Kind.FIRST:
            return f"Nothing is published yet; {listed(wanted)} {_lives(wanted)}."
        case Kind.FAILOVER:
            few = f" Fewer than {rules.least_answers} live." if len(wanted) < rules.least_answers else ""
            return f"{listed(dead)} {'is' if len(dead) == 1 else 'are'} dead; {listed(wanted)} {_lives(wanted)}.{few}"
        case Kind.SETTINGS:
            return f"Its settings say {listed(wanted)} with a TTL of {rules.ttl_s} s."
    joining = sorted(set(wanted) - out)
    return f"{listed(joining)} {_lives(joining)} and {'is' if len(joining) == 1 else 'are'} preferred." if joining else f"{listed(wanted)} suffice."


def _why_it_stands(targets: Sequence[Target], living: Sequence[Target], out: set[str]) -> str:
    chosen = sorted(target.value for target in targets if target.priority < 0)
    if chosen and set(chosen) & out:
        return f"A person switched to {listed(chosen)}."
    dead = sorted(target.value for target in targets if not target.lives)
    if dead:
        return f"{listed(dead)} {'is' if len(dead) == 1 else 'are'} dead, and not published."
    return "All its targets live." if len(living) > 1 else "Its target lives."


def _what_waits(living: Sequence[Target], eligible: Sequence[Target], rules: Rules, out: set[str], now: datetime) -> str:
    """What would be published if it had been alive for long enough."""
    missing = [target for target in _best(living, rules) if target.value not in out]
    if not missing:
        return ""
    names = listed([target.value for target in missing])
    if rules.fail_back is FailBack.BY_HAND:
        return f"{names} {_lives(missing)} again: fails back when a person says so"
    at = max((target.since or now) + timedelta(seconds=rules.fail_back_after_s) for target in missing)
    return f"fails back to {names} at {at:%H:%M:%S} UTC, if nothing happens until then"


def _lives(of: Sequence[object]) -> str:
    return "lives" if len(of) == 1 else "live"
