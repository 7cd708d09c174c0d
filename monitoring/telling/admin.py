"""Telling in the admin: channels and steps are edited on the console too; notifications are evidence. Secrets go in on the console, never out."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from mailplatform.shell.look_only import LookOnly
from mailplatform.shell.one_row import OneRow
from monitoring.telling import models


@admin.register(models.Channel)
class ChannelAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "kind", "address", "enabled", "failing_since", "last_told_at")


@admin.register(models.TellStep)
class TellStepAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("severity", "after_minutes", "channel")


@admin.register(models.MailRoute)
class MailRouteAdmin(OneRow):
    list_display = ("__str__", "security", "user", "sender")


@admin.register(models.Telling)
class TellingAdmin(LookOnly):
    list_display = ("subject", "channel", "kind", "state", "created_at", "tries", "told_at")
    list_filter = ("state", "kind", "channel")
