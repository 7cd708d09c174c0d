"""Why a path took a delivery, read from what the engine kept and told in a sentence.

The keys are those of docs/architecture.md, "The why of an attempt". Promises: pure, total: what cannot be read was not said. The sentence names the
paths that came before the winner in score and could not take it; when none did, it says what the winner was best of. Never: guesses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from mailplatform.shell import formats
from mailplatform.shell.formats import listed

GROUPS_TOLD = 3


class State(StrEnum):
    """How another path stood when it did not win."""

    OPEN = "open"
    SLOWER = "slower"
    FULL = "full"
    RATE = "rate"
    HOUR = "hour"
    DAY = "day"
    PACE = "pace"  # warming or on probation, and beyond its pace
    WARMING = "warming"  # behind it
    PROBATION = "probation"
    SUSPENDED = "suspended"
    CIRCUIT = "circuit"
    FORMER = "former"  # connections of its last owner may still stand
    PAUSED = "paused"
    AVOIDED = "avoided"
    STICKY = "sticky"
    GONE = "gone"


BEHIND = (State.OPEN, State.SLOWER, State.WARMING, State.PROBATION)  # could have taken it; the others could not, or must not


@dataclass(frozen=True, slots=True)
class Other:
    """A path that did not win; `figure` is its connections or milliseconds, as its state says."""

    address: str
    state: State
    score: float
    figure: int | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """What the engine kept of one choice. None: it was not said."""

    waited_ms: int | None = None
    handicap_ms: int | None = None
    score: float | None = None
    engine: str = ""
    others: tuple[Other, ...] = ()
    more: int = 0


def read_why(kept: object, address_of: Mapping[int, str]) -> Why:
    """The JSON of an attempt; `address_of` names the sending IPs in it."""
    if not isinstance(kept, Mapping):
        return Why()
    others = kept.get("o")
    return Why(
        waited_ms=_whole(kept.get("w")),
        handicap_ms=_whole(kept.get("h")),
        score=_number(kept.get("s")),
        engine=str(kept.get("e") or "")[:60],
        others=tuple(_others(others, address_of)) if isinstance(others, list) else (),
        more=_whole(kept.get("m")) or 0,
    )


def ip_ids(kept: object) -> Iterator[int]:
    """The sending IPs that a why names."""
    others = kept.get("o") if isinstance(kept, Mapping) else None
    for other in others if isinstance(others, list) else []:
        if isinstance(other, list) and other and isinstance(other[0], int) and 0 < other[0] < 2**63:
            yield other[0]


def sentence(why: Why, winner: str, provider: str) -> str:
    """Taken by 203.0.113.7 after 40 ms: 198.51.100.9 was at its 5 connections to Gmail."""
    if why == Why():
        return ""
    after = f" after {formats.duration(why.waited_ms / 1000)}" if why.waited_ms is not None else ""
    reasons = "; ".join(_reasons(why, provider))
    return f"Taken by {winner}{after}: {reasons}." if reasons else f"Taken by {winner}{after}."


def words_for(other: Other, provider: str, plural: bool = False, better: bool = False) -> str:
    """What a path was or did, to follow its address: "was at its 5 connections to Gmail". `better`: its score was."""
    was, its, had = ("were", "their", "had") if plural else ("was", "its", "had")
    there, figure = f" to {provider}" if provider else "", other.figure
    match other.state:
        case State.OPEN:
            return f"{was} open, and had not asked for it yet" if better else f"{was} open, with no better score"
        case State.SLOWER:
            return f"would have taken {formats.duration(figure / 1000)} longer" if figure else "would have taken longer"
        case State.FULL:
            return f"{was} at {its} {formats.plural(figure, 'connection')}{there}" if figure else f"{was} at {its} connections{there}"
        case State.RATE:
            return f"{was} at {its} rate for another {formats.duration(figure / 1000)}" if figure else f"{was} at {its} rate"
        case State.HOUR | State.DAY:
            return f"{had} used up {its} {other.state}{f' at {provider}' if provider else ''}"
        case State.PACE:
            return f"{had} sent what it may for now, on trial{f' at {provider}' if provider else ''}"
        case State.WARMING:
            return f"{was} warming"
        case State.PROBATION:
            return f"{was} on probation"
        case State.SUSPENDED:
            return f"{was} asked by {provider or 'the provider'} to wait"
        case State.CIRCUIT:
            return f"could not connect{there}"
        case State.FORMER:
            return f"could open no connection{there} yet, after its last engine's death"
        case State.PAUSED:
            return f"{was} paused"
        case State.AVOIDED:
            return f"{had} tried it before"
        case State.STICKY:
            return f"{was} open, but {provider or 'the provider'} has seen the other address and wants it again"
    return f"belonged to {'engines that were' if plural else 'an engine that was'} not heard of"


def _reasons(why: Why, provider: str) -> Iterator[str]:
    """Those who would have come before and did not take it; else what it was best of."""
    ahead = [other for other in why.others if other.state == State.AVOIDED or is_better(other, why) or (other.state not in BEHIND and _is_equal(other, why))]
    behind = sum(1 for other in why.others if other.state in BEHIND)
    if ahead:
        for same in _alike(ahead)[:GROUPS_TOLD]:
            yield f"{listed([other.address for other in same])} {words_for(same[0], provider, len(same) > 1, better=True)}"
    elif why.handicap_ms:
        yield f"the best path had not taken it within {formats.duration(why.handicap_ms / 1000)}"
    elif behind:
        yield f"the best of {formats.number(behind + 1 + why.more)} paths that were open"
    elif why.others:
        yield "the only path that was open"
    elif not why.more:
        yield "no other path serves its pool"


def is_better(other: Other, why: Why) -> bool:
    """Whether it would have come before the winner, by score."""
    return why.score is not None and other.score > why.score and other.state != State.SLOWER


def _is_equal(other: Other, why: Why) -> bool:
    return why.score is None or other.score >= why.score


def _alike(others: Sequence[Other]) -> list[list[Other]]:
    order = sorted(others, key=lambda other: (other.state, other.figure or 0))
    groups = [list(same) for _, same in groupby(order, key=lambda other: (other.state, other.figure))]
    return sorted(groups, key=lambda same: -max(other.score for other in same))


def _others(rows: list[object], address_of: Mapping[int, str]) -> Iterator[Other]:
    for row in rows:
        match row:
            case [int(ip_id), str(state), int() | float() as score, *rest] if state in set(State):
                figure = _whole(rest[0]) if rest else None
                yield Other(address_of.get(ip_id, "an IP that is gone"), State(state), float(score), figure)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and abs(number) < 1e15 else None
