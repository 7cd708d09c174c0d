"""Start: an IP without a past begins to warm when it is put into a pool, at every provider, from its first message on.

Owns: when warm-ups begin, and what is known of IPs' pasts. Promises: the caps of the first stage are written before the IP is a member of anything
(`pre_save` of PoolMember; what came in by other ways the round finds within seconds); an IP that had enough accepted lately, or that a person marked as
warm, does not warm; one that sent nothing for a while takes the plan for that. Beginning twice changes nothing. Never: lifts a cap;
starts anything while the policy is off.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models.signals import pre_save
from django.dispatch import receiver

from mailplatform.shell import formats
from mailplatform.shell.clock import now
from pools.models import Path, PoolMember, Provider, SendingIP
from warming.caps import write_caps
from warming.counted import whole_minute
from warming.models import WarmupPlan
from warming.plan import plan_of
from warming.warmups import IpPast, WarmingPolicy, Warmup, WarmupDecision

HISTORY_DAYS = 30
_DAYS = "SELECT coalesce(sum(delivered), 0) FROM pools_pathday WHERE ip_id = %s AND day >= %s::timestamptz::date"
_MINUTES = "SELECT coalesce(sum(delivered), 0), max(minute) FROM pools_pathminute WHERE minute >= %s AND ip_id = %s"


def policy() -> WarmingPolicy | None:
    """The operators' word; None before the first start."""
    return WarmingPolicy.objects.first()


def first_policy() -> bool:
    """At the platform's first start with warming: what is in a pool by then sends already, and is taken for warm. Whether it was made now."""
    with transaction.atomic():
        _, made = WarmingPolicy.objects.get_or_create(id=1, defaults={"counted_to": now()})
        if made:
            mark_warm(SendingIP.objects.filter(memberships__isnull=False).distinct(), "It was in a pool before warm-ups began by themselves.")
    return made


def mark_warm(ips: Iterable[SendingIP], why: str, by: str = "") -> None:
    """Somebody says that these IPs need no warm-up. What runs goes on until it is finished or a person ends it."""
    at = now()
    for ip in ips:
        IpPast.objects.update_or_create(ip=ip, defaults={"warm_since": at, "why": why[:200], "by": by[:200]})


@receiver(pre_save, sender=PoolMember, dispatch_uid="warming.start")
def _joins_a_pool(sender: type[PoolMember], instance: PoolMember, raw: bool = False, **_: Any) -> None:
    if instance._state.adding and not raw and (rules := policy()):
        consider(instance.ip, rules, now())


def consider(ip: SendingIP, rules: WarmingPolicy, at: datetime) -> int:
    """Begin where this IP needs it; how many warm-ups began."""
    if not (rules.is_on and rules.starts_itself):
        return 0
    past, _ = IpPast.objects.get_or_create(ip=ip)
    if past.warm_since is None and Warmup.objects.filter(ip=ip, state__in=Warmup.RUNNING).exists():
        return 0
    delivered, last = _delivered_lately(ip, at)
    if delivered >= rules.history_at_least:
        IpPast.objects.filter(ip=ip).update(
            warm_since=past.warm_since or at, last_sent_at=last, why=past.why or f"{formats.number(delivered)} accepted in {HISTORY_DAYS} days."
        )
        return 0
    if last is not None:
        IpPast.objects.filter(ip=ip).update(last_sent_at=last)
    lived = max([one for one in (past.warm_since, past.last_sent_at, last) if one is not None], default=None)
    if past.warm_since is None:
        return begin(ip, rules.new_plan, "It was put into a pool, and has no past.", at, rules)
    if lived is not None and at - lived < timedelta(days=rules.idle_days):
        return 0
    return begin(ip, rules.idle_plan, f"It sent nothing for {rules.idle_days} days.", at, rules)


