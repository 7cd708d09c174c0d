"""Waits: what a delivery that is not final waits for, and until when, told to the platform's people and to its tenant.

Owns: the vocabulary `For` and its sentences. Promises: pure; the platform's own people (`told`) read nodes, pools and evidence, a tenant (`plain`) reads
about its own mail and about sending IPs, and no word of another tenant's mail: evidence on a path is a reply that anybody's mail may have got.
Never: reads the database; counts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from delivery.models import WaitingFor
from delivery.whereabouts import Place
from mailplatform.shell import formats
from pools.holds import ORDER, PERSISTENT, Hold
from pools.ways import Way

IN_TURN_S = 10.0  # longer than this, with a path open, and others must be going first
NAMED = 3
TLS_SCOPE = "tls:"  # of a retry that waits for its destination's TLS (delivery.engine.reach)


class For(StrEnum):
    """What a delivery waits for. A short, closed list: the API's `waiting_for.what`."""

    TURN = "turn"  # a path is open: an engine takes it when its turn comes
    LIMIT = "limit"  # every path is at a limit: connections, rate, hour, day
    SUSPENDED = "suspended"  # the provider asked every path to wait
    UNREACHABLE = "unreachable"  # no path gets a connection
    PATH = "path"  # no path may send: paused, in quarantine, drained, its node down
    SORTING = "sorting"  # the hosts of its domain are being looked up
    RETRY = "retry"  # deferred; tried again at a time
    SCHEDULE = "schedule"  # the tenant's send_at
    HOLD = "hold"  # a person must decide
    QUOTA = "quota"
    LANE = "lane"
    CAMPAIGN = "campaign"  # others of its campaign are tried first
    TLS = "tls"  # its destination offers no TLS that may be used


