"""The round: add what is new, judge who sent, do or propose what follows; newcomers' caps and moves once a minute.

Promises: with the policy off nothing happens by itself, and what a person did stays; a round made twice does the same once (act.change compares, moves and caps
lock their rows). How it fails: the steward tells and tries again; mail goes on as it did last.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from mailplatform.tenants.models import Tenant
from pools.neighbours import facts, newcomers, settle
from pools.neighbours.act import change, now_held, propose
from pools.neighbours.models import CappedHour, Level, Mode, NeighboursPolicy
from pools.neighbours.policy import policy_now, rules_of
from pools.neighbours.standing import ORDER, Decision, Held, StreamSums, decide

EVERY_S = 3.0
SLOW_PARTS_EVERY = timedelta(minutes=1)


def begin() -> Callable[[datetime], None]:
    due: list[datetime] = []
    begun: list[bool] = []  # a new steward looks at everybody once

    def act(at: datetime) -> None:
        policy = policy_now()
        since, folded = facts.fold(at)
        if policy.mode != Mode.OFF:
            judge(policy, since if begun else None, folded, at)
            begun.append(True)
        if not due or at >= due[0]:
            due[:] = [at + SLOW_PARTS_EVERY]
            newcomers.grow(policy, at)
            CappedHour.objects.filter(hour__lt=at - 3 * newcomers.DAY).delete()
            settle.moves(policy, at)

    return act


def judge(policy: NeighboursPolicy, since: datetime | None, folded: datetime, at: datetime) -> None:
    """Everybody who sent since then, or is not in good standing."""
    rules, before = rules_of(policy), now_held()
    judged = facts.judged(at, folded, since)
    decided = {tenant: decide(before.get(tenant, Held()), judged.get(tenant, []), rules, at) for tenant in {*judged, *before}}
    changed = {tenant: decision for tenant, decision in decided.items() if decision}
    for tenant in Tenant.objects.filter(pk__in=changed):
        _follow(tenant, before.get(tenant.pk, Held()), changed[tenant.pk], judged.get(tenant.pk, []), policy, at)


def _follow(tenant: Tenant, before: Held, decision: Decision, streams: list[StreamSums], policy: NeighboursPolicy, at: datetime) -> None:
    eases = ORDER.index(Level(decision.level)) < ORDER.index(before.level)
    if policy.mode == Mode.AUTOMATIC or eases:
        change(tenant, before, decision, streams, policy, at)
    else:
        propose(tenant, decision, at)
