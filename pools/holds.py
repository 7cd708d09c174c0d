"""Holds: whether a sending IP may send to a provider now, and if not what holds it and until when, in words.

Owns: the vocabulary `Hold` and its sentences. Promises: pure; the strongest hold is told: nobody owns the IP, a person or reputation stopped it, then what
its engine said (pools.binds). What an engine said and is over is not told any more. Never: reads the database; says what another tenant's mail was.
`told` is for the platform's own people (it names nodes, engines, evidence), `plain` for everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mailplatform.shell import formats
from pools.binds import CIRCUIT_OPENS_AT, Limit

SHOWN_EVIDENCE = 200


class Hold(StrEnum):
    """What holds a path, the soonest over first: so does a pool of paths wait for the first of these that one of its paths has."""

    NOTHING = "open"
    CONNECTIONS = "connections"
    RATE = "rate"
    HANDOVER = "handover"  # its engine stops, or does not answer: another takes the IP within a second or two
    CIRCUIT = "circuit"
    PACE = "pace"  # on trial: its next turn comes within its hour or day
    HOUR = "hour"
    SUSPENDED = "suspended"
    DAY = "day"
    UNOWNED = "unowned"  # no engine of its node lives
    PAUSED = "paused"
    QUARANTINED = "quarantined"
    DRAINED = "drained"


ORDER = list(Hold)
_BADGES = {
    Hold.NOTHING: "open", Hold.CONNECTIONS: "full", Hold.RATE: "full", Hold.PACE: "waiting", Hold.HANDOVER: "waiting", Hold.CIRCUIT: "broken",
    Hold.HOUR: "full", Hold.DAY: "full", Hold.UNOWNED: "dead",
}  # fmt: skip
_IS = {
    Hold.CONNECTIONS: "has all of its connections in use", Hold.RATE: "is at its rate", Hold.HANDOVER: "changes hands", Hold.CIRCUIT: "gets no connection",
    Hold.PACE: "waits for its next turn", Hold.HOUR: "has used up its hour",
    Hold.DAY: "has used up its day", Hold.UNOWNED: "belongs to no engine", Hold.QUARANTINED: "is in quarantine",
}  # fmt: skip
_BY = {"warming": "Warming", "probation": "On probation"}
_TAKEN_OVER = "Another process is taking it over."
PERSISTENT = (Hold.UNOWNED, Hold.PAUSED, Hold.QUARANTINED, Hold.DRAINED)  # not over by itself


@dataclass(frozen=True, slots=True)
class Place:
    """Where an IP is and who owns it."""

    ip_state: str
    node: str
    node_state: str
    zone: str
    zone_state: str
    engine: str = ""  # as people read it; empty: nobody
    stopping: bool = False
    silent: bool = False
    node_lives: bool = False  # an engine of its node does, whoever owns the IP


@dataclass(frozen=True, slots=True)
class Said:
    """What is kept of a path; all empty where nothing was sent yet."""

    state: str = "open"
    binds: str = ""
    until: datetime | None = None
    limits: Mapping[str, Any] | None = None
    why: str = ""
    suspended_until: datetime | None = None
    circuit_failures: int = 0
    state_why: str = ""  # what reputation said when it put the path where it is


@dataclass(frozen=True, slots=True)
class Standing:
    """How a path stands: `until` None: nobody knows, or not over by itself."""

    hold: Hold
    told: str
    plain: str
    until: datetime | None = None

    @property
    def open(self) -> bool:
        return self.hold == Hold.NOTHING

    @property
    def is_words(self) -> str:
        """To follow the path's name: "is suspended"."""
        return _IS.get(self.hold, f"is {self.hold}")

    @property
    def badge(self) -> str:
        return _BADGES.get(self.hold, str(self.hold))


def standing(place: Place, said: Said, provider: str, at: datetime) -> Standing:
    """How one path stands at a moment."""
    return _stopped(place, said) or _unowned(place) or _limited(said, provider, at) or _open(said)


def _stopped(place: Place, said: Said) -> Standing | None:
    """By a person, or by reputation."""
    if not {place.zone_state, place.node_state} <= {"active"}:
        what, state = (f"Zone {place.zone}", place.zone_state) if place.zone_state != "active" else (f"Node {place.node}", place.node_state)
        return Standing(Hold.DRAINED, f"{what} is {state}: nothing leaves from there.", "It is out of service.")
    if "quarantined" in (place.ip_state, said.state):
        what = "The IP" if place.ip_state == "quarantined" else "The path"
        told = f"{what} is in quarantine: {_short(said.state_why)}." if said.state_why else f"{what} is in quarantine{_because(said.why)}."
        return Standing(Hold.QUARANTINED, told, "It is in quarantine.")
    if "paused" in (place.ip_state, said.state):
        what = "The IP" if place.ip_state == "paused" else "The path"
        return Standing(Hold.PAUSED, f"{what} was paused by an operator.", "It was paused.")
    return None


