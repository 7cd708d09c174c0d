"""Figures of warm-ups for the console: the board, one IP, how a path fares. Reads small tables by index; no table of mail, no minutes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from mailplatform.shell import formats
from mailplatform.shell.clock import now
from pools.models import PoolMember, SendingIP
from warming.caps import TAIL, Used, day_s, is_short, used_of
from warming.controller import LEAST_STEP
from warming.counted import day_number
from warming.judge import in_trouble, pace_of, place, places, plan_for, said, stage_of
from warming.plan import Plan
from warming.warmups import WarmingPolicy, Warmup, WarmupDay, WarmupDecision

TOO_LITTLE = 20  # attempts that say nothing yet
RANKS = ("paused", "limited", "waiting", "working", "good")  # the worst first


@dataclass(frozen=True, slots=True)
class Row:
    """One path on its way."""

    warmup: Warmup
    name: str
    stage: int
    stages: int
    sent: int
    health: str
    detail: str
    next_words: str
    next_at: datetime | None
    full_at: datetime | None

    @property
    def rank(self) -> int:
        return RANKS.index(self.health) if self.health in RANKS else 0

    @property
    def meter_words(self) -> str:
        return f"{formats.number(self.sent)} of {formats.number(self.warmup.cap_per_day)} sent"


@dataclass(frozen=True, slots=True)
class IpRows:
    """A warming IP with its paths, the worst first; `waiting`: providers that it has not sent to yet."""

    ip: SendingIP
    pools: tuple[str, ...]
    day: int
    plans: tuple[str, ...]
    rows: tuple[Row, ...]
    waiting: tuple[Warmup, ...]

    @property
    def rank(self) -> tuple[int, int, str]:
        return (min([row.rank for row in self.rows], default=len(RANKS)), -len(self.rows), str(self.ip.address))


def board(rules: WarmingPolicy | None, at: datetime, ips: Iterable[int] | None = None) -> list[IpRows]:
    """Every warming IP, the worst first."""
    running = Warmup.objects.filter(state__in=Warmup.RUNNING).select_related("ip", "provider", "plan", "path")
    if ips is not None:
        running = running.filter(ip_id__in=ips)
    by_ip: dict[int, list[Warmup]] = {}
    for one in running:
        by_ip.setdefault(one.ip_id, []).append(one)
    going = [one for found in by_ip.values() for one in found if one.state != Warmup.State.WAITING]
    sent = sent_today(going, rules, at)
    pools: dict[int, list[str]] = {}
    for ip, pool in PoolMember.objects.filter(ip_id__in=by_ip).order_by("pool__name").values_list("ip_id", "pool__name"):
        pools.setdefault(ip, []).append(pool)
    shown = [_of_ip(found, sent, tuple(pools.get(ip, ())), rules, at) for ip, found in by_ip.items()]
    return sorted([one for one in shown if one.rows or any(w.decisions == 1 for w in one.waiting)], key=lambda one: one.rank)


def sent_today(warmups: Sequence[Warmup], rules: WarmingPolicy | None, at: datetime) -> dict[int, int]:
    """Of the rolling day where days are days; of the short day in the sandbox. By warm-up."""
    days = {one.pk: day_number(one, at, day_s(rules)) for one in warmups}
    counted = {
        (day.warmup_id, day.number): day.attempted
        for day in WarmupDay.objects.filter(warmup_id__in=days, number__in=set(days.values()))
    }  # fmt: skip
    if rules is not None and is_short(rules):
        return {pk: int(counted.get((pk, number), 0)) for pk, number in days.items()}
    used = used_of([one.path_id for one in warmups])
    return {one.pk: _sent(one, used.get(one.path_id, Used()), int(counted.get((one.pk, days[one.pk]), 0))) for one in warmups}


def _sent(one: Warmup, used: Used, counted: int) -> int:
    """What engines have reserved is what counts against the cap; small providers have a cap each, and their sum is told."""
    return counted if one.provider.key == TAIL else used.day or counted


def row_of(one: Warmup, sent: int, rules: WarmingPolicy | None, at: datetime) -> Row:
    plan = plan_for(one)
    health, detail = health_of(one)
    words, when = next_of(one, plan, rules)
    full = at + timedelta(seconds=days_left(one, plan, rules) * day_s(rules)) if one.state == Warmup.State.WARMING and health != "limited" else None
    return Row(one, one.where, place(plan, one.cap_per_day), places(plan), sent, health, detail, words, when, full)


def days_left(one: Warmup, plan: Plan, rules: WarmingPolicy | None) -> float:
    """At its speed of today, with mail waiting and clean."""
    pace, speed = pace_of(one, rules), stage_of(one).speed
    return max(0.0, plan.days[-1] - plan.day_of(one.cap_per_day)) / max(0.05, pace.first * pace.times if speed is None else speed) + 1


def health_of(one: Warmup) -> tuple[str, str]:
    """A word, and the figure behind it."""
    if one.state == Warmup.State.PAUSED:
        return "paused", f"by {one.paused_by}" if one.paused_by else ""
    if one.state == Warmup.State.WAITING:
        return "waiting", "no mail yet"
    if found := in_trouble(one):
        return "limited", said(one, found)
    if (until := stage_of(one).cool_until) is not None and until > now():
        return "limited", "rests after trouble"
    if one.attempted < TOO_LITTLE:
        return "working", "too little yet"
    return "good", f"{formats.percent(one.deferred, one.attempted)} deferred"


def next_of(one: Warmup, plan: Plan, rules: WarmingPolicy | None) -> tuple[str, datetime | None]:
    """What is decided next, and when at the earliest where that is known."""
    cap = formats.number(one.cap_per_day)
    if one.state == Warmup.State.PAUSED:
        return (f"Goes on with {cap}", one.paused_until) if one.paused_until else ("Stays paused until a person resumes it", None)
    if rules is not None and not rules.is_on:
        return "None: warming is switched off", None
    if in_trouble(one):
        return one.verdict or f"Holds at {cap}", one.look_again_at
    if (until := stage_of(one).cool_until) is not None and until > now():
        return f"Rests at {cap}, then goes on", until
    missing = math.ceil(LEAST_STEP * one.cap_per_day) - one.attempted
    what = "Finish: full volume" if one.cap_per_day >= plan.ceiling else "Advance"
    return f"{what} when {formats.number(missing)} more were sent and are clean" if missing > 0 else f"{what}: enough was sent and is clean", None


def decisions(of: Iterable[int] | None = None, most: int = 12) -> list[WarmupDecision]:
    """Newest first, without the beginnings at every provider."""
    found = WarmupDecision.objects.select_related("warmup__ip", "warmup__provider").exclude(kind=WarmupDecision.Kind.START)
    return list(found.filter(warmup__ip_id__in=of)[:most] if of is not None else found[:most])


def warming_ips() -> int:
    """For the navigation: how many IPs warm now."""
    states = (Warmup.State.WARMING, Warmup.State.PAUSED)
    return Warmup.objects.filter(state__in=states).aggregate(n=Count("ip", distinct=True))["n"] or 0


def may_warm() -> list[SendingIP]:
    """IPs without a running warm-up, to choose from."""
    return list(SendingIP.objects.exclude(warmups__state__in=Warmup.RUNNING).order_by("address")[:500])


def _of_ip(found: list[Warmup], sent: dict[int, int], pools: tuple[str, ...], rules: WarmingPolicy | None, at: datetime) -> IpRows:
    going = [one for one in found if one.state != Warmup.State.WAITING]
    rows = sorted((row_of(one, sent.get(one.pk, 0), rules, at) for one in going), key=lambda row: (row.rank, row.stage / row.stages, row.name))
    waiting = tuple(sorted((one for one in found if one.state == Warmup.State.WAITING), key=lambda one: one.where))
    plans = tuple(dict.fromkeys(f"{one.plan.title} v{one.plan.version}" for one in (going or found)))
    return IpRows(found[0].ip, pools, max(day_number(one, at, day_s(rules)) for one in found), plans, tuple(rows), waiting)


