"""Scopes: limits of more than one path, in an engine's memory: an IP's, a netblock's, a signing domain's, a tenant's.

Owns: what holds now, and the matches that the database has not counted yet. Promises: a suspension met here holds here at once, on other engines
with their next look (a second); nothing is asked for a message while nothing of the kind is active. A suspended tenant's or domain's claims
are set aside until its end, then return in steps. How exact: suspensions are; a sender's *rate* is divided by the number of engines, so it is
a ceiling that engines with nothing of that sender leave unused. How it fails: with the database away matches are kept and told later.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Error

from delivery.engine.path import Path, Shared
from delivery.queue.blocks import Aside
from delivery.queue.claim import Claim
from pools.learned import Learned, from_json, recover
from pools.limits import Gcra, RateLimit
from pools.outcomes import ActionScope, Outcome
from pools.scoped import EVERY_PROVIDER, OF_PATHS, Match, ScopedRow, Whom, after, live, netblock_of, tell

LONGEST_TURN_S = 60.0  # a sender over its rate is looked at again after that
MOST_UNTOLD = 1000


@dataclass(slots=True)
class Sender:
    """What holds of a tenant or signing domain at one provider."""

    suspended_until_s: float  # monotonic
    rate: Gcra | None
    said: str
    turned_away: int = 0  # since its rate last let one go


class Scopes:
    """One for each engine; what it says of claims the hands carry out."""

    def __init__(self, in_database: Callable[..., Awaitable[Any]]) -> None:
        self._in_database = in_database
        self._of_paths: dict[Whom, tuple[Learned, str]] = {}
        self._senders: dict[Whom, Sender] = {}
        self._learned: dict[Whom, tuple[Learned, str]] = {}
        self._untold: list[Match] = []
        self._engines = 1

    # -- what holds ---------------------------------------------------------------------------------------------------

    async def exchange(self, now: Callable[[], float]) -> None:
        """Tell what was met, hear what others met; once a second. `now` is the database's wall clock."""
        told, self._untold = self._untold, []
        try:
            if told:
                await self._in_database(tell, told)
            rows = await self._in_database(live)
        except Error:
            self._untold = (told + self._untold)[-MOST_UNTOLD:]
            raise
        self.heard_of(rows, time.monotonic(), now())

    def heard_of(self, rows: Sequence[ScopedRow], now_s: float, wall_s: float) -> None:
        """What holds, by the table and by what it has not been told yet."""
        self._learned = {row.whom: (from_json(row.learned), row.why) for row in rows}
        self._engines = max([1, *(row.engines for row in rows)])
        for match in self._untold:
            self._apply(match)
        self._settle(now_s, wall_s)

    def met(self, path: Path, address: str, claim: Claim | None, outcome: Outcome, said: str, now_s: float, wall_s: float) -> None:
        """A rule with an action of such a scope has matched."""
        whom = self._whom(path, address, claim, outcome)
        if whom is None or outcome.action is None:
            return
        match = Match(whom, outcome.action, outcome.rule or "", wall_s, said, path.profile)
        self._untold = [*self._untold, match][-MOST_UNTOLD:]
        self._apply(match)
        self._settle(now_s, wall_s)

    def of_path(self, ip_id: int, address: str, provider_id: int) -> Shared:
        """What holds of this path beyond its own."""
        if not self._of_paths:
            return ()
        whoms = (Whom(ActionScope.IP, str(ip_id), EVERY_PROVIDER), Whom(ActionScope.NETBLOCK, netblock_of(address), provider_id))
        return tuple(self._of_paths[whom] for whom in whoms if whom in self._of_paths)

    def _apply(self, match: Match) -> None:
        learned, why = self._learned.get(match.whom, (Learned(), ""))
        self._learned[match.whom] = (after(match, learned), match.why or why)

    def _settle(self, now_s: float, wall_s: float) -> None:
        """Make what was learned what is asked for."""
        former, self._senders, self._of_paths = self._senders, {}, {}
        for whom, (learned, why) in self._learned.items():
            holds = recover(learned, wall_s)
            if whom.scope in OF_PATHS:
                self._of_paths[whom] = holds, why
            elif holds.suspended_until_s or holds.per_minute:
                self._senders[whom] = _sender(holds, why, former.get(whom), self._engines, now_s, wall_s)

    def _whom(self, path: Path, address: str, claim: Claim | None, outcome: Outcome) -> Whom | None:
        match outcome.action.scope if outcome.action else None:
            case ActionScope.IP:
                return Whom(ActionScope.IP, str(path.ip_id), EVERY_PROVIDER)
            case ActionScope.NETBLOCK:
                return Whom(ActionScope.NETBLOCK, netblock_of(address), path.provider_id)
            case ActionScope.TENANT if claim:
                return Whom(ActionScope.TENANT, str(claim.tenant_id), path.provider_id)
            case ActionScope.SIGNING_DOMAIN if claim:
                return Whom(ActionScope.SIGNING_DOMAIN, str(claim.domain_id), path.provider_id)
        return None

    # -- before it goes -----------------------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether anything of a sender holds at all."""
        return bool(self._senders)

    @property
    def of_paths(self) -> bool:
        """Whether anything of an IP or a netblock holds."""
        return bool(self._of_paths)

    def suspended(self, claim: Claim, now_s: float) -> Aside | None:
        """What becomes of a delivery whose sender is suspended; None: it may go."""
        for whom in _senders_of(claim):
            sender = self._senders.get(whom)
            if sender and now_s < sender.suspended_until_s:
                return Aside(claim.id, claim.lane, "lane", _words(whom, sender), sender.suspended_until_s - now_s)
        return None

    def sift(self, claims: Sequence[Claim], now_s: float) -> tuple[list[Claim], list[Aside]]:
        """Of fresh claims those that may be dealt, and the others."""
        going: list[Claim] = []
        aside: list[Aside] = []
        for claim in claims:
            stopped = self.suspended(claim, now_s) or self._over_rate(claim, now_s)
            if stopped:
                aside.append(stopped)
            else:
                going.append(claim)
        return going, aside

    def _over_rate(self, claim: Claim, now_s: float) -> Aside | None:
        limited = [(whom, sender) for whom in _senders_of(claim) if (sender := self._senders.get(whom)) and sender.rate]
        for whom, sender in limited:
            assert sender.rate is not None
            if not sender.rate.allows(now_s):
                sender.turned_away += 1
                turn_s = sender.rate.earliest(now_s) - now_s + sender.turned_away * sender.rate.rate.spacing_s
                return Aside(claim.id, claim.lane, "quota", _words(whom, sender), min(LONGEST_TURN_S, turn_s))
        for _, sender in limited:
            assert sender.rate is not None
            sender.rate.answered(sender.rate.spend(now_s), now_s)
            sender.turned_away = max(0, sender.turned_away - 1)
        return None


