"""Pages of alert rules: all of them and how each stands; one with its form, the preview on the recorded past, and who would be told.

A draft is previewed as it changes and is kept nowhere. Everybody of the platform looks; who may edit alerts changes.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse

from mailplatform.shell.audit import address_of
from mailplatform.shell.clock import now
from mailplatform.shell.live import fragment
from mailplatform.shell.models import Severity
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, back, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.switch import Switch
from monitoring.alerts import keep, rule_rows, starts, words
from monitoring.alerts.keep import RuleRefused
from monitoring.alerts.models import AlertRule, Incident
from monitoring.alerts.preview import preview
from monitoring.alerts.rule_chart import chart_of
from monitoring.alerts.rule_form import RuleForm
from monitoring.alerts.rules import rule_of
from monitoring.metrics.catalog import METRICS, Dimension
from monitoring.metrics.figure import figure
from monitoring.metrics.models import MonitoringPolicy
from monitoring.metrics.policy import policy
from monitoring.telling.asked import who_will_be_told

LOOKED_AT = timedelta(days=7)
SHOWN_FIRINGS = 20
JUDGING = Switch(
    "judging", MonitoringPolicy, "judging", (True, False), done=lambda on: f"judging switched {'on' if on else 'off'}",
    told=lambda row: "Alert rules are judged." if row.judging else "No alert rule is judged; metrics are collected all the same.",
    again=lambda row: f"Judging alert rules is {'on' if row.judging else 'off'} again.",
)  # fmt: skip


# -- all of them -------------------------------------------------------------------------------------------------------
@page(Permission.SEE)
def alerts(request: HttpRequest) -> HttpResponse:
    show = request.GET.get("show", "")
    shown = show if show in rule_rows.SHOWN else ""
    return render(request, "monitoring/alerts.html", {**_now(shown), "show": shown, "judging": policy().judging, "worries": starts.WORRIES})


@page(Permission.SEE, under="alerts")
def alerts_now(request: HttpRequest) -> HttpResponse:
    show = request.GET.get("show", "")
    return fragment(request, "monitoring/_alerts_now.html", _now(show if show in rule_rows.SHOWN else ""))


def _now(show: str) -> dict[str, Any]:
    everything = rule_rows.rows()
    look, says = rule_rows.sentence(everything)
    return {"rows": rule_rows.of_kind(everything, show), "look": look, "sentence": says, "refresh": f"{reverse('alerts_now')}?show={show}"}


# -- one ---------------------------------------------------------------------------------------------------------------
@page(Permission.SEE, under="alerts")
def alert(request: HttpRequest, pk: int) -> HttpResponse:
    return _editor(request, RuleForm(get_object_or_404(AlertRule, pk=pk)))


@page(Permission.ALERTS, under="alerts")
def alert_new(request: HttpRequest) -> HttpResponse:
    """From a worry (`start`), or from a chart (`metric`, `dimension`, `subject`)."""
    asked = request.GET
    rule = starts.of_worry(asked.get("start", "")) or starts.of_metric(asked.get("metric", "") if asked.get("metric", "") in METRICS else "tls_error_share")
    if asked.get("dimension") in METRICS[rule.metric].dimensions:
        rule.dimension = asked["dimension"]
        rule.subjects = asked.getlist("subject")[:50] if rule.dimension != Dimension.ALL else []
    return _editor(request, RuleForm(rule))


@action(Permission.ALERTS)
def alert_draft(request: HttpRequest) -> HttpResponse:
    """The form as it was just changed, with its preview; nothing is kept."""
    rule = _asked_for(request)
    form = RuleForm(rule, request.POST)
    if request.headers.get("HX-Request"):
        return fragment(request, "monitoring/_alert_draft.html", _context(form, request.POST.get("seen", "")))
    return _editor(request, form, request.POST.get("seen", ""))


@action(Permission.ALERTS)
def alert_keep(request: HttpRequest) -> HttpResponse:
    rule, seen = _asked_for(request), request.POST.get("seen", "")
    form = RuleForm(rule, request.POST)
    if not form.is_valid():  # nor is it where another metric was chosen and nothing of it was shown yet
        return _editor(request, form, seen, 422)
    wish = form.row()
    judged = rule_of(wish)
    wish.name = wish.name or (words.name_of(judged, [form.labels.get(key, key) for key in wish.subjects]) if judged else "")
    try:
        kept = keep.keep(wish, request.user, _moment(seen) if rule.pk else None, address_of(request))
    except RuleRefused as no:
        form.add_error(no.field if no.field in form.fields else None, str(no))
        return _editor(request, form, _seen(AlertRule.objects.filter(pk=rule.pk).first() or rule), 422)
    messages.success(request, "It was kept, and is judged from now on." if kept.enabled else "It was kept. It is switched off.")
    return redirect("alert", kept.pk)


@action(Permission.ALERTS)
def alert_switch(request: HttpRequest, pk: int) -> HttpResponse:
    on = request.POST.get("on") == "yes"
    keep.switch(get_object_or_404(AlertRule, pk=pk), on, request.user, address_of(request))
    return back(request, "alert", pk)


@action(Permission.ALERTS)
def alert_delete(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(AlertRule, pk=pk)
    keep.delete(rule, request.user, address_of(request))
    messages.success(request, f"The rule “{rule.name}” is gone.")
    return redirect("alerts")


@action(Permission.ALERTS)
def alerts_judging(request: HttpRequest) -> HttpResponse:
    MonitoringPolicy.objects.get_or_create(pk=1)
    JUDGING.turn(request, request.POST.get("on") == "yes", pk=1)
    return redirect("alerts")


def _editor(request: HttpRequest, form: RuleForm, seen: str = "", status: int = 200) -> HttpResponse:
    rule = form.rule
    more: dict[str, Any] = {"open": [], "past": [], "worries": starts.WORRIES}
    if rule.pk:
        of = Incident.objects.filter(rule=rule).order_by("-opened_at")
        more |= {"open": list(of.filter(resolved_at=None)[:10]), "past": list(of.exclude(resolved_at=None)[:10])}
    return render(request, "monitoring/alert.html", {**_context(form, seen or _seen(rule)), **more}, status=status)


def _context(form: RuleForm, seen: str) -> dict[str, Any]:
    """The form, what it says in a sentence, and what it would have done."""
    rule, at = form.rule, now()
    draft = form.start if not form.is_bound else form.row() if form.is_valid() else None
    judged = rule_of(draft) if draft is not None and (draft.threshold is not None or draft.comparison == AlertRule.Comparison.NO_DATA) else None
    context: dict[str, Any] = {"form": form, "rule": rule, "seen": seen, "at": at, "told": [], "says": "", "preview": None, "chart": None}
    if draft is not None:
        context["told"] = who_will_be_told(draft.severity, at)
        context["severity"] = Severity(draft.severity).label
    if judged is not None and draft is not None:
        since = at - LOOKED_AT
        found = preview(judged, since, at)
        context |= {
            "says": words.of_rule(judged, [form.labels.get(key, key) for key in sorted(judged.subjects)]), "preview": found, "metric": judged.metric,
            "firings": [(one, figure(judged.metric, one.worst)) for one in reversed(found.firings[-SHOWN_FIRINGS:])],
            "chart": chart_of(judged, found, max(since, found.since), at, draft.severity), "looked_s": found.looked_at.total_seconds(),
        }  # fmt: skip
    return context


def _asked_for(request: HttpRequest) -> AlertRule:
    """The rule that a form is about: one that there is, or a new one."""
    pk = request.POST.get("rule", "")
    if pk.isdecimal() and len(pk) < 16:
        return get_object_or_404(AlertRule, pk=pk)
    return AlertRule(metric=request.POST.get("metric", ""))


def _seen(rule: AlertRule) -> str:
    return rule.updated_at.isoformat() if rule.pk and rule.updated_at else ""


def _moment(said: str) -> datetime | None:
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        return None


register(Group.SETTINGS, "Alert rules", "alerts", Permission.SEE, 15)
urlpatterns = [
    path("alerts/", alerts, name="alerts"),
    path("alerts/now/", alerts_now, name="alerts_now"),
    path("alerts/new/", alert_new, name="alert_new"),
    path("alerts/draft/", alert_draft, name="alert_draft"),
    path("alerts/keep/", alert_keep, name="alert_keep"),
    path("alerts/judging/", alerts_judging, name="alerts_judging"),
    path("alerts/<int:pk>/", alert, name="alert"),
    path("alerts/<int:pk>/switch/", alert_switch, name="alert_switch"),
    path("alerts/<int:pk>/delete/", alert_delete, name="alert_delete"),
]
