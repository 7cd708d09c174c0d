"""The round: hear what happened, score, decide, act: every EVERY_S seconds, for the paths that have something against them; for all, now and then.

Promises: what it costs follows what is wrong, not how many paths there are: a quick look reads rows with something bad in them, a full one every FULL_S or so,
and everything is scored anew every ALL_S. Its memory is windows only; a new steward makes them anew from minutes and hours. In mode `off` it scores and
writes nothing but the history of scores. How it fails: it is begun anew; nothing that was decided is lost, for standings are rows. Made twice at once, each
change is made by one (act).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import log

from pools.reputation import act, blame, ips, shortage
from pools.reputation.blame import NOTHING_SAID, Blame
from pools.reputation.cover import Left, Place, left, pools_now, serving
from pools.reputation.decide import Change, Name, decide, leave
from pools.reputation.evidence import NOTHING, Counts
from pools.reputation.hearing import Ear, Key, past
from pools.reputation.models import Action, PoolReputationPolicy, ReputationPolicy
from pools.reputation.outside import Outside, outside_now
from pools.reputation.policy import of_path, of_pools, of_row, policy_now
from pools.reputation.probation import Standing, State, heard
from pools.reputation.rules import Closed, closing_rules
from pools.reputation.samples import Samples
from pools.reputation.score import Score, score
from pools.reputation.standings import WORTH, Known, keep_answers, keep_scores, known_now, providers_of, scores_told
from pools.reputation.thresholds import Mode, Policy
from pools.reputation.windows import EMPTY, Windows, fold

EVERY_S = 2.0
FULL_S, FULL_MOST_S, ALL_S, SLOW_S = 6.0, 30.0, 120.0, 10.0
MANY = 6_000  # paths with mail: so many, and full looks are FULL_MOST_S apart
FINE = 0.1  # of a half-life
FEW_REFUSALS = 3.0  # where a rule has closed the path for a block, there are no more answers to count
RULE_SLACK = timedelta(minutes=2)
SPOKE_LATELY = timedelta(seconds=60)  # a rule's suspension is written after the refusals that brought it about
SPEAKS = 0.5  # so many refusals remembered, and a path is looked at


@dataclass(slots=True)
class Memory:
    """What a round remembers. `windows` hold since `at` of their own; `totals` are those of all IPs at a provider."""

    windows: dict[Key, tuple[Windows, datetime]] = field(default_factory=dict)
    totals: dict[int, tuple[Windows, datetime]] = field(default_factory=dict)
    ear: Ear = field(default_factory=Ear)
    told: dict[Key, float] = field(default_factory=dict)
    versions: dict[Key, int] = field(default_factory=dict)
    answers: dict[Key, Standing] = field(default_factory=dict)
    watched: set[Key] = field(default_factory=set)
    spoke: dict[Key, datetime] = field(default_factory=dict)
    passed: dict[Key, datetime] = field(default_factory=dict)  # when nothing but clean answers were last heard of a path
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
        return _faded(self.windows.get(key), policy, at)

    def add(self, key: Key, counts: Counts, policy: Policy, at: datetime) -> None:
        before, after = self.now(key, policy, at), fold_at(self.windows.get(key), counts, policy, at)
        self.windows[key] = after, at
        # The sum of its paths' windows: what fades by answers fades by each path's own.
        self.totals[key[1]] = _faded(self.totals.get(key[1]), policy, at) - before + after, at

    def forget(self, key: Key, policy: Policy, at: datetime) -> None:
        """Of a path that begins anew."""
        if key in self.windows:
            self.totals[key[1]] = _faded(self.totals.get(key[1]), policy, at) - self.now(key, policy, at), at
        self.windows[key] = EMPTY, at
        self.answers.pop(key, None)


def begin() -> Callable[[datetime], None]:
    memory: list[Memory] = []

    def make(at: datetime) -> None:
        row = policy_now()
        policy = of_row(row)
        if not memory:
            memory.append(_remember(policy, at))
        look(memory[0], row, policy, at)

    return make


def look(memory: Memory, row: ReputationPolicy, policy: Policy, at: datetime) -> None:
    """One round."""
    speaking = {provider for _, provider in memory.spoke}
    siblings = {key for key in memory.windows if key[1] in speaking}
    new = memory.ear.look(at, memory.watched | siblings, memory.is_due("full", _full_s(memory), at))
    for key, counts in new.items():
        memory.add(key, counts, policy, at)
    memory.active |= new.keys()
    if memory.is_due("slow", SLOW_S, at):
        memory.outside, memory.rules, memory.pools = outside_now(at), closing_rules(), of_pools()
        act.lapse(at)
    everything = memory.is_due("all", ALL_S, at)
    asked = set(memory.active) if everything else {key for key in new if _speaks(new[key])}
    if everything:
        memory.active.clear()
    memory.spoke.update((key, at) for key in new if _speaks(new[key]))
    memory.passed.update((key, at) for key, counts in new.items() if counts.delivered and not _speaks(counts))
    memory.spoke = {key: then for key, then in memory.spoke.items() if at - then < SPOKE_LATELY}
    listed = {key for ip, said in memory.outside.ips.items() if said.listing == "critical" for key in providers_of(ip)}
    known = known_now(listed | asked | memory.watched | memory.spoke.keys() | _refused(memory, new), at)
    memory.watched = {key for key, one in known.items() if one.standing.state is not State.OPEN or one.covering or one.state != "open"}
    for one in known.values():
        _hear_people(memory, one, policy, at)
        if one.key in new and one.standing.state is State.PROBATION:
            memory.answers[one.key] = heard(memory.answers.get(one.key, one.standing), new[one.key], policy)
    scores = _score(memory, asked | known.keys(), known, policy, at)
    if policy.mode is not Mode.OFF:
        _act(memory, known, scores, row, policy, at)
        _keep(memory, {key: found for key, (found, _) in scores.items()}, at)  # after: it makes rows, and changes are guarded by what was read
        if memory.is_due("answers", 5.0, at):
            keep_answers((known[key], standing) for key, standing in memory.answers.items() if key in known and known[key].standing.state is State.PROBATION)
    memory.samples.take({key: found for key, (found, _) in scores.items()}, known, memory.outside, policy, at)


def _remember(policy: Policy, at: datetime) -> Memory:
    memory = Memory(told=scores_told())
    for key, windows in past(at, policy).items():
        memory.windows[key] = windows, at
        before = memory.totals.get(key[1])
        memory.totals[key[1]] = (before[0] + windows if before else windows), at
    memory.active = set(memory.windows)
    return memory


def _hear_people(memory: Memory, one: Known, policy: Policy, at: datetime) -> None:
    """A cancel, or a person who opened what reputation had closed: what was before does not count."""
    seen = memory.versions.get(one.key)
    memory.versions[one.key] = one.version
    if seen is not None and seen != one.version:
        memory.answers.pop(one.key, None)
        if one.fresh_at and at - one.fresh_at < timedelta(minutes=5):
            memory.forget(one.key, policy, at)
    if one.standing.state is not State.OPEN and one.state == "open" and act.respect(one.path_id, one.version, at):
        memory.forget(one.key, policy, at)


def _score(memory: Memory, keys: Iterable[Key], known: Mapping[Key, Known], policy: Policy, at: datetime) -> dict[Key, tuple[Score, Blame]]:
    """With what of their refusals counts."""
    horizon = blame.horizon(at, policy)
    since = {}
    for key in keys:
        windows = memory.now(key, policy, at)
        one = known.get(key)
        if windows.middle_refused < SPEAKS and (one is None or one.standing.state is State.OPEN):
            continue
        begun = [horizon]
        if one and one.fresh_at:
            begun.append(one.fresh_at)
        if one and one.standing.state is State.PROBATION and one.standing.since:
            begun.append(one.standing.since)
        since[key] = max(begun)
    said = blame.blames(since, policy, at)
    totals: dict[int, Windows] = {}
    found = {}
    for key in keys:
        if key[1] not in totals:
            totals[key[1]] = _faded(memory.totals.get(key[1]), policy, at)
        heard_of = said.get(key, NOTHING_SAID)
        windows = blame.without_contents(memory.now(key, policy, at), heard_of)
        found[key] = score(windows, totals[key[1]], memory.outside.of(*key), policy), heard_of
    return found


def _keep(memory: Memory, scores: Mapping[Key, Score], at: datetime) -> None:
    changed = [(key, found) for key, found in scores.items() if abs(found.total - memory.told.get(key, 100.0)) >= WORTH]
    keep_scores(changed, at)
    memory.told.update((key, found.total) for key, found in changed)


def _act(
    memory: Memory, known: dict[Key, Known], scores: Mapping[Key, tuple[Score, Blame]], row: ReputationPolicy, policy: Policy, at: datetime
) -> None:  # fmt: skip
    pools = pools_now()
    out = ips.judge(known, memory.outside, pools, policy, at)
    changes: list[tuple[Known, Change, Policy, Score, Blame]] = []
    of_ip = _policies(pools, memory.pools, policy)
    for key, one in known.items():
        if one.state == "paused" or one.ip_state != "active" or one.ip_id in out or key not in scores or (one.state != "open" and not one.version):
            continue
        its = of_ip.get(one.ip_id, policy)
        standing = memory.answers.get(key, one.standing)
        found, heard_of = scores[key]
        change = decide(standing, found, heard_of.evidence, its, at) or (
            _closed_by_rule(one, standing, found, heard_of, memory.rules, its, at) if _others_pass(memory, key) else None
        )
        if change is None and one.covering and found.total >= its.return_at:
            change = Change(Name.RETURN, replace(standing, since=at), 100, None, None, "Good again while it covered for its pool: it has its full rate back.")
        if change is not None and change.name in (Name.LEAVE, Name.BACK) and _all_are_refused(memory, key):
            change = None  # it may be the provider's day: who passes later tells
        if change is not None and not (one.grace_until and one.grace_until > at and change.name in (Name.LEAVE, Name.BACK)):
            changes.append((one, change, its, found, heard_of))
    short: set[tuple[int, int]] = set()
    for one, change, its, found, heard_of in sorted(changes, key=lambda each: each[3].total):  # the worst first: its pool keeps the best
        done = _make(memory, one, change, its, found, heard_of, known, pools, row, short, at)
        if done and change.fresh:
            memory.forget(one.key, policy, at)
    shortage.end(short | _still_short(known, pools), at)
    shortage.bound_borrowing(pools, at)


def _make(
    memory: Memory, one: Known, change: Change, policy: Policy, found: Score, heard_of: Blame, known: dict[Key, Known],
    pools: Mapping[int, Place], row: ReputationPolicy, short: set[tuple[int, int]], at: datetime,
) -> bool:  # fmt: skip
    evidence, name, covering = dict(change.evidence), str(change.name), False
    word = act.Word(str(change.state), change.share, change.probation_per_hour)
    standing = change.standing
    sentence = f"{one.address} at {one.provider}: {change.sentence}"
    if change.name in (Name.LEAVE, Name.BACK):
        since = max(one.fresh_at or blame.horizon(at, policy), blame.horizon(at, policy))
        evidence["replies"] = blame.with_samples(one.key, since, heard_of.evidence, policy, at).as_json()["replies"]
        if policy.mode is Mode.AUTOMATIC:
            missing = _cover(one, known, pools, short, at)
            if missing is Left.NOTHING:
                if one.covering:
                    return False
                name, covering, standing = Action.Name.REDUCE, True, replace(one.standing, state=State.OPEN, since=at)
                share = _cover_share(one, pools, memory.pools, row)
                word = act.Word("open", share, None)
                sentence = f"{one.address} at {one.provider} should leave and stays at {share} %: nothing else covers its pool there. {change.sentence}"
    word = replace(word, why="" if word == act.OPEN else sentence)
    kept: dict[str, object] = {"fresh_at": at.isoformat()} if change.fresh else {"fresh_at": one.fresh_at.isoformat()} if one.fresh_at else {}
    if change.name is Name.LEAVE and evidence.get("by_rule"):
        kept["by_rule"] = True
    made = act.Change(
        one.path_id, one.ip_id, one.provider_id, one.version, one.word, word, name, sentence,
        {
            "state": str(standing.state), "since": standing.since or at, "step": standing.step, "entries": list(standing.entries), "until": standing.until,
            "memory": {**standing.memory(), **kept}, "covering": covering, "score": round(found.total, 1), "components": found.as_json(), "sentence": sentence,
        },
        evidence, round(found.total, 1), change.until, lifts=change.name in (Name.PROBE, Name.RETURN),
    )  # fmt: skip
    if policy.mode is Mode.PROPOSE:
        act.propose(made, at)
        return False
    if change.name is Name.LEAVE and not covering and _too_many(one, known, row):
        act.propose(made, at)
        return False
    done = act.change(made, at)
    if done:
        memory.versions[one.key] = one.version + 1
        memory.answers.pop(one.key, None)
        if word.state == "quarantined":
            known[one.key] = replace(one, state="quarantined", word=word)  # so that the next one's pool sees it
    return done


def _cover(one: Known, known: Mapping[Key, Known], pools: Mapping[int, Place], short: set[tuple[int, int]], at: datetime) -> Left:
    """The worst that any of its pools is left with; shortages are told."""
    closed = closed_at(one.provider_id, known)
    worst = Left.OWN
    for pool in serving(pools.values(), one.ip_id):
        has = left(pool, one.ip_id, closed)
        if has is Left.OWN:
            continue
        short.add((pool.id, one.provider_id))
        shortage.tell(pool, one.provider_id, one.provider, has, at)
        worst = Left.NOTHING if Left.NOTHING in (worst, has) else has
    return worst


def closed_at(provider_id: int, known: Mapping[Key, Known]) -> set[int]:
    """IPs that cover nobody at a provider: out, stopped by a person, on the first steps of probation, or kept though they are bad."""
    return {
        one.ip_id
        for one in known.values()
        if one.provider_id == provider_id and (one.state in ("quarantined", "paused") or one.covering or (one.state == "probation" and one.word.share < 50))
    }


def _still_short(known: Mapping[Key, Known], pools: Mapping[int, Place]) -> set[tuple[int, int]]:
    providers = {one.provider_id for one in known.values() if one.state != "open" or one.covering}
    return {
        (pool.id, provider) for provider in providers for pool in pools.values() if pool.members and left(pool, 0, closed_at(provider, known)) is not Left.OWN
    }  # fmt: skip


def _full_s(memory: Memory) -> float:
    """A full look costs what there is to read: where that is little it comes more often."""
    return FULL_S + (FULL_MOST_S - FULL_S) * min(1.0, len(memory.windows) / MANY)


def _who(heard_of: Blame) -> str:
    if heard_of.evidence.against_ip:
        return heard_of.evidence.words.capitalize()
    return f"{heard_of.evidence.campaigns} campaigns of one tenant were refused, while other IPs pass"


def _passed_elsewhere(memory: Memory, key: Key) -> datetime | None:
    """When nothing but good was last heard of another IP at this path's provider."""
    return max((at for (ip, provider), at in memory.passed.items() if provider == key[1] and ip != key[0]), default=None)