def _sender(holds: Learned, why: str, former: Sender | None, engines: int, now_s: float, wall_s: float) -> Sender:
    rate = None
    if holds.per_minute:
        share = RateLimit(max(1, holds.per_minute.value // engines), 60)
        rate = former.rate if former and former.rate else Gcra(share)
        if rate.rate != share:
            rate.change(share)
    until_s = now_s + holds.suspended_until_s - wall_s if holds.suspended_until_s else 0.0
    return Sender(until_s, rate, why, former.turned_away if former else 0)


def _senders_of(claim: Claim) -> tuple[Whom, Whom]:
    return (
        Whom(ActionScope.TENANT, str(claim.tenant_id), claim.provider_id),
        Whom(ActionScope.SIGNING_DOMAIN, str(claim.domain_id), claim.provider_id),
    )


def _words(whom: Whom, sender: Sender) -> str:
    """For the row that waits: whose limit it is, then the evidence."""
    return f"{whom.scope}:{whom.key}:{whom.provider_id} {sender.said}"[:260]


def share_out(scopes: Scopes, paths: Mapping[tuple[int, int], Path], addresses: Mapping[int, str], now_s: float, wall_s: float) -> None:
    """Give every path what holds of its IP and its netblock."""
    for (ip_id, provider_id), path in paths.items():
        shared = scopes.of_path(ip_id, addresses[ip_id], provider_id) if ip_id in addresses else ()
        if shared != path.shared:
            path.share(shared, now_s, wall_s)
