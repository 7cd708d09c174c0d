"""Round: a few times a minute every warming path's evidence is added up and judged, and what was decided becomes true.

Owns: how often. Promises: a round may be made twice, by one steward or by two: evidence counts once (`counted`), of two decisions on the same evidence one
is obeyed (`decided`). A steward that dies between any two statements leaves caps as they were. With the policy off nothing is counted, started or
decided; caps stay. Never: raises a cap without a decision's row in the same transaction.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max

from mailplatform.shell.notices import clear_notice, raise_notice
from warming.caps import TAIL, Used, day_s, is_short, used_of, write_caps
from warming.counted import OPEN_MIN, Minutes, count, day_number, news, read_minutes, told_to_everybody
from warming.decided import Change, Kind, State, go_on, settle
from warming.gates import Trouble
from warming.judge import in_trouble, judge
from warming.start import consider, idle_ips, mark_warm, policy, unknown_ips
from warming.warmups import IpPast, WarmingPolicy, Warmup, WarmupDay

log = logging.getLogger(__name__)

LOOK_S = 1.0  # how often the steward asks
EVERY_S = 5.0  # how often something is done where days are days
LOOKS_A_SHORT_DAY = 5  # in the sandbox
IDLE_EVERY = timedelta(hours=1)
ALIVE_EVERY = timedelta(minutes=10)  # how exactly it is known when an IP last sent
NOTICE = "warmup_paused"
QUIET = ("thin", "used too little", "rests", "idle", "at the end")  # holds that are no news the day something was decided


def begin() -> Callable[[datetime], None]:
    """With an empty memory: everything that runs is judged once."""
    return _Rounds().act


@dataclass(slots=True)
class _Rounds:
    made_at: datetime | None = None
    idle_at: datetime | None = None
    judged: set[int] = field(default_factory=set)

    def act(self, at: datetime) -> None:
        rules = policy()
        if rules is None or not rules.is_on or not self._is_time(rules, at):
            return
        self._start(rules, at)
        running = list(Warmup.objects.filter(state__in=Warmup.RUNNING).select_related("ip", "provider", "plan"))
        since = (rules.counted_to or at) - timedelta(minutes=OPEN_MIN)
        minutes = read_minutes({one.ip_id for one in running}, since)
        tails = _tails(running, minutes)
        active = [self._count(one, minutes, tails, at, rules) for one in running]
        idle = _idle_days([one for one in active if one.state == State.WARMING], at, rules)
        for one in active:
            self._judge(one, at, rules, idle.get(one.pk, 0.0))
        WarmingPolicy.objects.filter(pk=rules.pk).update(counted_to=at)

    def _is_time(self, rules: WarmingPolicy, at: datetime) -> bool:
        """The steward asks every second; real days need no more than a look in five."""
        every_s = min(EVERY_S, day_s(rules) / LOOKS_A_SHORT_DAY)
        if self.made_at is not None and 0 <= (at - self.made_at).total_seconds() < every_s - 0.5:
            return False
        self.made_at = at
        return True

    def _start(self, rules: WarmingPolicy, at: datetime) -> None:
        found = unknown_ips()
        if self.idle_at is None or at - self.idle_at >= IDLE_EVERY:
            found += idle_ips(rules, at)
            self.idle_at = at
        for ip in found:
            if began := consider(ip, rules, at):
                log.info("%s begins to warm at %d providers", ip, began)

    def _count(self, one: Warmup, minutes: Minutes, tails: dict[int, set[int]], at: datetime, rules: WarmingPolicy) -> Warmup:
        providers = tails.get(one.ip_id, set()) if one.provider.key == TAIL else {one.provider_id}
        told = minutes.of(one.ip_id, providers)
        if not any(news(one, told)):
            return one
        _alive(one, at)
        return count(one.pk, told, at, day_s(rules))

    def _judge(self, one: Warmup, at: datetime, rules: WarmingPolicy, idle_days: float) -> None:
        wide = told_to_everybody(one, at) if in_trouble(one) is Trouble.DEFERRED else 0
        change = judge(one, at, day_s(rules), rules, idle_days, wide) if one.running else None
        if change is not None and _said_already(one, change, at, day_s(rules)):
            go_on(one, change, at)
        elif change is not None and (after := settle(one, change, at, rules)) is not None:
            _tell(after, change, at)
            return
        if one.state != State.PAUSED and (is_short(rules) or one.day_caps_of):
            _new_short_day(one, at, rules)


def _tails(running: list[Warmup], minutes: Minutes) -> dict[int, set[int]]:
    """The providers of each IP that have no warm-up of their own."""
    own: dict[int, set[int]] = {}
    for ip, provider in Warmup.objects.filter(ip_id__in={one.ip_id for one in running}).exclude(provider__key=TAIL).values_list("ip_id", "provider_id"):
        own.setdefault(ip, set()).add(provider)
    return {one.ip_id: minutes.providers_of(one.ip_id) - own.get(one.ip_id, set()) for one in running if one.provider.key == TAIL}


def _said_already(one: Warmup, change: Change, at: datetime, a_day_s: float) -> bool:
    """A hold is written down when its reason changes, and once a day."""
    if change.kind != Kind.HOLD:
        return False
    last = one.made.order_by("-number").first()
    quiet = change.evidence.get("reason") in QUIET
    same = last is not None and (quiet or (last.kind == Kind.HOLD and last.evidence.get("reason") == change.evidence.get("reason")))
    return bool(same and last and (at - last.at).total_seconds() < a_day_s)


def _idle_days(warming: list[Warmup], at: datetime, rules: WarmingPolicy) -> dict[int, float]:
    """Days since each of them last sent something, whole ones."""
    last = dict(WarmupDay.objects.filter(warmup_id__in=[one.pk for one in warming]).values_list("warmup_id").annotate(last=Max("number")))
    return {one.pk: max(0.0, float(day_number(one, at, day_s(rules)) - last[one.pk] - 1)) for one in warming if one.pk in last}


def _tell(after: Warmup, change: Change, at: datetime) -> None:
    """A person hears of a pause, and of its end."""
    scope = f"{after.ip_id}/{after.provider_id}"
    if change.kind == Kind.PAUSE:
        raise_notice(NOTICE, scope, "warning", f"{after.ip} at {after.provider}: {change.sentence}", change.evidence, link=f"/warmups/{after.ip_id}/")
    else:
        clear_notice(NOTICE, scope)
    if change.kind == Kind.FINISH and not Warmup.objects.filter(ip=after.ip, state__in=(State.WARMING, State.PAUSED)).exists():
        mark_warm([after.ip], f"It warmed from {after.started_at:%-d %B %Y} on.")


def _alive(one: Warmup, at: datetime) -> None:
    IpPast.objects.filter(ip_id=one.ip_id).exclude(last_sent_at__gte=at - ALIVE_EVERY).update(last_sent_at=at)


def _new_short_day(one: Warmup, at: datetime, rules: WarmingPolicy) -> None:
    """In the sandbox a short day gives its cap anew, once, whoever writes it first; when days are days again the caps are the stage's own."""
    number = day_number(one, at, day_s(rules)) if is_short(rules) else 0
    if one.day_caps_of == number:
        return
    used = used_of([one.path_id]).get(one.path_id, Used()).day
    with transaction.atomic():
        if Warmup.objects.filter(pk=one.pk, state=one.state, decisions=one.decisions, day_caps_of=one.day_caps_of).update(
            day_caps_of=number, day_base=used
        ):
            one.day_base = used
            write_caps(one, rules)