def _others_pass(memory: Memory, key: Key) -> bool:
    """Whether another IP was heard of after this one was refused, and nothing but good: else it may be the provider's day."""
    refused_at, passed_at = memory.spoke.get(key), _passed_elsewhere(memory, key)
    return refused_at is not None and passed_at is not None and passed_at > refused_at


def _all_are_refused(memory: Memory, key: Key) -> bool:
    """Whether other IPs are refused there just now as well, and none was heard of, since this one was, with nothing but good."""
    refused_at, passed_at = memory.spoke.get(key), _passed_elsewhere(memory, key)
    others = any(provider == key[1] and ip != key[0] for ip, provider in memory.spoke)
    return refused_at is not None and others and not (passed_at is not None and passed_at >= refused_at)


def _closed_by_rule(
    one: Known, standing: Standing, found: Score, heard_of: Blame, rules: Mapping[str, Closed], policy: Policy, at: datetime
) -> Change | None:  # fmt: skip
    """A response rule has suspended it for a block, of several campaigns, none of which was found to be the content: no more answers will come to count.

    One tenant's are enough here: the path is shut for everybody already, for hours; what changes is that it comes back by evidence. They do not speak
    of the whole IP, though.
    """
    if standing.state is not State.OPEN or one.suspended_until is None or one.suspended_until <= at or policy.mode is Mode.OFF:
        return None
    if not (heard_of.evidence.against_ip or heard_of.evidence.campaigns >= 2) or heard_of.refused < FEW_REFUSALS:
        return None
    closing = [rule for rule, minute in heard_of.rules if rule in rules and rules[rule].fits(minute, one.suspended_until, RULE_SLACK)]
    if not closing:
        return None
    sentence = f"{heard_of.refused:.0f} answers refuse our address, and rule {closing[0]} has closed it. {_who(heard_of)}."
    told = {**heard_of.evidence.as_json(), "components": found.as_json(), "score": round(found.total, 1), "rule": closing[0]}
    told["by_rule"] = not heard_of.evidence.against_ip
    return leave(standing, policy, at, sentence, told, per_hour=found.per_hour)