def begin(ip: SendingIP, plan: str | WarmupPlan, why: str, at: datetime, rules: WarmingPolicy | None, by: str = "") -> int:
    """Warm-ups at every shipped provider and the tail, those that run already left alone; how many began."""
    with transaction.atomic():
        SendingIP.objects.select_for_update().get(pk=ip.pk)  # two at once begin once
        row = plan if isinstance(plan, WarmupPlan) else plan_named(plan)
        running = set(Warmup.objects.filter(ip=ip, state__in=Warmup.RUNNING).values_list("provider_id", flat=True))
        wanted = [provider for provider in Provider.objects.filter(is_tail=False) if provider.pk not in running]
        paths = _paths(ip, wanted, at)
        made = [_warmup(paths[provider.pk], ip, provider, row, why, at) for provider in wanted]
        Warmup.objects.bulk_create(made)
        WarmupDecision.objects.bulk_create([_decision(warmup, row, why, at, by) for warmup in made])
        for warmup in made:
            write_caps(warmup, rules)
        IpPast.objects.update_or_create(ip=ip, defaults={"warm_since": None, "why": why[:200], "by": by[:200]})
    return len(made)


def plan_named(name: str) -> WarmupPlan:
    """The newest enabled version of that plan that can be run; the suggested default where there is none."""
    runs = WarmupPlan.objects.filter(is_enabled=True).exclude(daily=[])
    found = runs.filter(name=name).order_by("-version").first() or runs.filter(name="default").order_by("-version").first()
    if found is None:
        raise LookupError(f"There is no warm-up plan “{name}” that can be run, and no default.")
    return found


def unknown_ips() -> list[SendingIP]:
    """In a pool, and nobody has looked at their past yet: put there without the signal."""
    return list(SendingIP.objects.filter(memberships__isnull=False, past__isnull=True).distinct()[:100])


def idle_ips(rules: WarmingPolicy, at: datetime) -> list[SendingIP]:
    """Warm, in a pool, and without mail for so long that they are warm no more."""
    before = at - timedelta(days=rules.idle_days)
    return list(
        SendingIP.objects.filter(memberships__isnull=False, past__warm_since__lt=before)
        .exclude(past__last_sent_at__gte=before)
        .exclude(warmups__state__in=(Warmup.State.WARMING, Warmup.State.PAUSED))
        .distinct()[:20]
    )


def _warmup(path: Path, ip: SendingIP, provider: Provider, plan: WarmupPlan, why: str, at: datetime) -> Warmup:
    curve = plan_of(plan, provider.key)
    return Warmup(
        path=path, ip=ip, provider=provider, plan=plan, why=why[:200], cap_per_day=curve.first, cap_per_hour=curve.hour_of(curve.first),
        started_at=at, stage_since=at,
        counted_from=whole_minute(at), decisions=1,
    )  # fmt: skip


def _decision(warmup: Warmup, plan: WarmupPlan, why: str, at: datetime, by: str) -> WarmupDecision:
    sentence = f"Starts with {formats.number(warmup.cap_per_day)} a day by “{plan.title}”, version {plan.version}. {why}"
    return WarmupDecision(
        warmup=warmup, number=1, at=at, kind=WarmupDecision.Kind.START, by=by[:200], sentence=sentence, stage_before=1, stage_after=1,
        cap_before=None, cap_after=warmup.cap_per_day,
    )  # fmt: skip


def _paths(ip: SendingIP, providers: Iterable[Provider], at: datetime) -> dict[int, Path]:
    providers = list(providers)
    Path.objects.bulk_create([Path(ip=ip, provider=provider, updated_at=at) for provider in providers], ignore_conflicts=True)
    return {path.provider_id: path for path in Path.objects.filter(ip=ip, provider__in=providers)}


def _delivered_lately(ip: SendingIP, at: datetime) -> tuple[int, datetime | None]:
    """In the last 30 days; an IP without paths has no past, and nobody reads a month of minutes for it."""
    if not Path.objects.filter(ip=ip).exists():
        return 0, None
    since = at - timedelta(days=HISTORY_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, [ip.pk, since])
        by_day = int(cursor.fetchone()[0])
        cursor.execute(_MINUTES, [since, ip.pk])
        by_minute, last = cursor.fetchone()
    return max(by_day, int(by_minute)), last  # minutes are forgotten sooner than days
