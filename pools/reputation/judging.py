"""Judging: which paths change in this round, each by its own policy, the worst first, so that its pool keeps the best.

Promises: what operators paused, or an IP that is out as a whole, is not asked about; nobody leaves or goes back while others are refused there too and
none passes since (the provider's day), nor within the grace of a person's word. Never: decides (decide, shut); writes (making).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from pools.reputation import ips, making, shortage
from pools.reputation.blame import Blame
from pools.reputation.cover import Place, pools_now
from pools.reputation.decide import Change, Name, decide
from pools.reputation.hearing import Key
from pools.reputation.making import AWAY, Judged
from pools.reputation.memory import Memory
from pools.reputation.models import PoolReputationPolicy, ReputationPolicy
from pools.reputation.policy import of_path
from pools.reputation.probation import Standing, State
from pools.reputation.score import Score
from pools.reputation.shut import shut
from pools.reputation.standings import Known
from pools.reputation.thresholds import Policy

RULE_SLACK = timedelta(minutes=2)


def judge(memory: Memory, known: dict[Key, Known], scores: Mapping[Key, tuple[Score, Blame]], row: ReputationPolicy, policy: Policy, at: datetime) -> None:
    """Whole IPs first, then paths, then what that did to pools."""
    pools = pools_now()
    out = ips.judge(known, memory.outside, pools, policy, at)
    of_ip = _policies(pools, memory.pools, policy)
    changes = []
    for key, one in known.items():
        if one.state == "paused" or one.ip_state != "active" or one.ip_id in out or key not in scores or (one.state != "open" and not one.version):
            continue
        its = of_ip.get(one.ip_id, policy)
        found, blame = scores[key]
        change = _change(memory, one, memory.answers.get(key, one.standing), found, blame, its, at)
        if change is not None and not (change.name in AWAY and _may_not_leave(memory, one, at)):
            changes.append(Judged(one, change, its, found, blame))
    short: set[tuple[int, int]] = set()
    for judged in sorted(changes, key=lambda each: each.score.total):
        if making.make(memory, judged, known, pools, row, short, at) and judged.change.fresh:
            memory.forget(judged.path.key, policy, at)
    shortage.end(short | making.still_short(known, pools), at)
    shortage.bound_borrowing(pools, at)


def _change(memory: Memory, one: Known, standing: Standing, found: Score, blame: Blame, policy: Policy, at: datetime) -> Change | None:
    change = decide(standing, found, blame.evidence, policy, at) or _shut(memory, one, standing, found, blame, policy, at)
    if change is None and one.covering and found.total >= policy.return_at:
        return Change(Name.RETURN, replace(standing, since=at), 100, None, None, "Good again while it covered for its pool: it has its full rate back.")
    return change


def _shut(memory: Memory, one: Known, standing: Standing, found: Score, blame: Blame, policy: Policy, at: datetime) -> Change | None:
    """Where a response rule has suspended it for a block. Others must be known to pass before it leaves; on probation it is out for that already."""
    if one.suspended_until is None or one.suspended_until <= at or standing.state is State.QUARANTINED:
        return None
    if standing.state is State.OPEN and not memory.others_pass(one.key):
        return None
    closing = [rule for rule, minute in blame.rules if rule in memory.rules and memory.rules[rule].fits(minute, one.suspended_until, RULE_SLACK)]
    return shut(standing, found, blame.evidence, blame.refused, closing[0], policy, at) if closing else None


def _may_not_leave(memory: Memory, one: Known, at: datetime) -> bool:
    """It may be the provider's day: who passes later tells. Or a person has said no."""
    return memory.all_are_refused(one.key) or bool(one.grace_until and one.grace_until > at)


def _policies(pools: Mapping[int, Place], said: Mapping[int, PoolReputationPolicy], policy: Policy) -> dict[int, Policy]:
    """Of IPs whose pools say otherwise."""
    mine: dict[int, list[PoolReputationPolicy]] = {}
    for pool_id, one in said.items():
        for ip, role in pools[pool_id].members.items() if pool_id in pools else ():
            if role == "own":
                mine.setdefault(ip, []).append(one)
    return {ip: of_path(policy, several) for ip, several in mine.items()}
