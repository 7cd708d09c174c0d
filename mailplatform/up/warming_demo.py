"""Two sending IPs of the demo that are warming already, so that the board of a new sandbox shows something. Made once, where demo traffic is sent.

Owns: the demo's fifth IP of each node, and a past of their warm-ups: days, decisions, counters, in step with the plan. What happens from then on
is real: engines obey the caps, the steward judges. Never: in live mode; touches an IP that is there already.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from mailplatform.shell.clock import now
from mailplatform.shell.private_file import write_private
from mailplatform.up.seed import PLATFORM_DOMAIN, simulated_dns
from pools.models import Node, Pool, PoolMember, SendingIP
from warming.caps import write_caps
from warming.judge import judge, place, plan_for
from warming.start import begin, policy
from warming.warmups import Warmup, WarmupDay, WarmupDecision

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Past:
    """How far a path has come, and what its stage has seen: shares of the attempts, and how much of the cap was used."""

    day: int
    used: float
    deferred: float = 0.004
    blocked: float = 0.0


@dataclass(frozen=True, slots=True)
class Demo:
    node: str
    number: int
    pool: str
    days: int
    paths: dict[str, Past]


DEMOS = (
    Demo("north-1", 1, "shared-marketing", 9, {
        "google": Past(9, 0.36), "microsoft_consumer": Past(6, 0.4, deferred=0.08), "microsoft_365": Past(9, 0.31, 0.006),
        "yahoo": Past(8, 0.4, 0.008), "apple": Past(9, 0.33, 0.003), "default": Past(7, 0.52, 0.011),
    }),
    Demo("south-1", 2, "shared-notification", 3, {
        "google": Past(3, 0.68, 0.002), "microsoft_consumer": Past(2, 0.6, 0.005), "yahoo": Past(1, 0.92, 0.02, 0.35),
        "gmx_webde": Past(2, 0.1, 0.0),
    }),
)  # fmt: skip


def make_warming_demo(data: Path) -> bool:
    """Make what is not there; whether something was made."""
    if settings.MAIL_MODE != "sandbox":
        return False
    made = [demo for demo in DEMOS if _make(demo)]
    if made:
        write_private(data / "sandbox" / "zones.json", json.dumps(simulated_dns(), indent=1, sort_keys=True))
    return bool(made)


def _make(demo: Demo) -> bool:
    address = f"127.10.{demo.number}.5"
    node, pool, rules = Node.objects.filter(name=demo.node).first(), Pool.objects.filter(name=demo.pool).first(), policy()
    if node is None or pool is None or rules is None or SendingIP.objects.filter(address=address).exists():
        return False
    at = now()
    with transaction.atomic():
        ip = SendingIP.objects.create(node=node, address=address, ehlo_name=f"mta-{demo.number}5.{node.name}.{PLATFORM_DOMAIN}")
        begin(ip, rules.new_plan, "It was put into a pool, and has no past. (This part is made up.)", at - demo.days * DAY + timedelta(hours=3), rules)
        PoolMember.objects.create(pool=pool, ip=ip)
        for one in Warmup.objects.filter(ip=ip, provider__key__in=demo.paths).select_related("provider", "plan", "ip"):
            _live_through(one, demo.paths[one.provider.key], demo.days, at)
    return True


def _live_through(one: Warmup, past: Past, days: int, at: datetime) -> None:
    """As if the controller had led it here."""
    plan = plan_for(one)
    caps = [plan.cap_at(max(0, day - (days - past.day)) * 1.3) for day in range(days)]  # it waited for its first message for a while
    for day, cap in enumerate(caps[:-1], 1):
        sent = round(cap * (0.97 if caps[day] > cap else 0.3))
        WarmupDay.objects.create(warmup=one, number=day, stage=place(plan, cap), cap=cap, attempted=sent, delivered=sent)
        if caps[day] > cap:
            sentence = f"Advances to {caps[day]:,} a day: {sent:,} sent at {cap:,}, 0.4 % deferred, no block."
            _decide(one, WarmupDecision.Kind.ADVANCE, sentence, one.started_at + (day - 0.2) * DAY, place(plan, cap), place(plan, caps[day]), cap, caps[day])
    one.cap_per_day, one.cap_per_hour, one.stage, one.state = caps[-1], plan.hour_of(caps[-1]), place(plan, caps[-1]), Warmup.State.WARMING
    one.attempted = round(past.used * caps[-1])
    one.deferred, one.blocked = round(past.deferred * one.attempted), round(past.blocked * one.attempted)
    one.delivered = one.attempted - one.deferred - one.blocked
    one.stage_since = one.judged_at = at - timedelta(hours=5)
    one.counted_from, one.carried = at.replace(second=0, microsecond=0), {"speed": 1.3, "cool_until": None, "clean_days": 1.0}
    WarmupDay.objects.create(
        warmup=one, number=days, stage=one.stage, cap=one.cap_per_day, attempted=one.attempted, delivered=one.delivered, deferred=one.deferred,
        blocked=one.blocked,
    )  # fmt: skip
    found = judge(one, at - timedelta(hours=2), 86_400)
    if found is not None and found.kind in (WarmupDecision.Kind.HOLD, WarmupDecision.Kind.PAUSE):
        one.verdict = found.sentence
        _decide(one, found.kind, found.sentence, at - timedelta(hours=2), one.stage, one.stage, one.cap_per_day, one.cap_per_day)
        if found.kind == WarmupDecision.Kind.PAUSE:
            one.state, one.paused_by, one.paused_until = Warmup.State.PAUSED, "the controller", found.paused_until
            one.cap_per_day, one.cap_per_hour = found.per_day or 1, found.per_hour or 1
    one.save()
    write_caps(one, policy())


def _decide(one: Warmup, kind: str, sentence: str, at: datetime, before: int, after: int, cap_before: int, cap_after: int) -> None:
    one.decisions += 1
    WarmupDecision.objects.create(
        warmup=one, number=one.decisions, at=at, kind=kind, sentence=sentence, evidence={"simulated": True}, stage_before=before, stage_after=after,
        cap_before=cap_before, cap_after=cap_after,
    )  # fmt: skip
