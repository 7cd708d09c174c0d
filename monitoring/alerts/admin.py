"""Alerts in the admin: rules and silences are edited, incidents and their timelines are evidence."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from mailplatform.shell.look_only import LookOnly
from monitoring.alerts import models


@admin.register(models.AlertRule)
class AlertRuleAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "metric", "dimension", "comparison", "threshold", "for_s", "severity", "enabled")
    list_filter = ("enabled", "severity", "metric")
    search_fields = ("name",)


@admin.register(models.Silence)
class SilenceAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("source", "dimension", "subject", "since", "until", "by", "why", "ended_by")


@admin.register(models.ShippedRule)
class ShippedRuleAdmin(ModelAdmin):  # type: ignore[misc]
    """Deleting one lets its rule be put in again at the next start."""

    list_display = ("key", "at")


@admin.register(models.AlertStanding)
class AlertStandingAdmin(LookOnly):
    list_display = ("rule", "at")


@admin.register(models.Incident)
class IncidentAdmin(LookOnly):
    list_display = ("sentence", "state", "severity", "source", "label", "opened_at", "resolved_at")
    list_filter = ("state", "severity")
    date_hierarchy = "opened_at"


@admin.register(models.IncidentEntry)
class IncidentEntryAdmin(LookOnly):
    list_display = ("incident", "at", "kind", "who", "sentence")
