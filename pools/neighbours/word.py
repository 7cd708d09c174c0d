"""Word: what a person says of a tenant's standing: impose, cancel, apply what is proposed, decline it.

Promises: a person's word goes before what was measured: what is cancelled or declined is forgiven, so that the same evidence does not do it again; a stream
whose hold is released goes on slowed, and is eased by what comes then. Callers audit. Never: asks for permission.
"""

from datetime import datetime

from django.db import transaction

from mailplatform.shell.notices import clear_notice
from mailplatform.tenants.models import Tenant
from pools.neighbours import facts
from pools.neighbours.act import LEVEL_OF, PROPOSAL, Kind, State, change, now_held
from pools.neighbours.models import Level, StandingAction
from pools.neighbours.policy import policy_now
from pools.neighbours.standing import ORDER, Decision, Held


def impose(tenant: Tenant, kind: str, stream_id: int, why: str, by: str, at: datetime) -> None:
    """Warn, slow or hold, whatever the figures say."""
    with transaction.atomic():
        before = now_held([tenant.pk]).get(tenant.pk, Held())
        level = max(before.level, LEVEL_OF[Kind(kind)], key=ORDER.index)
        streams = before.streams | ({stream_id} if kind == Kind.HOLD else set())
        _change(tenant, before, Decision(level, frozenset(streams), why or f"An operator decided it ({by}).", ()), at, by)


def cancel(action: StandingAction, by: str, at: datetime) -> str:
    """End what is in force; the sentence that says what holds now."""
    tenant = action.tenant
    with transaction.atomic():
        locked = StandingAction.objects.select_for_update().get(pk=action.pk)
        before = now_held([tenant.pk]).get(tenant.pk, Held())
        if locked.state != State.ACTIVE:
            return f"It had ended already: {locked.sentence}"
        if locked.kind == Kind.HOLD:
            return _release(tenant, before, locked, by, at)
        facts.forgive(tenant.pk, at)
        _change(tenant, before, Decision(Level.GOOD, frozenset(), f"{by} ended it.", ()), at, by)
        return f"{tenant} is in good standing again. What was counted until now counts for nothing."


def _release(tenant: Tenant, before: Held, action: StandingAction, by: str, at: datetime) -> str:
    left = before.streams - {action.stream_id}
    facts.forgive(tenant.pk, at, [action.stream_id])
    level = Level.HELD if left else Level.SLOWED
    _change(tenant, before, Decision(level, left, f"{by} released what was held.", ()), at, by)
    return "What was held of it goes on, at a slowed tenant's rate. It is eased by what comes of it."


def apply(action: StandingAction, by: str, at: datetime) -> None:
    """Do what is proposed."""
    if action.state == State.PROPOSED:
        impose(action.tenant, action.kind, action.stream_id, action.sentence.partition(": ")[2], by, at)


def decline(action: StandingAction, by: str, at: datetime) -> None:
    """Do not, and do not ask again for the same."""
    with transaction.atomic():
        done = StandingAction.objects.filter(pk=action.pk, state=State.PROPOSED)
        if done.update(state=State.ENDED, ended_at=at, ended_by=by, ended_because="Declined."):
            facts.forgive(action.tenant_id, at, [action.stream_id] if action.stream_id else None)
            clear_notice(PROPOSAL, f"tenant {action.tenant_id}", by)


def _change(tenant: Tenant, before: Held, decision: Decision, at: datetime, by: str) -> None:
    streams = facts.judged(at, facts.folded_to(at), tenant_id=tenant.pk).get(tenant.pk, [])
    change(tenant, before, decision, streams, policy_now(), at, by)
