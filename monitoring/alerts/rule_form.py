"""The form of a rule: what people type, as an AlertRule that is not kept yet. What it offers follows the metric that is chosen."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.urls import reverse_lazy

from mailplatform.shell.models import Severity
from monitoring.alerts import starts, words
from monitoring.alerts.judge import OF_PAST
from monitoring.alerts.models import AlertRule
from monitoring.alerts.rules import problems
from monitoring.alerts.sentences import span
from monitoring.metrics import read
from monitoring.metrics.catalog import METRICS, Dimension, Kind, Metric, groups

MOST_OFFERED = 200
_AMOUNTS = ("threshold", "clear", "at_least")
_SPANS = ("window_s", "for_s", "clear_for_s")


def _text(label: str, help_text: str = "", required: bool = False, size: int = 60) -> forms.CharField:
    return forms.CharField(label=label, help_text=help_text, required=required, max_length=size, widget=forms.TextInput(attrs={"autocomplete": "off"}))


def _time(label: str) -> forms.TimeField:
    return forms.TimeField(label=label, required=False, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}))


def _begins_anew() -> forms.Select:
    """What the other fields depend on: they come anew from the server when it changes; when another changes, the preview alone does."""
    swap = {"hx-post": reverse_lazy("alert_draft"), "hx-trigger": "change consume", "hx-target": "#draft", "hx-select": "#draft", "hx-swap": "outerHTML"}
    return forms.Select(attrs=swap)


class RuleForm(forms.Form):
    """`row()` after `is_valid()`. `was` is the metric that the other fields belong to: where it differs, they begin anew."""

    metric = forms.ChoiceField(label="What", widget=_begins_anew())
    dimension = forms.ChoiceField(label="Of whom", widget=_begins_anew())
    subjects = forms.MultipleChoiceField(label="Of these alone", required=False, widget=forms.SelectMultiple(attrs={"size": 6}))
    comparison = forms.ChoiceField(label="Is", choices=AlertRule.Comparison.choices, widget=_begins_anew())
    threshold = _text("This much")
    at_least = _text("And at least", "Compared with its past: many times almost nothing is nothing still.")
    clear = _text("Well again at", "Leave room between the two, so that it does not come and go. Empty: the same number.")
    window_s = _text("Summed over", "10 s to 24 h.")
    for_s = _text("For", "So long without a break, before anybody is told. 0 s: at once.", required=True)
    clear_for_s = _text("Well for", "So long, before it is over.", required=True)
    severity = forms.TypedChoiceField(label="Severity", choices=Severity.choices, coerce=int, help_text="Who is told of which stands on the page Channels.")
    quiet_from, quiet_until = _time("Quiet from, UTC"), _time("Quiet until, UTC")
    name = _text("Name", "Empty: what it says.", size=120)
    runbook = forms.CharField(label="What to do", required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3}), help_text="For whoever is woken.")
    link = _text("Link", "A page of this console (/messages/), or a runbook elsewhere (https://…).", size=300)
    was = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, rule: AlertRule, data: Any = None) -> None:
        chosen = _chosen(rule, data)
        self.rule, self.start = rule, rule  # the one that is changed; what the fields begin with
        if data is not None and data.get("was") not in ("", None, chosen):  # another metric was chosen: its own suggestions
            self.start, data = _carried(starts.of_metric(chosen), data), None
        self.about = METRICS[chosen]
        super().__init__(data, initial=_shown(self.start, self.about))
        self._offer(self.start, data)

    def _offer(self, rule: AlertRule, data: Any) -> None:
        fields: dict[str, Any] = self.fields
        fields["metric"].choices = [(title, [(one.key, one.words) for one in of]) for title, of in groups()]
        fields["dimension"].choices = [(str(one), words.EACH[one].capitalize()) for one in self.about.dimensions]
        dimension = data.get("dimension", "") if data is not None else rule.dimension
        dimension = dimension if dimension in self.about.dimensions else str(self.about.dimensions[0])
        self.has_subjects = dimension != Dimension.ALL
        there = {one.key: one.label for one in read.subjects_of(self.about.key, dimension)[:MOST_OFFERED]} if self.has_subjects else {}
        known = read.labels(dimension) if self.has_subjects else {}
        there |= {key: known.get(key, key) for key in rule.subjects if key not in there}
        fields["subjects"].choices = sorted(there.items(), key=lambda one: one[1].lower())
        fields["subjects"].help_text = "None chosen: each of them." if there else "None is known yet: each that comes."
        fields["threshold"].help_text = words.unit_of(self.about).capitalize() + "."
        self.labels = there
        self.is_past = (data.get("comparison") if data is not None else rule.comparison) in OF_PAST
        self.has_window = self.about.kind is not Kind.LEVEL

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        of_past = given.get("comparison") in OF_PAST
        for name in _AMOUNTS:
            times = of_past and name != "at_least"
            given[name] = self._read(name, words.read_times if times else lambda said: words.read_amount(self.about, said))
        for name in _SPANS:
            given[name] = self._read(name, words.read_span)
        if not of_past:
            given["at_least"] = None
        if not self.has_window:
            given["window_s"] = None
        self.cleaned_data = given
        if not self.errors:
            for field, why in problems(self.row()).items():
                self.add_error(field if field in self.fields else None, why)
        return given

    def _read(self, name: str, how: Callable[[str], float | None]) -> Any:
        try:
            return how(self.cleaned_data.get(name) or "")
        except words.NotANumber as no:
            self.add_error(name, str(no))
            return None

    def row(self) -> AlertRule:
        """Of what was typed, with the key of the one that is changed."""
        names = ("metric", "dimension", "comparison", "severity", "quiet_from", "quiet_until", "runbook", "link", *_AMOUNTS)
        made = AlertRule(pk=self.rule.pk, enabled=self.rule.enabled, **{name: self.cleaned_data.get(name) for name in names})
        made.subjects = list(self.cleaned_data.get("subjects") or []) if self.cleaned_data.get("dimension") != Dimension.ALL else []
        made.window_s = self.cleaned_data.get("window_s")
        made.for_s, made.clear_for_s = self.cleaned_data.get("for_s") or 0, self.cleaned_data.get("clear_for_s") or 0
        made.name = (self.cleaned_data.get("name") or "").strip()
        return made


def _chosen(rule: AlertRule, data: Any) -> str:
    asked = str(data.get("metric", "")) if data is not None else rule.metric
    return asked if asked in METRICS else rule.metric if rule.metric in METRICS else next(iter(METRICS))


def _carried(fresh: AlertRule, data: Any) -> AlertRule:
    """What does not belong to a metric stays what it was."""
    severity = str(data.get("severity", ""))
    fresh.name = str(data.get("name", ""))[:120]
    fresh.severity = int(severity) if severity in map(str, Severity.values) else fresh.severity
    return fresh


def _shown(rule: AlertRule, about: Metric) -> dict[str, Any]:
    times = rule.comparison in OF_PAST

    def number(value: float | None) -> str:
        return "" if value is None else f"{value:g}" if times else words.amount(about, value)

    plain = ("dimension", "subjects", "comparison", "severity", "quiet_from", "quiet_until", "name", "runbook", "link")
    return {name: getattr(rule, name) for name in plain} | {
        "metric": about.key, "was": about.key, "threshold": number(rule.threshold), "clear": number(rule.clear), "at_least": words.amount(about, rule.at_least),
        "window_s": span(rule.window_s or about.window_s) if about.kind is not Kind.LEVEL else "", "for_s": span(rule.for_s),
        "clear_for_s": span(rule.clear_for_s),
    }  # fmt: skip