def _unowned(place: Place) -> Standing | None:
    if not place.engine and not place.node_lives:
        return Standing(Hold.UNOWNED, f"Nobody owns it: no engine of {place.node} lives.", "Its server is down.")
    if not place.engine:
        return Standing(Hold.HANDOVER, f"An engine of {place.node} is about to take it.", _TAKEN_OVER)
    if place.stopping:
        return Standing(Hold.HANDOVER, f"Engine {place.engine} is stopping; its successor takes the IP.", _TAKEN_OVER)
    if place.silent:
        return Standing(Hold.HANDOVER, f"Engine {place.engine} does not answer; its claims come back when its lease is over.", _TAKEN_OVER)
    return None


def _limited(said: Said, provider: str, at: datetime) -> Standing | None:
    """What its engine said last, where that is not over."""
    limit = _limit_of(said, at)
    until = said.until if limit == said.binds else said.suspended_until
    over = until is not None and until <= at and limit != Limit.CIRCUIT  # a probe that is due needs mail to probe with
    if limit == Limit.NOTHING or over:
        return None
    figures = said.limits or {}
    figure, per_s = _whole(figures.get("figure")), _whole(figures.get("per_s"))
    match limit:
        case Limit.CONNECTIONS:
            words = f"At its {_of(figures.get('connections_open'), figure)} to {provider}."
            return Standing(Hold.CONNECTIONS, words, words)
        case Limit.RATE:
            again = f": the next goes in {formats.duration((until - at).total_seconds())}" if until else ""
            words = f"At its {formats.number(figure)} a {'second' if per_s == 1 else 'minute'} to {provider}{again}."
            return Standing(Hold.RATE, words, words, until)
        case Limit.PACE:
            again = f"; the next goes in {formats.duration((until - at).total_seconds())}" if until else ""
            words = f"{_on_trial(figures, 'hour' if per_s == 3600 else 'day', figure, provider)}, evenly spread{again}."
            return Standing(Hold.PACE, words, words, until)
        case Limit.HOUR | Limit.DAY if figures.get(f"{limit}_by") in _BY:
            words = f"{_on_trial(figures, str(limit), figure, provider)}: used up for now." if figure else f"Paused to {provider} while it warms."
            return Standing(Hold(limit), words, words, until)
        case Limit.HOUR | Limit.DAY:
            about = f" until about {formats.about(until, at)}" if until else ""
            words = f"The {limit}'s {formats.number(figure)} to {provider} are used up{about}."
            return Standing(Hold(limit), words, words, until)
        case Limit.SUSPENDED:
            about = f" until {formats.moment(until, at)}" if until else ""
            return Standing(Hold.SUSPENDED, f"Suspended{about}{_because(said.why)}.", f"{provider} asked it to wait{about}.", until)
        case Limit.FORMER:
            opens = f"; it opens its own {formats.due(until, at)}" if until else ""
            words = f"{formats.plural(figure, 'connection')} of its last engine, which died out of reach, may still stand at {provider}{opens}."
            return Standing(Hold.HANDOVER, words, _TAKEN_OVER, until)
        case Limit.CIRCUIT:
            failed = formats.plural(said.circuit_failures or figure or CIRCUIT_OPENS_AT, "connection")
            probe = f"the next probe goes {formats.due(until, at)}" if until and until > at else "it is probed with the next delivery"
            return Standing(Hold.CIRCUIT, f"{failed} in a row failed{_evidence(said.why)}; {probe}.", f"{provider} did not answer it; {probe}.", until)
    return Standing(Hold.PAUSED, "It is paused.", "It was paused.")  # its engine heard so before we did


def _on_trial(figures: Mapping[str, Any], window: str, cap: int, provider: str) -> str:
    """Whose cap it is and how much of it is used: "Warming: 480 of 500 in this hour to Gmail"."""
    by = _BY.get(str(figures.get(f"{window}_by")), "On trial")
    return f"{by}: {formats.number(_whole(figures.get(f'{window}_used')))} of {formats.number(cap)} in this {window} to {provider}"


def _limit_of(said: Said, at: datetime) -> Limit:
    if said.binds in set(Limit) and said.binds:
        return Limit(said.binds)
    if said.suspended_until and said.suspended_until > at:
        return Limit.SUSPENDED
    return Limit.CIRCUIT if said.circuit_failures >= CIRCUIT_OPENS_AT else Limit.NOTHING


def _open(said: Said) -> Standing:
    figures = said.limits or {}
    busy, limit = _whole(figures.get("connections_open")), _whole(figures.get("connections"))
    words = f"Open: {busy} of {formats.plural(limit, 'connection')} in use." if limit else "Open."
    if said.state == "probation":
        return Standing(Hold.NOTHING, f"On probation: a part of its rates comes back by evidence. {words}", words)
    return Standing(Hold.NOTHING, words, words)


def _because(why: str) -> str:
    return f" because of {_short(why)}" if why else ""


def _evidence(why: str) -> str:
    return f" ({_short(why)})" if why else ""


def _short(why: str) -> str:
    """Engines keep the beginning of a reply, too."""
    return why.rstrip(" .") if len(why) < SHOWN_EVIDENCE else f"{why[:SHOWN_EVIDENCE].rsplit(' ', 1)[0].rstrip(' .')} …"


def _of(open_now: Any, limit: int) -> str:
    busy = _whole(open_now)
    return f"{busy} of {formats.plural(limit, 'connection')}" if busy and limit else formats.plural(limit, "connection") if limit else "connections"


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15 else 0
