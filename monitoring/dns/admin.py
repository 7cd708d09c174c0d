"""DNS failover in the admin: DNS zones, record sets and targets are edited; changes are evidence. A secret goes in and never comes out."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminPasswordWidget

from mailplatform.shell.look_only import LookOnly
from mailplatform.shell.secrets import encrypt
from monitoring.dns import models


class DnsZoneForm(forms.ModelForm):  # type: ignore[type-arg]
    secret = forms.CharField(
        required=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="The TSIG secret in base64, or the provider's token. Kept encrypted, shown to nobody; empty keeps what is there.",
    )  # fmt: skip

    class Meta:
        model = models.DnsZone
        fields = ("name", "way", "server", "port", "key_name", "key_algorithm", "provider", "authoritative", "timeout_ms")

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("secret"):
            self.instance.secret_encrypted = encrypt(self.cleaned_data["secret"].strip().encode())
        return super().save(commit)


@admin.register(models.DnsZone)
class DnsZoneAdmin(ModelAdmin):  # type: ignore[misc]
    form = DnsZoneForm
    list_display = ("name", "way", "server", "port", "key_name", "provider", "simulated")
    search_fields = ("name",)


class RecordTargetInline(TabularInline):  # type: ignore[misc]
    model = models.RecordTarget
    extra = 1
    autocomplete_fields = ("endpoints",)


@admin.register(models.RecordSet)
class RecordSetAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "type", "dns_zone", "mode", "state", "ttl_s", "published", "published_since")
    list_filter = ("mode", "state", "dns_zone")
    list_select_related = ("dns_zone",)
    search_fields = ("name",)
    inlines = (RecordTargetInline,)


@admin.register(models.RecordTarget)
class RecordTargetAdmin(LookOnly):
    list_display = ("value", "record_set", "priority", "weight")
    list_select_related = ("record_set",)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(request.user.is_staff)


@admin.register(models.DnsChange)
class DnsChangeAdmin(LookOnly):
    list_display = ("at", "record_set", "kind", "state", "who", "why", "visible_at")
    list_filter = ("kind", "state")
    list_select_related = ("record_set",)
