"""A path in its owner's memory: what it may do now, and what it is doing.

(sending IP, provider), its short limits (exact, because one engine owns the IP), its learned limits, its circuit, its score. Times are
seconds of the engine's monotonic clock and come in as arguments. Never: opens connections, asks the database.
"""

from asyncio import Lock
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime

from delivery.engine.allowance import Allowance, Buckets, Rest, answered
from delivery.engine.kept import Kept
from delivery.engine.pace import FREE, PROBATION, WARMING, Caps, Pace, Trial, caps_of, shared_out
from delivery.engine.score import CLAIM_AHEAD_S, WARM_POINTS, Points, claim_ahead, score
from delivery.engine.usual import Usual
from pools.allowances import Credit
from pools.binds import CIRCUIT_OPENS_AT, NOTHING, Binds, Limit
from pools.learned import Learned, apply, from_json, limits_now, recover
from pools.limits import LINGER_S, Gcra, RateLimit, Slots
from pools.mood import Mood
from pools.outcomes import ActionScope, PathAction
from pools.providers.profile import Profile
from pools.windows import DAY_S, HOUR_S

FIRST_PROBE_S, LAST_PROBE_S = 1.0, 300.0
FIRST_RATE_PER_S = 20.0
SITES_REMEMBERED = 1000
FIRST_TURN_S = 1.0
WORTH_TELLING_S = 1.0  # so long a path on trial must have to wait for its next turn before it is said to wait
FORMER_CONNECTIONS_S = 60.0  # so long those of an owner that died may still stand at the provider
KEPT_OUT_S = 2 * LINGER_S  # what lingers no longer than one of its own connections closes no path
MANY = 1_000_000
Shared = tuple[tuple[Learned, str], ...]  # what holds of its IP and its netblock, and why


@dataclass(slots=True)
class Spent:
    """What one message took of its path's rates and allowance, to be answered for once, or given back."""

    numbers: tuple[tuple[Gcra, int], ...]
    buckets: Buckets = ()
    answered: bool = False


@dataclass(slots=True)
class Told:
    """What the database was last told of a path, and when."""

    at_s: float = float("-inf")
    binds: str = ""
    connections: int = 0
    used: tuple[int | None, ...] = ()


