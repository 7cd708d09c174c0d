"""Memory: what a steward remembers from round to round: windows, who was refused and who passed lately, what was told. Rows hold everything that was decided.

Promises: a provider's total is the sum of its paths' windows; asked who else passes there, it looks at that provider's paths only. Never: reads or writes
a table, but for what `remember` begins with.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pools.reputation.evidence import NOTHING, Counts
from pools.reputation.hearing import Ear, Key, past
from pools.reputation.models import PoolReputationPolicy
from pools.reputation.outside import Outside
from pools.reputation.probation import Standing
from pools.reputation.rules import Closed
from pools.reputation.samples import Samples
from pools.reputation.standings import scores_told
from pools.reputation.thresholds import Policy
from pools.reputation.windows import EMPTY, Windows, fold

SPOKE_LATELY = timedelta(seconds=60)  # a rule's suspension is written after the refusals that brought it about
SPEAKS = 0.5  # so many refusals remembered, and a path is looked at
Kept = tuple[Windows, datetime]


@dataclass(slots=True)
class Memory:
    """`windows` hold since the time beside them; `totals` are those of all IPs at a provider."""

    windows: dict[Key, Kept] = field(default_factory=dict)
    totals: dict[int, Kept] = field(default_factory=dict)
    ips_at: dict[int, set[int]] = field(default_factory=dict)  # whose windows are kept, by provider
    ear: Ear = field(default_factory=Ear)
    told: dict[Key, float] = field(default_factory=dict)
    versions: dict[Key, int] = field(default_factory=dict)
    answers: dict[Key, Standing] = field(default_factory=dict)
    watched: set[Key] = field(default_factory=set)
    spoke: dict[Key, datetime] = field(default_factory=dict)
    passed: dict[int, dict[int, datetime]] = field(default_factory=dict)  # by provider and IP: when nothing but clean answers were last heard
    active: set[Key] = field(default_factory=set)
    outside: Outside = field(default_factory=Outside)
    rules: Mapping[str, Closed] = field(default_factory=dict)
    pools: Mapping[int, PoolReputationPolicy] = field(default_factory=dict)
    due: dict[str, datetime] = field(default_factory=dict)
    samples: Samples = field(default_factory=Samples)

    def is_due(self, what: str, every_s: float, at: datetime) -> bool:
        if what in self.due and at < self.due[what] <= at + timedelta(seconds=every_s):
            return False
        self.due[what] = at + timedelta(seconds=every_s)
        return True

    def now(self, key: Key, policy: Policy, at: datetime) -> Windows:
        return faded(self.windows.get(key), policy, at)

    def total(self, provider_id: int, policy: Policy, at: datetime) -> Windows:
        return faded(self.totals.get(provider_id), policy, at)

    def hear(self, new: Mapping[Key, Counts], policy: Policy, at: datetime) -> None:
        """What is new of some paths."""
        totals: dict[int, Windows] = {}
        for key, counts in new.items():
            before = self.windows.get(key, (EMPTY, at))
            after = fold(before[0], counts, _seconds(before[1], at), policy)
            self.windows[key] = after, at
            self.ips_at.setdefault(key[1], set()).add(key[0])
            # The sum of its paths' windows: what fades by answers fades by each path's own.
            total = totals.get(key[1]) or self.total(key[1], policy, at)
            totals[key[1]] = (total - faded(before, policy, at) if before[0] else total) + after
            if speaks(counts):
                self.spoke[key] = at
            elif counts.delivered:
                self.passed.setdefault(key[1], {})[key[0]] = at
        self.totals.update((provider, (total, at)) for provider, total in totals.items())
        self.spoke = {key: then for key, then in self.spoke.items() if at - then < SPOKE_LATELY}
        self.active |= new.keys()

    def forget(self, key: Key, policy: Policy, at: datetime) -> None:
        """Of a path that begins anew."""
        if key in self.windows:
            self.totals[key[1]] = self.total(key[1], policy, at) - self.now(key, policy, at), at
        self.windows[key] = EMPTY, at
        self.answers.pop(key, None)

    def siblings(self) -> set[Key]:
        """All paths to providers where somebody was refused lately."""
        return {(ip, provider) for provider in {provider for _, provider in self.spoke} for ip in self.ips_at.get(provider, ())}

    def refused_of(self, keys: Collection[Key]) -> set[Key]:
        """Those that remember refusals."""
        return {key for key in keys if key in self.windows and self.windows[key][0].middle_refused >= SPEAKS}

    def others_pass(self, key: Key) -> bool:
        """Whether another IP was heard of after this one was refused, and nothing but good: else it may be the provider's day."""
        refused_at, passed_at = self.spoke.get(key), self._passed_elsewhere(key)
        return refused_at is not None and passed_at is not None and passed_at > refused_at

    def all_are_refused(self, key: Key) -> bool:
        """Whether other IPs are refused there just now as well, and none was heard of, since this one was, with nothing but good."""
        refused_at, passed_at = self.spoke.get(key), self._passed_elsewhere(key)
        others = any(provider == key[1] and ip != key[0] for ip, provider in self.spoke)
        return refused_at is not None and others and not (passed_at is not None and passed_at >= refused_at)

    def _passed_elsewhere(self, key: Key) -> datetime | None:
        return max((at for ip, at in self.passed.get(key[1], {}).items() if ip != key[0]), default=None)


def remember(policy: Policy, at: datetime) -> Memory:
    """A new steward's, from minutes and hours."""
    memory = Memory(told=scores_told())
    for key, windows in past(at, policy).items():
        memory.windows[key] = windows, at
        memory.ips_at.setdefault(key[1], set()).add(key[0])
        before = memory.totals.get(key[1])
        memory.totals[key[1]] = (before[0] + windows if before else windows), at
    memory.active = set(memory.windows)
    return memory


def speaks(counts: Counts) -> bool:
    """Against the address."""
    return bool(counts.blocked or counts.deferred_reputation)


def faded(kept: Kept | None, policy: Policy, at: datetime) -> Windows:
    """As it is remembered now."""
    return EMPTY if kept is None else fold(kept[0], NOTHING, _seconds(kept[1], at), policy)


def _seconds(since: datetime, at: datetime) -> float:
    return max(0.0, (at - since).total_seconds())
