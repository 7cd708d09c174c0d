"""Console pages of plans: the list, one with its curve, and plans as files.

A file is looked at first, with all that is wrong in it or what it would do, and comes in on a second press.
"""

from collections import Counter

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from mailplatform.shell import formats
from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission
from pools.models import Provider
from warming.caps import TAIL
from warming.curves import plan_chart
from warming.forecast import SHARES
from warming.models import WarmupPlan
from warming.plan import plan_of
from warming.plan_files import PlansRefused, export, import_plans, preview
from warming.start import policy
from warming.warmups import Warmup, short

MOST_BYTES = 512 * 1024
CHARTS, PROBLEMS = 4, 50


@page(Permission.SEE, under="warmups")
def warmup_plans(request: HttpRequest) -> HttpResponse:
    """Every plan in its newest version, one's own first."""
    plans = list(WarmupPlan.objects.order_by("name", "-version"))
    newest = {plan.name: plan for plan in reversed(plans)}
    versions = Counter(plan.name for plan in plans)
    rows = [(newest[name], versions[name]) for name in sorted(newest, key=lambda name: (newest[name].is_shipped, not newest[name].daily, name))]
    return render(request, "warming/plans.html", {"rows": rows, "rules": policy()})


@page(Permission.SEE, under="warmups")
def warmup_plan(request: HttpRequest, pk: int) -> HttpResponse:
    """One plan: its curve at the large providers, where it comes from, who follows it."""
    plan = get_object_or_404(WarmupPlan, pk=pk)
    running = Warmup.objects.filter(plan=plan, state__in=Warmup.RUNNING).values("ip").distinct().count()
    drawn = _drawn(plan) if plan.daily else {}
    context = {
        "plan": plan, "running": running, "versions": WarmupPlan.objects.filter(name=plan.name).order_by("-version"), "rules": plan.facts.get("rules", []),
        "chart": plan_chart(plan.title, drawn, now()) if drawn else None,
    }  # fmt: skip
    return render(request, "warming/plan.html", context)


@page(Permission.SEE, under="warmups")
def warmup_plans_file(request: HttpRequest) -> HttpResponse:
    """All plans, or one version of one, as a file that another platform takes in."""
    asked = request.GET.get("plan", "")
    plans = WarmupPlan.objects.filter(pk=asked) if asked.isdecimal() else WarmupPlan.objects.all()
    return HttpResponse(export(plans), content_type="application/json", headers={"Content-Disposition": 'attachment; filename="warmup-plans.json"'})


@page(Permission.STEER, under="warmups", methods=("POST",))
def warmup_plans_preview(request: HttpRequest) -> HttpResponse:
    """What a file would do, before it does it."""
    file = request.FILES.get("file")
    if file is None or isinstance(file, list):
        return _refused(request, "", ["Choose a file."])
    name = str(file.name)
    if (file.size or 0) > MOST_BYTES:
        return _refused(request, name, [f"The file has {formats.number(file.size)} bytes; at most {formats.number(MOST_BYTES)} are read."])
    try:
        text = file.read().decode("utf-8")
        found = preview(text)
    except UnicodeDecodeError as why:
        return _refused(request, name, [f"This is no text in UTF-8: byte {formats.number(why.start)} is not."])
    except PlansRefused as why:
        return _refused(request, name, why.problems)
    new = [one.plan for one in found if not one.here]
    charts = [plan_chart(str(plan), _drawn(plan), now()) for plan in new if plan.daily][:CHARTS]
    return render(request, "warming/plans_preview.html", {"name": name, "found": found, "new": new, "charts": charts, "text": text})


@action(Permission.STEER)
def warmup_plans_bring_in(request: HttpRequest) -> HttpResponse:
    """The file that was looked at comes in, all of it or nothing."""
    try:
        with transaction.atomic():
            done = import_plans(request.POST.get("text", ""))
            sentence = f"{formats.plural(len(done.made), 'plan')} came in: {'; '.join(done.made) or 'none'}. {formats.number(done.kept)} were here already."
            record_request(request, "warm-up plans brought in", "warm-up plans", sentence)
    except PlansRefused as why:
        messages.error(request, why.problems[0])
        return redirect("warmup_plans")
    messages.success(request, sentence)
    return redirect("warmup_plans")


def _refused(request: HttpRequest, name: str, problems: list[str]) -> HttpResponse:
    context = {"name": name, "problems": problems[:PROBLEMS], "more": len(problems) - PROBLEMS}
    return render(request, "warming/plans_preview.html", context, status=422)


def provider_names() -> dict[str, str]:
    """Of the providers that forecasts are made for."""
    found = Provider.objects.filter(key__in=SHARES).values_list("key", "name")
    return {key: short(name) for key, name in found} | {TAIL: "Small providers"}


def _drawn(plan: WarmupPlan) -> dict[str, list[int]]:
    """Its caps at the large providers, day by day."""
    names = provider_names()
    curves = {names.get(key, key): plan_of(plan, key) for key in SHARES}
    return {name: [one.cap_at(day) for day in range(len(plan.daily))] for name, one in curves.items()}


urlpatterns = [
    path("warmups/plans/", warmup_plans, name="warmup_plans"),
    path("warmups/plans/<int:pk>/", warmup_plan, name="warmup_plan"),
    path("warmups/plans/file/", warmup_plans_file, name="warmup_plans_file"),
    path("warmups/plans/preview/", warmup_plans_preview, name="warmup_plans_preview"),
    path("warmups/plans/bring-in/", warmup_plans_bring_in, name="warmup_plans_bring_in"),
]
