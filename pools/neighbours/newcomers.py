"""Newcomers: a new tenant begins with a daily cap that each clean day raises, until it is lifted. The rule is pure; what it says is written here too.

Owns: pools_newcomercap; writes the tenant's `daily_cap`, which submission enforces. Promises: a day is clean when the tenant was in good standing all of it and
used at least a tenth of its cap, so that waiting alone earns nothing; an operator who sets the tenant's cap takes it over, and this lets go. A tenant that
was there before the policy has no cap, nor has one that the sandbox made up.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum
from django.db.models.signals import post_save
from django.dispatch import receiver

from mailplatform.tenants.models import Tenant
from pools.neighbours.models import CappedHour, Level, NeighboursPolicy, NewcomerCap, TenantStanding
from pools.neighbours.policy import policy_now

DAY = timedelta(hours=24)
USED_LEAST = 0.1


@dataclass(frozen=True, slots=True)
class Grown:
    """The cap of the next day; None: lifted."""

    cap: int | None
    clean: bool


def grown(cap: int, used: int, was_good: bool, growth_percent: int, lifted_above: int) -> Grown:
    """What a day has earned."""
    if not was_good or used < USED_LEAST * cap:
        return Grown(cap, False)
    larger = max(cap + 1, cap * (100 + growth_percent) // 100)
    return Grown(None if larger > lifted_above else larger, True)


@receiver(post_save, sender=Tenant, dispatch_uid="pools.neighbours.newcomers")
def _arrives(sender: type[Tenant], instance: Tenant, created: bool, raw: bool = False, **_: object) -> None:
    """A tenant is made: it is a newcomer, unless whoever makes it says what it may send."""
    if not created or raw or instance.is_simulated or instance.daily_cap is not None:
        return
    policy = policy_now()
    if policy.caps_newcomers:
        NewcomerCap.objects.create(tenant=instance, cap=policy.first_day_cap, since=instance.created_at)
        Tenant.objects.filter(pk=instance.pk).update(daily_cap=policy.first_day_cap)
        instance.daily_cap = policy.first_day_cap


def grow(policy: NeighboursPolicy, at: datetime) -> None:
    """Of every newcomer whose day is over: raise, lift, or begin the day anew."""
    for due in NewcomerCap.objects.filter(lifted_at=None, since__lte=at - DAY).values_list("pk", flat=True):
        with transaction.atomic():
            row = NewcomerCap.objects.select_for_update().filter(pk=due, lifted_at=None, since__lte=at - DAY).first()
            if row is not None:
                _grow(row, Tenant.objects.select_for_update(no_key=True).get(pk=due), policy, at)


def _grow(row: NewcomerCap, tenant: Tenant, policy: NeighboursPolicy, at: datetime) -> None:
    if tenant.daily_cap != row.cap:
        let_go(row, at, "whoever set the tenant's own cap")
        return
    used = CappedHour.objects.filter(tenant_id=tenant.pk, hour__gte=row.since - timedelta(hours=1)).aggregate(all=Sum("accepted"))["all"] or 0
    next_ = grown(row.cap, used, _was_good(tenant, row.since), policy.growth_percent, policy.lifted_above)
    row.clean_days += next_.clean
    row.since = at
    if next_.cap is None:
        let_go(row, at, "")
    else:
        row.cap = next_.cap
    row.save()
    Tenant.objects.filter(pk=tenant.pk).update(daily_cap=next_.cap)


def let_go(row: NewcomerCap, at: datetime, by: str) -> None:
    row.lifted_at, row.lifted_by = at, by[:200]
    row.save(update_fields=["lifted_at", "lifted_by"])


def set_cap(tenant: Tenant, cap: int | None, by: str, at: datetime) -> None:
    """By an operator: this cap and no growth, or None: none at all."""
    with transaction.atomic():
        Tenant.objects.filter(pk=tenant.pk).update(daily_cap=cap)
        if row := NewcomerCap.objects.select_for_update().filter(tenant=tenant, lifted_at=None).first():
            let_go(row, at, by)


def _was_good(tenant: Tenant, since: datetime) -> bool:
    standing = TenantStanding.objects.filter(tenant=tenant).first()
    return standing is None or (standing.level == Level.GOOD and standing.good_since is not None and standing.good_since <= since)