def _too_many(one: Known, known: Mapping[Key, Known], row: ReputationPolicy) -> bool:
    """More than operators let leave a provider by themselves."""
    out = sum(other.provider_id == one.provider_id and other.state == "quarantined" for other in known.values())
    return out + 1 > max(1, ips.paths_at(one.provider_id) * row.most_out_percent // 100)


def _cover_share(one: Known, pools: Mapping[int, Place], said: Mapping[int, PoolReputationPolicy], row: ReputationPolicy) -> int:
    shares = [share for pool in serving(pools.values(), one.ip_id) if pool.id in said and (share := said[pool.id].cover_share)]
    return max(shares, default=row.cover_share)


def _policies(pools: Mapping[int, Place], said: Mapping[int, PoolReputationPolicy], policy: Policy) -> dict[int, Policy]:
    """Of IPs whose pools say otherwise."""
    mine: dict[int, list[PoolReputationPolicy]] = {}
    for pool_id, one in said.items():
        for ip, role in pools[pool_id].members.items() if pool_id in pools else ():
            if role == "own":
                mine.setdefault(ip, []).append(one)
    return {ip: of_path(policy, several) for ip, several in mine.items()}


def _speaks(counts: Counts) -> bool:
    return bool(counts.blocked or counts.deferred_reputation)


def _refused(memory: Memory, new: Mapping[Key, Counts]) -> set[Key]:
    """Paths that remember refusals, and heard something new: their score moves."""
    return {key for key in new if key in memory.windows and memory.windows[key][0].middle_refused >= SPEAKS}


def _faded(kept: tuple[Windows, datetime] | None, policy: Policy, at: datetime) -> Windows:
    return EMPTY if kept is None else fold_at(kept, NOTHING, policy, at)


def fold_at(kept: tuple[Windows, datetime] | None, counts: Counts, policy: Policy, at: datetime) -> Windows:
    windows, then = kept or (EMPTY, at)
    folded = fold(windows, counts, max(0.0, (at - then).total_seconds()), policy)
    half_lives = counts.attempted / policy.fast_answers
    if half_lives < FINE:
        return folded
    # Many answers in one step came one after the other: the window by answers has forgotten the first of them by the last.
    kept_of_it = (1.0 - 0.5**half_lives) / (half_lives * log(2))
    refused = counts.blocked + counts.deferred_reputation
    return replace(
        folded, fast_attempted=folded.fast_attempted - counts.attempted * (1.0 - kept_of_it), fast_refused=folded.fast_refused - refused * (1.0 - kept_of_it)
    )
