"""Endpoints in the admin: doors and the policy are edited; looks, vantage points and verdicts are evidence."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from mailplatform.shell.look_only import LookOnly
from mailplatform.shell.one_row import OneRow
from monitoring.endpoints import models


@admin.register(models.ProbePolicy)
class ProbePolicyAdmin(OneRow):
    list_display = ("__str__", "every_ms", "timeout_ms", "down_after", "up_after", "recover_s", "updated_at")


@admin.register(models.Endpoint)
class EndpointAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "kind", "host", "port", "tls", "zone", "enabled", "state", "since")
    list_filter = ("kind", "state", "zone", "enabled")
    list_select_related = ("zone",)
    search_fields = ("name", "host")


@admin.register(models.VantagePoint)
class VantagePointAdmin(LookOnly):
    list_display = ("name", "kind", "zone", "at", "rounds", "pid")


@admin.register(models.EndpointLook)
class EndpointLookAdmin(LookOnly):
    list_display = ("endpoint", "vantage", "ok", "in_row", "latency_ms", "error", "at")
    list_select_related = ("endpoint", "vantage")


@admin.register(models.EndpointVerdict)
class EndpointVerdictAdmin(LookOnly):
    list_display = ("endpoint", "state", "at", "spoken_by", "sentence")
    list_filter = ("state",)
    list_select_related = ("endpoint",)
