"""Shortage: what becomes of a pool whose paths leave, told by rows and notices: it overflows, its best paths are kept, its borrowing is used up.

Promises: one open action a pool, provider and kind, however many stewards look; it is over as soon as it is not so any more; the notice says the same. A
pool whose borrowing is used up waits until midnight (UTC), a higher limit, or a person who cancels that. Never: moves a path (act does).
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db import transaction

from mailplatform.shell import audit
from mailplatform.shell.formats import number
from mailplatform.shell.notices import clear_notice, raise_notice
from pools.models import Pool
from pools.reputation.act import BY, NOTICE_POOL, Name, State
from pools.reputation.cover import Left, Place, borrowed_today
from pools.reputation.models import Action

NOTICE_BORROWING = "borrowing_used_up"
_KINDS = {Left.OTHERS: Name.OVERFLOW, Left.NOTHING: Name.RESCUE}


def tell(pool: Place, provider_id: int, provider: str, how: Left, at: datetime) -> None:
    """A pool has nothing of its own left at a provider, or nothing at all."""
    kind = _KINDS[how]
    short = Action.objects.filter(pool=pool.id, provider=provider_id, scope=Action.Scope.POOL, state=State.DONE)
    if short.filter(name=kind).exists():
        return
    if how is Left.OTHERS:
        where = f"the IPs of {pool.fallback}" if "fallback" in pool.members.values() else "borrowed IPs"
        severity, sentence = "warning", f"Pool {pool.name} has no good path of its own to {provider}: its mail there goes along {where}."
    else:
        severity = "critical"
        sentence = f"Pool {pool.name} has no good path to {provider} and nothing to fall back on: its best paths are kept at a reduced rate."
    with transaction.atomic():
        Pool.objects.select_for_update().get(pk=pool.id)  # of two stewards the second sees the first's row
        if short.filter(name=kind).exists():
            return
        short.update(state=State.OVER, ended_at=at)
        action = Action.objects.create(scope=Action.Scope.POOL, pool_id=pool.id, provider_id=provider_id, name=kind, sentence=sentence, at=at)
        raise_notice(
            NOTICE_POOL, f"{pool.id}/{provider_id}", severity, sentence, {"pool_id": pool.id, "provider_id": provider_id, "action_id": action.pk},
            f"/pools/{pool.name}/",
        )  # fmt: skip
        audit.record(BY, f"reputation {kind}", f"pool {pool.name}", sentence, action_id=action.pk)


def end(still: Collection[tuple[int, int]], at: datetime) -> None:
    """Shortages that are over; `still` are (pool, provider) that are not."""
    for action in Action.objects.filter(scope=Action.Scope.POOL, state=State.DONE, name__in=_KINDS.values()).select_related("pool", "provider"):
        if (action.pool_id, action.provider_id) in still:
            continue
        if Action.objects.filter(pk=action.pk, state=State.DONE).update(state=State.OVER, ended_at=at):
            clear_notice(NOTICE_POOL, f"{action.pool_id}/{action.provider_id}")
            audit.record(BY, "reputation shortage over", f"pool {action.pool}", f"Pool {action.pool} has paths of its own to {action.provider} again.")


def bound_borrowing(pools: Mapping[int, Place], at: datetime) -> None:
    """Close the borrowing of pools that have used it up, and open it when a new day or a higher limit begins."""
    limited = list(Pool.objects.exclude(borrow_per_day=None) | Pool.objects.exclude(borrowing_closed_at=None))
    if not limited:
        return
    borrowed, midnight = borrowed_today(at), at.replace(hour=0, minute=0, second=0, microsecond=0)
    for pool in limited:
        used = borrowed.get(pool.pk, 0)
        used_up = pool.borrow_per_day is not None and used >= pool.borrow_per_day
        cancelled = Action.objects.filter(pool=pool, name=Name.BORROWING_ENDS, state=State.CANCELLED, ended_at__gte=midnight).exists()
        if used_up and pool.borrowing_closed_at is None and not cancelled:
            _close(pool, used, midnight + timedelta(days=1), at)
        elif pool.borrowing_closed_at is not None and not used_up:
            _open(pool, at)


def _close(pool: Pool, used: int, until: datetime, at: datetime) -> None:
    limit = f"{number(pool.borrow_per_day or 0)} deliveries a day"
    sentence = f"Pool {pool.name} has borrowed {number(used)} of {limit} along others' IPs: until midnight UTC its mail goes along its own IPs only."
    with transaction.atomic():
        if not Pool.objects.filter(pk=pool.pk, borrowing_closed_at=None).update(borrowing_closed_at=at):
            return
        Action.objects.create(
            scope=Action.Scope.POOL, pool=pool, tenant=pool.tenant, name=Name.BORROWING_ENDS, sentence=sentence, at=at, until=until,
            evidence={"borrowed": used, "limit": pool.borrow_per_day},
        )  # fmt: skip
        raise_notice(NOTICE_BORROWING, str(pool.pk), "warning", sentence, {"pool_id": pool.pk}, f"/pools/{pool.name}/", until)
        audit.record(BY, "reputation borrowing_ends", pool, sentence)


def _open(pool: Pool, at: datetime) -> None:
    with transaction.atomic():
        if not Pool.objects.filter(pk=pool.pk, borrowing_closed_at__isnull=False).update(borrowing_closed_at=None):
            return
        Action.objects.filter(pool=pool, name=Name.BORROWING_ENDS, state=State.DONE).update(state=State.OVER, ended_at=at)
        clear_notice(NOTICE_BORROWING, str(pool.pk))
        audit.record(BY, "reputation borrowing_begins", pool, f"Pool {pool.name} may borrow again.")
