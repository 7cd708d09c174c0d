"""Forms of the tenants' admin: people by e-mail address, API keys with their scopes."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.forms import UserChangeForm, UserCreationForm

from mailplatform.tenants.keys import ALL_SCOPES, checked_networks
from mailplatform.tenants.models import ApiKey, User


class PersonCreationForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name", "role", "tenant")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class PersonChangeForm(UserChangeForm):
    class Meta:
        model = User
        fields = ("email", "name", "role", "tenant", "is_active", "password")
        field_classes: dict[str, Any] = {}

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(choices=[(scope, scope) for scope in ALL_SCOPES], initial=list(ALL_SCOPES), widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = ApiKey
        fields = ("tenant", "name", "scopes", "allowed_networks", "expires_at")

    def clean_allowed_networks(self) -> list[str]:
        try:
            return checked_networks(self.cleaned_data["allowed_networks"] or ())
        except ValueError as no:
            raise ValidationError(f"Networks are written like 192.0.2.0/24 or 2001:db8::/32: {no}.") from None
