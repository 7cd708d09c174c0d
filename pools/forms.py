"""The admin's forms that check more than types: rules, overrides, routes, exceptions."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q

from mailplatform.shell.secrets import encrypt
from pools.models import Provider, ResponseRule, StaticRoute, TlsException
from pools.outcomes import ActionKind, ActionScope, Reason
from pools.providers.patterns import earlier_match, problem_with_pattern, problem_with_samples
from pools.providers.profile import problems_with_overrides
from pools.route_rows import problem_with_match
from pools.routes import EVERYTHING, problem_with

_NUMBERS = ("duration_s", "trigger_count", "trigger_period_s")
_ACTION_FIELDS = {"kind", "scope", *_NUMBERS}


class ProviderForm(forms.ModelForm):
    class Meta:
        model = Provider
        fields = "__all__"

    def clean_overrides(self) -> dict[str, Any]:
        overrides = self.cleaned_data["overrides"] or {}
        if problems := problems_with_overrides(overrides):
            raise ValidationError(problems)
        return dict(overrides)


class ResponseRuleForm(forms.ModelForm):
    reason = forms.ChoiceField(choices=[(str(reason), str(reason)) for reason in Reason])
    disposition = forms.ChoiceField(choices=[(word, word) for word in ("retry", "bounce", "suppress")])

    class Meta:
        model = ResponseRule
        exclude = ("edited",)

    def clean_action(self) -> dict[str, Any]:
        action = self.cleaned_data["action"] or {}
        if problem := _problem_with_action(action):
            raise ValidationError(problem)
        return dict(action)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        pattern, samples = cleaned.get("pattern"), cleaned.get("samples")
        if pattern is None or samples is None:
            return cleaned
        if problem := problem_with_pattern(pattern, [sample for sample in samples if isinstance(sample, str)] if isinstance(samples, list) else []):
            self.add_error("pattern", problem)
        elif (problem := problem_with_samples(pattern, samples)) or (problem := self._taken_earlier(cleaned, samples)):
            self.add_error("samples", problem)
        return cleaned

    def _taken_earlier(self, cleaned: dict[str, Any], samples: list[str]) -> str | None:
        """Rules are tried a provider's own first, each by position; a sample must reach this one."""
        group, position = cleaned.get("provider_group", ""), cleaned.get("position") or 0
        same = Q(provider_group=group, position__lt=position)
        earlier = ResponseRule.objects.filter(same, enabled=True).exclude(pk=self.instance.pk).exclude(pk=cleaned.get("id"))
        return earlier_match(samples, earlier.order_by("position").values_list("id", "pattern"))


def _problem_with_action(action: object) -> str | None:
    if action == {}:
        return None
    if not isinstance(action, dict) or set(action) != _ACTION_FIELDS:
        return f"An action is empty or has exactly {', '.join(sorted(_ACTION_FIELDS))}."
    if action["kind"] not in list(ActionKind) or action["scope"] not in list(ActionScope):
        return f"kind is one of {', '.join(ActionKind)}; scope is one of {', '.join(ActionScope)}."
    if any(isinstance(action[name], bool) or not isinstance(action[name], int) for name in _NUMBERS):
        return f"{', '.join(_NUMBERS)} are whole numbers."
    if not (0 <= action["duration_s"] <= 30 * 86_400 and 1 <= action["trigger_count"] <= 1000 and 1 <= action["trigger_period_s"] <= 86_400):
        return "An action lasts at most 30 days (0: until it is lifted), after 1 to 1000 matches within at most a day."
    return None


class StaticRouteForm(forms.ModelForm):
    new_password = forms.CharField(
        required=False, strip=False, widget=forms.PasswordInput(render_value=False), help_text="Kept encrypted and never shown. Empty: the stored one stays."
    )
    forget_password = forms.BooleanField(required=False, help_text="Remove the stored password.")

    class Meta:
        model = StaticRoute
        fields = ("match", "host", "port", "tls", "username", "note")

    def clean_match(self) -> str:
        match = str(self.cleaned_data["match"]).strip().lower()
        if problem := problem_with_match(match):
            raise ValidationError(problem)
        return match

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if bool(cleaned.get("username")) != self._will_have_password(cleaned):
            self.add_error("username", "A route has a username and a password, or neither.")
        if not self.errors and (problem := problem_with(cleaned["match"], cleaned["host"], cleaned["port"], cleaned["tls"], cleaned.get("username", ""))):
            raise ValidationError(problem)
        return cleaned

    def _will_have_password(self, cleaned: dict[str, Any]) -> bool:
        kept = bool(self.instance.password_encrypted) and not cleaned.get("forget_password")
        return kept or bool(cleaned.get("new_password"))

    @property
    def changes_password(self) -> bool:
        return bool(self.cleaned_data.get("forget_password") or self.cleaned_data.get("new_password"))

    def save(self, commit: bool = True) -> StaticRoute:
        if self.cleaned_data.get("forget_password"):
            self.instance.password_encrypted = b""
        elif plain := self.cleaned_data.get("new_password"):
            self.instance.password_encrypted = encrypt(plain.encode())
        route: StaticRoute = super().save(commit)
        return route


class TlsExceptionForm(forms.ModelForm):
    class Meta:
        model = TlsException
        fields = ("match", "reason", "expires_at")

    def clean_match(self) -> str:
        match = str(self.cleaned_data["match"]).strip().lower()
        if match == EVERYTHING or problem_with(match, "localhost", 25, "required"):
            raise ValidationError("An exception names one destination: a domain, or provider:KEY.")
        return match
