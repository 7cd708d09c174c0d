"""The round: hear what happened, score, decide, act: every EVERY_S seconds, for the paths that have something against them; for all, now and then.

Promises: what it costs follows what is wrong, not how many paths there are: a quick look reads rows with something bad in them, a full one every FULL_S or so,
and everything is scored anew every ALL_S. Its memory is windows only; a new steward makes them anew from minutes and hours. In mode `off` it scores and
writes nothing but the history of scores. How it fails: it is begun anew; nothing that was decided is lost, for standings are rows. Made twice at once, each
change is made by one (act).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from pools.reputation import act, blame, people
from pools.reputation.blame import NOTHING_SAID, Blame
from pools.reputation.hearing import Key
from pools.reputation.judging import judge
from pools.reputation.memory import SPEAKS, Memory, remember, speaks
from pools.reputation.models import ReputationPolicy
from pools.reputation.outside import outside_now
from pools.reputation.policy import of_pools, of_row, policy_now
from pools.reputation.probation import State, heard
from pools.reputation.rules import closing_rules
from pools.reputation.score import Score, score
from pools.reputation.standings import WORTH, Known, keep_answers, keep_scores, known_now, providers_of
from pools.reputation.thresholds import Mode, Policy
from pools.reputation.windows import Windows

EVERY_S = 2.0
FULL_S, FULL_MOST_S, ALL_S, SLOW_S = 6.0, 30.0, 120.0, 10.0
MANY = 6_000  # paths with mail: so many, and full looks are FULL_MOST_S apart
FRESH = timedelta(minutes=5)


def begin() -> Callable[[datetime], None]:
    memory: list[Memory] = []

    def make(at: datetime) -> None:
        row = policy_now()
        policy = of_row(row)
        if not memory:
            memory.append(remember(policy, at))
        look(memory[0], row, policy, at)

    return make


def look(memory: Memory, row: ReputationPolicy, policy: Policy, at: datetime) -> None:
    """One round."""
    new = memory.ear.look(at, memory.watched | memory.siblings(), memory.is_due("full", _full_s(memory), at))
    memory.hear(new, policy, at)
    if memory.is_due("slow", SLOW_S, at):
        memory.outside, memory.rules, memory.pools = outside_now(at), closing_rules(), of_pools()
        act.lapse(at)
    everything = memory.is_due("all", ALL_S, at)
    asked = set(memory.active) if everything else {key for key in new if speaks(new[key])}
    if everything:
        memory.active.clear()
    listed = {key for ip, said in memory.outside.ips.items() if said.listing == "critical" for key in providers_of(ip)}
    known = known_now(listed | asked | memory.watched | memory.spoke.keys() | memory.refused_of(new.keys()), at)
    memory.watched = {key for key, one in known.items() if one.standing.state is not State.OPEN or one.covering or one.state != "open"}
    for one in known.values():
        _hear_people(memory, one, policy, at)
        if one.key in new and one.standing.state is State.PROBATION:
            memory.answers[one.key] = heard(memory.answers.get(one.key, one.standing), new[one.key], policy)
    scores = _score(memory, asked | known.keys(), known, policy, at)
    if policy.mode is not Mode.OFF:
        judge(memory, known, scores, row, policy, at)
        _keep(memory, {key: found for key, (found, _) in scores.items()}, at)  # after: it makes rows, and changes are guarded by what was read
        if memory.is_due("answers", 5.0, at):
            keep_answers((known[key], standing) for key, standing in memory.answers.items() if key in known and known[key].standing.state is State.PROBATION)
    memory.samples.take({key: found for key, (found, _) in scores.items()}, known, memory.outside, policy, at)


def _hear_people(memory: Memory, one: Known, policy: Policy, at: datetime) -> None:
    """A cancel, or a person who opened what reputation had closed: what was before does not count."""
    seen = memory.versions.get(one.key)
    memory.versions[one.key] = one.version
    if seen is not None and seen != one.version:
        memory.answers.pop(one.key, None)
        if one.fresh_at and at - one.fresh_at < FRESH:
            memory.forget(one.key, policy, at)
    if one.standing.state is not State.OPEN and one.state == "open" and people.respect(one.path_id, one.version, at):
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
            totals[key[1]] = memory.total(key[1], policy, at)
        heard_of = said.get(key, NOTHING_SAID)
        windows = blame.without_contents(memory.now(key, policy, at), heard_of)
        found[key] = score(windows, totals[key[1]], memory.outside.of(*key), policy), heard_of
    return found


def _keep(memory: Memory, scores: Mapping[Key, Score], at: datetime) -> None:
    changed = [(key, found) for key, found in scores.items() if abs(found.total - memory.told.get(key, 100.0)) >= WORTH]
    keep_scores(changed, at)
    memory.told.update((key, found.total) for key, found in changed)


def _full_s(memory: Memory) -> float:
    """A full look costs what there is to read: where that is little it comes more often."""
    return FULL_S + (FULL_MOST_S - FULL_S) * min(1.0, len(memory.windows) / MANY)
