"""Console pages of warm-ups: the board, an IP, the simulation; what a person does to one. Plans: `plan_pages`; figures: `figures`; decisions: `act`."""

from collections import Counter
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from mailplatform.shell import formats
from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.confirm import offer_undo, undoer
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Count, Group, register
from mailplatform.shell.pages import action, back, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.switch import Switch
from pools.models import SendingIP
from warming import act, figures, plan_pages
from warming.caps import day_s, is_short
from warming.counted import day_number
from warming.curves import curve, forecast_chart
from warming.forecast import SHARES, outlook, path_of
from warming.judge import pace_of, plan_for, stage_of
from warming.models import WarmupPlan
from warming.plan_pages import provider_names
from warming.start import begin, policy
from warming.warmups import DAY_S, WarmingPolicy, Warmup

IPS_SHOWN, CURVES_SHOWN, CHOSEN_MOST, CURVE_DAYS = 50, 6, 100, 40
EVERYTHING = 1_000_000_000  # mail always waits
PACES = ("0.25", "0.5", "0.75", "1", "1.25", "1.5", "2")
SHORT_DAYS = (("86400", "a real day"), ("1440", "24 minutes"), ("60", "a minute"), ("6", "6 seconds"))
ON = Switch(
    "warming", WarmingPolicy, "is_on", (True, False), done=lambda on: f"warming switched {'on' if on else 'off'}",
    told=lambda rules: "Warm-ups begin and are judged by themselves." if rules.is_on else "Nothing begins and nothing is decided; caps stay as they are.",
    again=lambda rules: f"Warming is {'on' if rules.is_on else 'off'} again.",
)  # fmt: skip


@page(Permission.SEE)
def warmups(request: HttpRequest) -> HttpResponse:
    """Every warming IP, provider by provider, the worst first."""
    plans = runnable()
    context = {"free": figures.may_warm(), "plans": plans, "short_days": SHORT_DAYS, "sandbox": settings.MAIL_MODE == "sandbox"}
    return render(request, "warming/warmups.html", {**_board(), **context})


@page(Permission.SEE, under="warmups")
def warmup_board(request: HttpRequest) -> HttpResponse:
    return fragment(request, "warming/_board.html", _board())


@page(Permission.SEE, under="warmups")
def warmup_ip(request: HttpRequest, pk: int) -> HttpResponse:
    """One IP: curves, decisions, and the buttons."""
    ip, rules, at = get_object_or_404(SendingIP.objects.select_related("node"), pk=pk), policy(), now()
    found = next(iter(figures.board(rules, at, [pk])), None)
    ended = list(Warmup.objects.filter(ip=ip).exclude(state__in=Warmup.RUNNING).select_related("provider", "plan").order_by("-ended_at")[:30])
    drawn = [_curve(row.warmup, rules, at) for row in (found.rows if found else ())[:CURVES_SHOWN]]
    context = {
        "ip": ip, "found": found, "ended": ended, "curves": drawn, "decisions": figures.decisions([pk], 20), "rules": rules, "plans": runnable(),
        "paces": [pace for pace in PACES if rules and rules.slowest <= float(pace) <= rules.fastest], "past": getattr(ip, "past", None),
        "worst": found.rows[0] if found and found.rows else None,
    }  # fmt: skip
    return render(request, "warming/ip.html", context)