@dataclass(slots=True)
class Path:
    """One way out. `in_hand` counts claims dealt to it and not settled."""

    ip_id: int
    provider_id: int
    profile: Profile  # the provider's limits
    limits: Profile  # what holds now: the profile, with what was learned on top
    slots: Slots
    rates: list[Gcra]
    caps: Caps = field(default_factory=Caps)
    allowance: Allowance | None = None
    rests: list[Rest] = field(default_factory=list)  # credit that is to be given back
    under_way: int = 0  # of what is in hand, what was spent of the allowance and has no answer
    trial: Trial = FREE
    pace: Pace | None = None  # it is on trial: warming, or on probation
    went_first_s: float = float("-inf")  # when a claim was last made for it before others (bids)
    owned_since_s: float = float("-inf")
    wanted_at_s: float = float("-inf")  # when there was last something to claim for it
    learned: Learned = field(default_factory=Learned)
    shared: Shared = ()
    reputation: float = 100.0
    mood: Mood = field(default_factory=Mood)
    usual: Usual = field(default_factory=Usual)  # its engine's
    points: Points = field(default_factory=Points)  # what its score has lost, told once a second (standing)
    mood_kept: dict[str, object] = field(default_factory=dict)  # its mood as it is kept beside what was learned
    paused: bool = False
    leaving: bool = False  # its IP gets another owner: no connection stays
    lifted_at: datetime | None = None  # the operator's last lift that was heard
    closed_until_s: float = 0.0
    closed_why: str = ""
    circuit_failures: int = 0
    probe_at_s: float = 0.0
    sessions: int = 0  # of its connections, those that can take a message
    in_hand: int = 0
    moved_at_s: float = 0.0  # when something was last settled, or dealt to it while it had nothing
    sent_per_s: float = FIRST_RATE_PER_S
    changed: bool = False
    last_campaign: int = 0  # whose message was accepted last
    last_passed_s: float = float("-inf")
    others_passed_s: float = float("-inf")  # when one of another campaign than the last was accepted
    told: Told = field(default_factory=Told)
    line: Lock = field(default_factory=Lock)  # who waits for its next turn
    kept: Kept = field(default_factory=Kept)
    _connects: dict[Hashable, Gcra] = field(default_factory=dict)
    _window_start_s: float = 0.0
    _window_sent: int = 0

    @classmethod
    def new(cls, ip_id: int, provider_id: int, profile: Profile, owned_since_s: float = float("-inf")) -> "Path":
        """What a former owner sent in the last minute nobody knows: the first message goes a whole turn, and up to FIRST_TURN_S, after its IP came."""
        rates = [_first(one, owned_since_s) for one in profile.message_rates]
        path = cls(ip_id, provider_id, profile, profile, Slots(profile.connections), rates, owned_since_s=owned_since_s)
        path._cap()
        return path

    @property
    def key(self) -> tuple[int, int]:
        return self.ip_id, self.provider_id

    # -- what it may do ---------------------------------------------------------------------------------------------

    def open(self, now_s: float) -> bool:
        """Whether it takes deliveries at all."""
        probing = now_s >= self.probe_at_s and self.in_hand == 0
        return self.willing(now_s) and (not self.circuit_failures or probing) and not self.kept_out(now_s)

    def takes(self, now_s: float) -> bool:
        """The same, where a path on trial takes nothing beyond its pace, and one without a session nothing while its engine opens enough of them."""
        return self.open(now_s) and (self.pace is None or self.room(now_s) > 0) and (self.sessions > 0 or not self.usual.has_enough(now_s))

    def willing(self, now_s: float) -> bool:
        """Nobody has closed it: what is in hand may go."""
        return not self.paused and not self.leaving and now_s >= self.closed_until_s

    def kept_out(self, now_s: float) -> bool:
        """No connection stands, and for longer than a moment none may be opened: a dead owner's may still count with the provider."""
        return not self.slots.open and self.slots.usable_at_s(now_s) - now_s > KEPT_OUT_S

    @property
    def probing(self) -> bool:
        """It failed to connect, or hangs: one delivery at a time, until one gets through."""
        return self.circuit_failures > 0

    def score(self) -> float:
        """0 to 100: what is left after its points, and after what of its connections is in use."""
        return score(self.points.lost, self.in_hand / (2 * self.limits.connections))

    @property
    def rank(self) -> float:
        """Its score in an auction."""
        return self.score() + (WARM_POINTS if self.warm else 0.0)

    @property
    def warm(self) -> bool:
        """A session is there, and will soon be free: nothing has to be opened."""
        return self.in_hand < 2 * self.sessions

    def room(self, now_s: float) -> int:
        """How many more deliveries to claim for it, whatever their purpose: what it sends in half a second, at least one a connection, by its score."""
        return self.rooms(now_s)[1]

    def rooms(self, now_s: float) -> tuple[int, int]:
        """The same for transactional ones alone, for which a fifth of it all is kept, and for the others."""
        self.wanted_at_s = now_s
        if not self.open(now_s):
            return 0, 0
        left = first_left = MANY
        if self.allowance:
            left = first_left = self.allowance.left(now_s) + self.under_way
            if self.pace:
                left = first_left = min(left, self.pace.due(now_s) + self.under_way)
            elif self.kept.active:
                left = min([left, *(self.kept.others_left(held.cap, held.used - held.amount) for held in self.allowance.windows.values())])
        if self.probing:
            return min(1, first_left), min(1, left)
        spacing_s = self.spacing_s
        ahead = claim_ahead(self.limits.connections, self.sent_per_s, self.mood.answer_now_s(now_s), spacing_s, self.points.lost)
        if self.trial.share < 100:
            ahead = max(1, ahead * self.trial.share // 100)
        first = ahead + -(-ahead // 4)
        return max(0, min(first, first_left) - self.in_hand), max(0, min(ahead, left) - self.in_hand)

    def connect_s(self, now_s: float) -> float:
        """What a new session is thought to take: what it took here, and at least what any takes this engine now."""
        return max(self.mood.connect_now_s(now_s), self.usual.connect_s(now_s))

    @property
    def spacing_s(self) -> float:
        """How far apart its rates keep two messages; 0: they do not."""
        return max([rate.rate.spacing_s for rate in self.rates], default=0.0)

    def binds(self, now_s: float) -> Binds:
        """Which limit holds its next delivery back now; the strongest, when there are several."""
        if self.paused or self.leaving:
            return Binds(Limit.PAUSED)
        if now_s < self.closed_until_s:
            return Binds(Limit.SUSPENDED, self.closed_until_s)
        if self.circuit_failures >= CIRCUIT_OPENS_AT:
            return Binds(Limit.CIRCUIT, self.probe_at_s, self.circuit_failures)
        if self.kept_out(now_s):
            return Binds(Limit.FORMER, self.slots.usable_at_s(now_s), self.slots.counted(now_s))
        if self.allowance and (used_up := self.allowance.used_up(now_s)):
            return Binds(Limit.DAY if used_up.window_s == DAY_S else Limit.HOUR, used_up.until_s, used_up.cap, used_up.window_s)
        if self.pace and (next_s := self.pace.at_s(now_s)) > now_s + WORTH_TELLING_S:
            return Binds(Limit.PACE, next_s, self.caps.per_hour or self.caps.per_day or 0, HOUR_S if self.caps.per_hour else DAY_S)
        for rate in self.rates:
            if not rate.allows(now_s):
                return Binds(Limit.RATE, rate.earliest(now_s), rate.rate.per, round(rate.rate.period_s))
        if self.in_hand > self.slots.open and not self.slots.free(now_s):
            return Binds(Limit.CONNECTIONS, None, self.slots.limit)
        return NOTHING

    def other_goes(self, now_s: float) -> None:
        """One message of another purpose than transactional goes now."""
        self.kept.other_goes(now_s, self.spacing_s)

    def next_send_s(self, now_s: float) -> float:
        """When the rates let the next message go."""
        return max([now_s, *(rate.earliest(now_s) for rate in self.rates)])

    def spend(self, now_s: float, waited: bool = False) -> Spent | None:
        """One message is about to go. None: its hour or day is used up, and it must not. `waited`: it stood in line for its turn."""
        if (allowance := self.allowance) is None:
            return Spent(tuple([(rate, rate.spend(now_s, waited)) for rate in self.rates]))
        if (buckets := allowance.spend(now_s)) is None:
            return None
        self.under_way += 1
        if self.pace:
            self.pace.goes(now_s)
        return Spent(tuple([(rate, rate.spend(now_s, waited)) for rate in self.rates]), buckets)

    def credit_may_come(self, now_s: float) -> bool:
        """Nothing is left in hand, and nobody has said that there is no more."""
        self.wanted_at_s = now_s
        return self.allowance is not None and self.allowance.left(now_s) < 1 and not self.allowance.used_up(now_s)

    def answered(self, spent: Spent, now_s: float) -> None:
        """The provider has counted that message by now, or never will."""
        if spent.answered:
            return
        spent.answered = True
        for rate, number in spent.numbers:
            rate.answered(number, now_s)
        if spent.buckets:
            self.under_way -= 1
            answered(spent.buckets, now_s)

    def not_written(self, spent: Spent, now_s: float) -> None:
        """Its RCPT was certainly not written: the allowance gets it back; the rates do not, they are long past it."""
        if self.allowance and spent.buckets:
            self.allowance.refund(spent.buckets, now_s)
            if self.pace:
                self.pace.returned()

    def connect_rate(self, site: Hashable, now_s: float) -> Gcra | None:
        """The meter of new connections to a site of this provider.

        The published connection rates are per MX site (KumoMTA's max_connection_rate): a provider that gives every customer an MX name
        of its own, as Microsoft 365 does, has a site for each; its number of connections is pooled all the same.
        """
        if self.limits.connection_rate is None:
            return None
        if len(self._connects) > SITES_REMEMBERED:
            self._connects = {one: meter for one, meter in self._connects.items() if not meter.allows(now_s)}
        meter = self._connects.get(site)
        if meter is None or meter.rate != self.limits.connection_rate:
            meter = self._connects[site] = Gcra(self.limits.connection_rate, self.owned_since_s + self.limits.connection_rate.spacing_s)
        return meter

    # -- what others say of it ----------------------------------------------------------------------------------------

    def look(self, state: str, score: float, trial: Trial = FREE, now_s: float = 0.0, wall_s: float = 0.0) -> None:
        """An operator's, reputation's and warming's word, read every second."""
        self.paused, self.reputation = state in ("paused", "quarantined"), score
        if trial != self.trial:
            self.trial = trial
            self._cap()
            self.obey(now_s, wall_s)

    def credited(self, window_s: int, credit: Credit, asked_s: float) -> None:
        """Credit that was asked for came."""
        if self.allowance is None:
            self.rests += [(window_s, credit.bucket_start, int(credit))] if credit else []
            return
        held = self.allowance.windows.get(window_s)
        if self.pace and held:
            tell = self.pace.told if held.known else self.pace.was
            tell(window_s, credit.used - credit - held.left(asked_s), asked_s)
        if rest := self.allowance.take(window_s, credit, asked_s):
            self.rests.append(rest)

    def _cap(self) -> None:
        """Make everybody's caps those of now; credit of one that fell goes back."""
        self.caps = caps_of(self.profile.per_hour, self.profile.per_day, self.trial)
        if self.allowance:
            self.allowance, rests = self.allowance.capped(self.caps.per_hour, self.caps.per_day)
            self.rests += rests
        else:
            self.allowance = Allowance.of(self.caps.per_hour, self.caps.per_day)
        if (per_hour := self.caps.per_hour) is not None:
            for meter in self.rates:
                if per_hour <= meter.rate.per:  # no owner ever sends more in an hour than this rate lets go in its period
                    meter.begin()
        by = PROBATION if self.trial.probation else WARMING
        self.pace = Pace.of(self.caps, by, self.owned_since_s, self.pace) if self.trial.paced else None

    def take_over(self, learned: object, circuit_failures: int, now_s: float, wall_s: float, open_connections: int = 0) -> None:
        """What a former owner of this IP had learned holds on; its short limits start empty.

        Who hands over reports no connection; those that a dead owner last reported count for a while.
        """
        self.learned, self.circuit_failures = from_json(learned), circuit_failures
        self.slots.keep_free(open_connections, now_s + FORMER_CONNECTIONS_S)
        self.obey(now_s, wall_s)
        self.changed = False

    def adopt(self, profile: Profile, now_s: float, wall_s: float) -> None:
        """Other limits of the provider, by an operator's word: they hold from now on."""
        if profile == self.profile:
            self.profile = profile
            return
        self.profile = profile
        self._cap()
        self.obey(now_s, wall_s)

    def lift(self, now_s: float, wall_s: float) -> None:
        """An operator lifts what was learned and what closed it; the profile's limits hold again at once."""
        self.learned, self.circuit_failures, self.closed_until_s, self.closed_why = Learned(), 0, 0.0, ""
        self.obey(now_s, wall_s)

    # -- what happened ----------------------------------------------------------------------------------------------

    def sent(self, now_s: float) -> None:
        """A conversation ended, whatever its answer: the pace by which claims are sized."""
        self.circuit_failures = 0
        self._window_sent += 1
        elapsed = now_s - self._window_start_s
        if elapsed >= CLAIM_AHEAD_S:
            self.sent_per_s = 0.5 * self.sent_per_s + 0.5 * self._window_sent / min(elapsed, 5.0)
            self._window_start_s, self._window_sent = now_s, 0

    def connect_failed(self, now_s: float, why: str) -> None:
        """One delivery probes it from now on: at once after the first failure; the second opens the circuit, for 1 s at first and 5 min at last."""
        self.circuit_failures += 1
        doublings = self.circuit_failures - CIRCUIT_OPENS_AT
        self.probe_at_s = now_s + (min(LAST_PROBE_S, FIRST_PROBE_S * 2 ** min(doublings, 20)) if doublings >= 0 else 0.0)
        self.closed_why, self.changed = why, True

    def hangs(self, now_s: float, why: str = "connecting takes long") -> None:
        """A connection takes long, and no other gets on: what it has begun may yet succeed, nothing more is given to it meanwhile."""
        if not self.circuit_failures:
            self.circuit_failures, self.probe_at_s, self.closed_why, self.changed = 1, now_s, why, True

    def passed(self, fingerprint: int, now_s: float) -> None:
        """A message of this campaign was accepted."""
        if fingerprint != self.last_campaign:
            self.others_passed_s, self.last_campaign = self.last_passed_s, fingerprint
        self.last_passed_s = now_s

    def others_passed_at_s(self, fingerprint: int) -> float:
        """When a message of another campaign was last accepted."""
        return self.others_passed_s if fingerprint == self.last_campaign else self.last_passed_s

    def gives_up(self, now_s: float) -> bool:
        """What waits for it should go along others: it is closed, but for the one delivery that probes it."""
        return not self.open(now_s) and (self.in_hand > 1 or not self.willing(now_s) or self.kept_out(now_s))

    def act(self, action: PathAction, rule: str, now_s: float, wall_s: float, why: str) -> None:
        """A response rule's word about this path. What a rule says of an IP, a netblock, a sender or a recipient is not the path's (scopes, settle)."""
        if action.scope is ActionScope.PATH:
            self.learned = apply(action, self.learned, self.profile, wall_s, rule)
            self.closed_why = why
            self.obey(now_s, wall_s)

    def recover(self, now_s: float, wall_s: float) -> None:
        """Step back towards the profile's limits where their time has come."""
        if not self.learned.empty and recover(self.learned, wall_s) != self.learned:
            self.learned = recover(self.learned, wall_s)
            self.obey(now_s, wall_s)

    def share(self, shared: Shared, now_s: float, wall_s: float) -> None:
        """What holds of its IP at every provider, and of its netblock at this one."""
        self.shared = shared
        for learned, why in shared:
            if learned.suspended_until_s > wall_s:
                self.closed_why = why
        self.obey(now_s, wall_s)

    def obey(self, now_s: float, wall_s: float) -> None:
        """Make what was learned the limits of now."""
        holds = [self.learned, *(learned for learned, _ in self.shared)]
        self.limits = self.profile
        for learned in holds:
            self.limits = limits_now(self.limits, learned, wall_s)
        self.slots.most = self.limits.connections
        if self.trial.share < 100:
            self.limits = shared_out(self.limits, self.trial.share)
        self.slots.limit = self.limits.connections
        self.rates = [self._rate(rate) for rate in self.limits.message_rates]
        until_s = max(learned.suspended_until_s for learned in holds)
        self.closed_until_s = now_s + until_s - wall_s if until_s > wall_s else 0.0
        self.changed = True

    def _rate(self, rate: RateLimit) -> Gcra:
        """The meter of this rate; one of the same period goes on with what it has counted."""
        meter = next((old for old in self.rates if old.rate.period_s == rate.period_s), None)
        if meter is None:
            return Gcra(rate)
        if meter.rate != rate:
            meter.change(rate)
        return meter


def _first(rate: RateLimit, owned_since_s: float) -> Gcra:
    """A new owner's meter: what the former one did in the last minute nobody knows."""
    return Gcra(rate, owned_since_s + max(rate.spacing_s, min(rate.period_s, FIRST_TURN_S)))
