"""The admin of listings: block lists and the policy to change, what was seen to look at."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from mailplatform.shell.look_only import LookOnly
from pools.listings.meaning import NO_LISTING
from pools.listings.models import AddressCheck, DnsblZone, Listing, ListingPolicy, ProviderGrade, Weight
from pools.listings.zones import ended

_HEALTH = ("health", "health_why", "health_since", "answered_at", "questions_on", "questions_asked")


class DnsblZoneForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = DnsblZone
        exclude = (*_HEALTH, "shipped", "look_wanted_at")

    def clean_zone(self) -> str:
        name = str(self.cleaned_data["zone"]).strip().rstrip(".").lower()
        if "." not in name or any(not part or len(part) > 63 for part in name.split(".")):
            raise ValidationError("A zone is a name like zen.spamhaus.org.")
        if why := ended(name):
            raise ValidationError(f"{name} {why}: it must not be asked.")
        return name

    def clean_meanings(self) -> dict[str, Any]:
        meanings = self.cleaned_data["meanings"] or {}
        fits = isinstance(meanings, dict) and all(isinstance(one, dict) and isinstance(one.get("means"), str) for one in meanings.values())
        if not fits or any(one.get("weight", Weight.INFO) not in (*Weight.values, NO_LISTING) for one in meanings.values()):
            raise ValidationError('Meanings are {"127.0.0.2": {"means": "…", "weight": "info, warning or critical; none: no listing"}}.')
        return dict(meanings)

    def clean_errors(self) -> dict[str, str]:
        errors = self.cleaned_data["errors"] or {}
        if not isinstance(errors, dict) or not all(isinstance(one, str) for one in errors.values()):
            raise ValidationError('Errors are {"127.255.255.254": "what it means"}.')
        return dict(errors)

    def clean_delisting(self) -> str:
        link = str(self.cleaned_data["delisting"])
        if link and not link.startswith("https://"):
            raise ValidationError("A link begins with https://.")
        return link


@admin.register(DnsblZone)
class DnsblZoneAdmin(ModelAdmin):  # type: ignore[misc]
    form = DnsblZoneForm
    list_display = ("zone", "title", "lists", "asked", "weight", "health", "answered_at", "questions_asked")
    list_filter = ("asked", "health", "lists")
    search_fields = ("zone", "title")
    readonly_fields = _HEALTH


@admin.register(Listing)
class ListingAdmin(LookOnly):
    list_display = ("ip", "domain", "zone", "codes", "severity", "listed_since", "last_seen_at", "cleared_at")
    list_filter = ("severity", "zone")
    list_select_related = ("ip",)
    search_fields = ("zone", "ip__address")


@admin.register(AddressCheck)
class AddressCheckAdmin(LookOnly):
    list_display = ("ip", "state", "found", "sentence", "since", "checked_at")
    list_filter = ("state",)
    list_select_related = ("ip",)


@admin.register(ProviderGrade)
class ProviderGradeAdmin(LookOnly):
    list_display = ("day", "subject", "provider", "grade", "said", "source", "file", "imported_by", "imported_at")
    list_filter = ("source", "grade")
    search_fields = ("subject",)


@admin.register(ListingPolicy)
class ListingPolicyAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("mode", "enabled", "ask_every_s", "confirm_after_s", "stale_after_s", "name_every_s", "many_share")
    readonly_fields = ("mode",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ListingPolicy | None = None) -> bool:
        return False