@action(Permission.STEER)
def warmup_act(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """One button of one path."""
    one = get_object_or_404(_whole(), pk=pk)
    told, refused = _do(request, [one], what)
    if refused:
        messages.warning(request, refused[0])
    elif told:
        after, was = told[0]
        offer_undo(request, "warm-up", str(after), f"{after.ip} at {after.where}: {after.verdict}", pk=pk, number=after.decisions, was=was)
    return back(request, "warmup_ip", one.ip_id)


@action(Permission.STEER)
def warmup_chosen(request: HttpRequest, pk: int) -> HttpResponse:
    """The same for several paths of one IP at once."""
    wanted = [int(one) for one in request.POST.getlist("chosen")[:CHOSEN_MOST] if one.isdecimal()]
    chosen = list(_whole().filter(ip_id=pk, pk__in=wanted).order_by("pk"))
    if not chosen:
        messages.warning(request, "Choose at least one provider.")
        return back(request, "warmup_ip", pk)
    told, refused = _do(request, chosen, request.POST.get("what", ""))
    if told:
        messages.success(request, f"Done for {formats.plural(len(told), 'provider')}.")
    for why, n in Counter(refused).items():
        messages.warning(request, f"{formats.plural(n, 'provider')}: {why}")
    return back(request, "warmup_ip", pk)


@action(Permission.STEER)
def warmup_start(request: HttpRequest) -> HttpResponse:
    """Warm up an IP that does not warm: its full speed ends at once."""
    asked = request.POST.get("ip", "")
    ip = get_object_or_404(SendingIP, pk=asked if asked.isdecimal() else 0)
    plan = next((one for one in runnable() if str(one.pk) == request.POST.get("plan")), None)
    if plan is None:
        messages.error(request, "Choose a plan that can be run.")
        return redirect("warmups")
    with transaction.atomic():
        began = begin(ip, plan, f"Begun by {_who(request)}.", now(), policy(), by=_who(request))
        sentence = f"{ip} warms at {formats.plural(began, 'provider')} by {plan}."
        record_request(request, "warm-up begun", ip, sentence)
    messages.success(request, sentence)
    return redirect("warmup_ip", ip.pk)


@action(Permission.STEER)
def warming_switch(request: HttpRequest) -> HttpResponse:
    """All of it on or off. Off lifts no cap."""
    ON.turn(request, request.POST.get("on") == "yes", pk=1)
    return back(request, "warmups")


@action(Permission.STEER)
def warming_days(request: HttpRequest) -> HttpResponse:
    """In the sandbox: how long a day lasts."""
    asked = request.POST.get("day_s", "")
    if settings.MAIL_MODE != "sandbox":
        raise Http404("A day is a day.")
    if asked not in dict(SHORT_DAYS):
        messages.error(request, "Choose one of the lengths.")
        return redirect("warmups")
    WarmingPolicy.objects.filter(pk=1).update(day_s=int(asked))
    sentence = f"A day of a warm-up lasts {dict(SHORT_DAYS)[asked]} in this sandbox."
    record_request(request, "warm-up days changed", "warming policy", sentence)
    messages.success(request, sentence)
    return back(request, "warmups")


@page(Permission.SEE, under="warmups")
def warmup_simulate(request: HttpRequest) -> HttpResponse:
    """What a plan would come to, before it begins."""
    plans = runnable()
    rules = policy()
    usual = next((one for one in plans if rules and one.name == rules.new_plan), plans[0] if plans else None)
    plan = next((one for one in plans if str(one.pk) == request.GET.get("plan")), usual)
    pace = _number(request.GET.get("pace"), 1.0, 0.1, 4.0)
    per_day = int(_number(request.GET.get("per_day"), 100_000, 1, 1e9))
    shares = {key: _number(request.GET.get(f"share_{key}"), share, 0, 100) for key, share in SHARES.items()}
    found = outlook(plan, pace, per_day, shares) if plan else []
    names = provider_names()
    rows = [{"name": names.get(one.key, one.key), "one": one, "first": one.days[0].cap, "wanted": one.days[0].wanted} for one in found]
    full = [one.full_on for one in found]
    context = {
        "plans": plans, "plan": plan, "pace": f"{pace:g}", "per_day": per_day, "rows": rows, "last": max(full) if full and None not in full else None,  # type: ignore[type-var]
        "shares": [(key, names.get(key, key), f"{share:g}") for key, share in shares.items()], "paces": PACES, "free": figures.may_warm(),
        "charts": [forecast_chart(names.get(one.key, one.key), one.days, now()) for one in found[:CURVES_SHOWN]],
        "table": _table(found),
    }  # fmt: skip
    return render(request, "warming/simulate.html", context)


def _board() -> dict[str, Any]:
    rules, at = policy(), now()
    shown = figures.board(rules, at)
    rows = [row for one in shown for row in one.rows]
    return {
        "shown": shown[:IPS_SHOWN], "more": len(shown) - IPS_SHOWN, "rules": rules, "decisions": figures.decisions(), "rows": rows,
        "paused": [row for row in rows if row.health == "paused"], "limited": [row for row in rows if row.health == "limited"],
        "short": rules is not None and is_short(rules), "day": formats.duration(day_s(rules)), "real": DAY_S,
    }  # fmt: skip


def _curve(one: Warmup, rules: WarmingPolicy | None, at: datetime) -> Any:
    length = day_s(rules)
    plan = plan_for(one)
    expected = path_of(plan, pace_of(one, rules), EVERYTHING, CURVE_DAYS, stage_of(one)) if one.state == Warmup.State.WARMING else []
    return curve(one, one.where, list(one.days.all()), plan, expected, day_number(one, at, length), length)


def _table(found: list[Any]) -> list[tuple[int, list[Any]]]:
    """A row a day, a column a provider; the last day of each that is shorter holds on."""
    longest = max((len(one.days) for one in found), default=0)
    return [(n + 1, [one.days[min(n, len(one.days) - 1)] for one in found]) for n in range(min(longest, 60))]


def _do(request: HttpRequest, chosen: list[Warmup], what: str) -> tuple[list[tuple[Warmup, dict[str, Any]]], list[str]]:
    """Each of them, audited; what was done with what it was before, and why the others were not."""
    rules = policy()
    if what not in act.ACTIONS or rules is None:
        raise Http404("There is no such action.")
    told: list[tuple[Warmup, dict[str, Any]]] = []
    refused: list[str] = []
    for one in chosen:
        was = act.before(one)
        with transaction.atomic():
            after = act.change(one, what, request.POST.get("value", ""), _who(request), now(), rules)
            if isinstance(after, str):
                refused.append(after)
                continue
            record_request(request, f"warm-up: {what}", after, f"{after.ip} at {after.where}: {after.verdict}", before=was)
        told.append((after, was))
    return told, refused


@undoer("warm-up")
def _take_back(request: HttpRequest, *, pk: int, number: int, was: dict[str, Any]) -> str:
    rules = policy()
    return act.take_back(pk, number, was, _who(request), now(), rules) if rules else act.MEANWHILE


def runnable() -> list[WarmupPlan]:
    """Plans that can be chosen: enabled, with figures, newest version of each name first."""
    return list(WarmupPlan.objects.filter(is_enabled=True).exclude(daily=[]).order_by("is_shipped", "name", "-version"))


def _whole() -> Any:
    return Warmup.objects.select_related("ip", "provider", "plan")


def _who(request: HttpRequest) -> str:
    return str(getattr(request.user, "email", "") or request.user)


def _number(said: str | None, otherwise: float, low: float, high: float) -> float:
    try:
        value = float(said) if said else otherwise
    except ValueError:
        return otherwise
    return value if low <= value <= high else otherwise


def _count() -> Count | None:
    return Count(figures.warming_ips(), "IPs")


register(Group.SENDING, "Warm-up", "warmups", Permission.SEE, 35, _count)

urlpatterns = [
    path("warmups/", warmups, name="warmups"),
    path("warmups/board/", warmup_board, name="warmup_board"),
    path("warmups/simulate/", warmup_simulate, name="warmup_simulate"),
    *plan_pages.urlpatterns,
    path("warmups/start/", warmup_start, name="warmup_start"),
    path("warmups/switch/", warming_switch, name="warming_switch"),
    path("warmups/days/", warming_days, name="warming_days"),
    path("warmups/<int:pk>/", warmup_ip, name="warmup_ip"),
    path("warmups/<int:pk>/chosen/", warmup_chosen, name="warmup_chosen"),
    path("warmups/path/<int:pk>/<slug:what>/", warmup_act, name="warmup_act"),
]
