"""Making: one decided change, as the platform's bounds let it be: a pool's last paths stay at a part of their rate, too many at once are only proposed.

Promises: what is written is one transaction of `act`; in mode `propose` nothing but a proposal. Never: decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pools.reputation import act, blame, ips, shortage
from pools.reputation.cover import ENOUGH_SHARE, Left, Place, left, serving
from pools.reputation.decide import Change, Name
from pools.reputation.hearing import Key
from pools.reputation.memory import Memory
from pools.reputation.models import Action, PoolReputationPolicy, ReputationPolicy
from pools.reputation.probation import Standing, State
from pools.reputation.score import Score
from pools.reputation.standings import Known
from pools.reputation.thresholds import Mode, Policy

AWAY = (Name.LEAVE, Name.BACK)


@dataclass(frozen=True, slots=True)
class Judged:
    """A change of one path that is to be made, with what it was decided from."""

    path: Known
    change: Change
    policy: Policy
    score: Score
    blame: blame.Blame


def make(
    memory: Memory, judged: Judged, known: dict[Key, Known], pools: Mapping[int, Place], row: ReputationPolicy, short: set[tuple[int, int]], at: datetime
) -> bool:  # fmt: skip
    """Whether it was made. `short` grows by the pools that it leaves without paths of their own."""
    one, change, policy, found = judged.path, judged.change, judged.policy, judged.score
    evidence, name, covering, standing = dict(change.evidence), str(change.name), False, change.standing
    word = act.Word(str(change.state), change.share, change.probation_per_hour)
    sentence = f"{one.address} at {one.provider}: {change.sentence}"
    if change.name in AWAY:
        since = max(one.fresh_at or blame.horizon(at, policy), blame.horizon(at, policy))
        evidence["replies"] = blame.with_samples(one.key, since, judged.blame.evidence, policy, at).as_json()["replies"]
        if policy.mode is Mode.AUTOMATIC and _cover(one, known, pools, short, at) is Left.NOTHING:
            if one.covering:
                return False
            name, covering, standing = Action.Name.REDUCE, True, replace(one.standing, state=State.OPEN, since=at)
            share = _cover_share(one, pools, memory.pools, row)
            word = act.Word("open", share, None)
            sentence = f"{one.address} at {one.provider} should leave and stays at {share} %: nothing else covers its pool there. {change.sentence}"
    word = replace(word, why="" if word == act.OPEN else sentence)
    made = act.Change(
        one.path_id, one.ip_id, one.provider_id, one.version, one.word, word, name, sentence, _columns(one, change, standing, covering, found, sentence, at),
        evidence, round(found.total, 1), change.until, lifts=change.name in (Name.PROBE, Name.RETURN),
    )  # fmt: skip
    if policy.mode is Mode.PROPOSE or (change.name is Name.LEAVE and not covering and _too_many(one, known, row)):
        act.propose(made, at)
        return False
    done = act.change(made, at)
    if done:
        memory.versions[one.key] = one.version + 1
        memory.answers.pop(one.key, None)
        if word.state == "quarantined":
            known[one.key] = replace(one, state="quarantined", word=word)  # so that the next one's pool sees it
    return done


def still_short(known: Mapping[Key, Known], pools: Mapping[int, Place]) -> set[tuple[int, int]]:
    """Pools that have no path of their own to a provider, whoever left in this round."""
    providers = {one.provider_id for one in known.values() if one.state != "open" or one.covering}
    return {
        (pool.id, provider) for provider in providers for pool in pools.values() if pool.members and left(pool, 0, _closed_at(provider, known)) is not Left.OWN
    }  # fmt: skip


def _columns(one: Known, change: Change, standing: Standing, covering: bool, found: Score, sentence: str, at: datetime) -> dict[str, Any]:
    """Of its PathStanding, as they are to be."""
    fresh_at = at if change.fresh else one.fresh_at
    memory = standing.memory() | ({"fresh_at": fresh_at.isoformat()} if fresh_at else {})
    return {
        "state": str(standing.state), "since": standing.since or at, "step": standing.step, "entries": list(standing.entries), "until": standing.until,
        "memory": memory, "covering": covering, "score": round(found.total, 1), "components": found.as_json(), "sentence": sentence,
    }  # fmt: skip


def _cover(one: Known, known: Mapping[Key, Known], pools: Mapping[int, Place], short: set[tuple[int, int]], at: datetime) -> Left:
    """The worst that any of its pools is left with; shortages are told."""
    closed = _closed_at(one.provider_id, known)
    worst = Left.OWN
    for pool in serving(pools.values(), one.ip_id):
        has = left(pool, one.ip_id, closed)
        if has is Left.OWN:
            continue
        short.add((pool.id, one.provider_id))
        shortage.tell(pool, one.provider_id, one.provider, has, at)
        worst = Left.NOTHING if Left.NOTHING in (worst, has) else has
    return worst


def _closed_at(provider_id: int, known: Mapping[Key, Known]) -> set[int]:
    """IPs that cover nobody at a provider: out, stopped by a person, on the first steps of probation, or kept though they are bad."""
    there = (one for one in known.values() if one.provider_id == provider_id)
    return {
        one.ip_id
        for one in there
        if one.state in ("quarantined", "paused") or one.covering or (one.state == "probation" and one.word.share < ENOUGH_SHARE)
    }


def _too_many(one: Known, known: Mapping[Key, Known], row: ReputationPolicy) -> bool:
    """More than operators let leave a provider by themselves."""
    out = sum(other.provider_id == one.provider_id and other.state == "quarantined" for other in known.values())
    return out + 1 > max(1, ips.paths_at(one.provider_id) * row.most_out_percent // 100)


def _cover_share(one: Known, pools: Mapping[int, Place], said: Mapping[int, PoolReputationPolicy], row: ReputationPolicy) -> int:
    shares = [share for pool in serving(pools.values(), one.ip_id) if pool.id in said and (share := said[pool.id].cover_share)]
    return max(shares, default=row.cover_share)