WHAT = sorted({*For, *WaitingFor.values})
_OF_HOLD = {
    Hold.NOTHING: For.TURN, Hold.HANDOVER: For.TURN, Hold.CONNECTIONS: For.LIMIT, Hold.RATE: For.LIMIT, Hold.PACE: For.LIMIT,
    Hold.HOUR: For.LIMIT, Hold.DAY: For.LIMIT, Hold.SUSPENDED: For.SUSPENDED, Hold.CIRCUIT: For.UNREACHABLE,
}  # fmt: skip
_KEPT: dict[str, str] = {
    For.HOLD: "A person must decide", For.QUOTA: "What may be sent is used up", For.LANE: "Its lane is closed",
    For.CAMPAIGN: "Others of its campaign are tried first", For.TLS: "Its destination offers no TLS that may be used",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Last:
    """The last attempt, as far as a waiting delivery's sentence needs it."""

    reply: str
    reason: str  # in words


@dataclass(frozen=True, slots=True)
class Wait:
    """What it waits for. `until` None: nobody knows."""

    what: str
    told: str
    plain: str
    until: datetime | None = None
    ways: tuple[Way, ...] = ()


def wait_of(place: Place, ways: Sequence[Way], provider: str, last: Last | None, at: datetime) -> Wait | None:
    """What it waits for; None when it does not wait: it is being sent, or between two places."""
    match place.place:
        case "ready":
            return _ready(place, tuple(ways), provider, at)
        case "claimed" | "moving":
            return None
        case WaitingFor.SORTING:
            words = f"The mail hosts of {place.scope or 'its domain'} are being looked up in DNS."
            return Wait(For.SORTING, words, words)
        case WaitingFor.RETRY:
            return _retry(place, last, at)
        case WaitingFor.SCHEDULE:
            words = f"The tenant asked for it to be sent at {formats.moment(place.due_at, at)}, {formats.due(place.due_at, at)}."
            return Wait(For.SCHEDULE, words, words, place.due_at)
    return _kept(place, at)


def lane_words(ways: Sequence[Way], provider: str, at: datetime) -> Wait:
    """What a lane waits for: the same, of no delivery in particular."""
    return _of_ways(tuple(ways), provider, at)


def _ready(place: Place, ways: tuple[Way, ...], provider: str, at: datetime) -> Wait:
    sticky = next((way for way in ways if way.ip_id == place.sticky_ip_id), None)
    if sticky and sticky.standing.open:
        words = f"{sticky.address} takes it: {provider} greylists, and has seen that address."
        return Wait(For.TURN, words, words, ways=ways)
    untried = [way for way in ways if way.ip_id not in place.avoid_ip_ids] or list(ways)
    wait = _of_ways(tuple(untried), provider, at)
    waited_s = (at - place.since).total_seconds() if place.since else 0.0
    if wait.what == For.TURN and waited_s > IN_TURN_S:
        more = f" It has waited {formats.duration(waited_s)}: more urgent mail and other tenants' turns go first."
        wait = Wait(For.TURN, wait.told + more, wait.plain + more)
    return Wait(wait.what, wait.told, wait.plain, wait.until, ways)


def _of_ways(ways: tuple[Way, ...], provider: str, at: datetime) -> Wait:
    """The pool waits for the first of its paths to be free."""
    if not ways:
        return Wait(For.PATH, "No sending IP serves its pool.", "No sending IP serves it.")
    soonest = min(ways, key=lambda way: (ORDER.index(way.standing.hold), way.standing.until or at))
    what = _OF_HOLD.get(soonest.standing.hold, For.PATH)
    if soonest.standing.open:
        open_now = [way.address for way in ways if way.standing.open]
        words = f"In its turn: {_named(open_now)} {'takes' if len(open_now) == 1 else 'take'} mail to {provider} now."
        return Wait(what, words, words, ways=ways)
    if len(ways) == 1:
        told, plain = (f"{soonest.address}: {_going_on(words, provider)}" for words in _both(soonest))
    elif len({way.standing.hold for way in ways}) == 1:
        every = "Both" if len(ways) == 2 else f"All {len(ways)}"
        told, plain = (f"{every} paths to {provider} wait. {soonest.address}, the first: {_going_on(words, provider)}" for words in _both(soonest))
    else:
        told = plain = f"{'Neither' if len(ways) == 2 else 'None'} of {len(ways)} paths to {provider} can take it now: {_counted(ways)}.{_first(soonest, at)}"
    return Wait(what, told, plain, soonest.standing.until, ways)


def _both(way: Way) -> tuple[str, str]:
    return way.standing.told, way.standing.plain


def _going_on(sentence: str, provider: str) -> str:
    """A sentence after a colon: small, unless it begins with a name."""
    return sentence if sentence.startswith(provider) else sentence[0].lower() + sentence[1:]


def _counted(ways: Collection[Way]) -> str:
    holds = [way.standing.hold for way in ways]
    words = {Hold.CONNECTIONS: "at their connections", Hold.RATE: "at their rate", Hold.HANDOVER: "changing hands", Hold.CIRCUIT: "without a connection",
             Hold.PACE: "waiting for their turn on trial", Hold.HOUR: "with their hour used up", Hold.DAY: "with their day used up",
             Hold.UNOWNED: "on servers that are down", Hold.QUARANTINED: "in quarantine"}  # fmt: skip
    return ", ".join(f"{holds.count(hold)} {words.get(hold, str(hold))}" for hold in ORDER if hold in holds)


def _first(soonest: Way, at: datetime) -> str:
    if soonest.standing.hold in PERSISTENT:
        return " A person must act."
    return f" The first, {soonest.address}, is free {formats.due(soonest.standing.until, at)}." if soonest.standing.until else ""


def _named(addresses: Sequence[str]) -> str:
    if len(addresses) <= NAMED:
        return formats.listed(addresses)
    return f"{addresses[0]} and {len(addresses) - 1} more"


def _retry(place: Place, last: Last | None, at: datetime) -> Wait:
    """Due again; or its domain could not be looked up, and is asked again."""
    when = formats.due(place.due_at, at) if place.due_at and place.due_at > at + timedelta(seconds=1) else "in a moment"
    clock = f"at {formats.moment(place.due_at, at)}, {when}" if place.due_at else when
    if place.scope.startswith(TLS_SCOPE):
        words = f"{place.scope.removeprefix(TLS_SCOPE)} offers no TLS that may be used; it is tried again {clock}, and never sent in the clear."
        return Wait(For.TLS, words, words, place.due_at)
    if place.scope and place.provider_id is None:
        words = f"Its domain is looked up again {clock}: {place.scope}."
    elif last and last.reply:
        words = f"Tried again {clock}, after: {last.reply[:200]}"
    elif last:
        words = f"Tried again {clock}, after: {last.reason}."
    else:
        words = f"Tried {clock}."
    return Wait(For.RETRY, words, words, place.due_at)


def _kept(place: Place, at: datetime) -> Wait:
    """By a person's decision to come, a quota, a lane, a campaign, missing TLS: the row itself says why."""
    begins = _KEPT.get(place.place, place.place.capitalize())
    when = ""
    if place.due_at:  # what is held is due when it expires
        when = f" {'It expires' if place.place == WaitingFor.HOLD else 'Looked at again'} {formats.due(place.due_at, at)}."
    words = f"{begins}: {place.scope.rstrip('.')}.{when}" if place.scope else f"{begins}.{when}"
    return Wait(place.place if place.place in WHAT else For.HOLD, words, words, place.due_at)
