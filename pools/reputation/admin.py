"""Reputation in the admin: the policies are edited; standings, actions, scores and evidence are only looked at. Actions are cancelled on their pages."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from mailplatform.shell.look_only import LookOnly
from mailplatform.shell.one_row import OneRow
from pools.reputation import models


@admin.register(models.ReputationPolicy)
class ReputationPolicyAdmin(OneRow):
    list_display = ("__str__", "mode", "leave_below", "return_at", "updated_at")
    readonly_fields = ("updated_at",)


@admin.register(models.PoolReputationPolicy)
class PoolReputationPolicyAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("pool", "mode", "leave_below", "return_at", "cover_share", "updated_at")
    list_select_related = ("pool",)
    readonly_fields = ("updated_at",)


@admin.register(models.PathStanding)
class PathStandingAdmin(LookOnly):
    list_display = ("path", "state", "step", "score", "since", "until", "covering", "sentence")
    list_filter = ("state", "covering")
    list_select_related = ("path__ip", "path__provider")


@admin.register(models.Action)
class ActionAdmin(LookOnly):
    list_display = ("at", "name", "scope", "ip", "provider", "pool", "state", "sentence", "until", "ended_at", "ended_by")
    list_filter = ("name", "scope", "state")
    list_select_related = ("ip", "provider", "pool")


@admin.register(models.ScoreSample)
class ScoreSampleAdmin(LookOnly):
    list_display = ("at", "scope", "ip_id", "provider_id", "pool_id", "tenant_id", "score", "state")
    list_filter = ("scope",)


@admin.register(models.BlockEvidence)
class BlockEvidenceAdmin(LookOnly):
    list_display = ("minute", "ip_id", "provider_id", "tenant_id", "stream_id", "blocked", "deferred", "named", "reason", "reply")


@admin.register(models.PoolMinute)
class PoolMinuteAdmin(LookOnly):
    list_display = ("minute", "pool_id", "ip_id", "attempted", "delivered")


@admin.register(models.PoolHour)
class PoolHourAdmin(LookOnly):
    list_display = ("hour", "pool_id", "ip_id", "attempted", "delivered")


@admin.register(models.PoolDay)
class PoolDayAdmin(LookOnly):
    list_display = ("day", "pool_id", "ip_id", "attempted", "delivered")


@admin.register(models.PathHour)
class PathHourAdmin(LookOnly):
    list_display = ("hour", "ip_id", "provider_id", "attempted", "delivered", "blocked", "complaints")


@admin.register(models.PathDay)
class PathDayAdmin(LookOnly):
    list_display = ("day", "ip_id", "provider_id", "attempted", "delivered", "blocked", "complaints")


@admin.register(models.StreamHour)
class StreamHourAdmin(LookOnly):
    list_display = ("hour", "tenant_id", "stream_id", "pool_id", "provider_id", "attempted", "delivered", "bounced", "complaints")


@admin.register(models.StreamDay)
class StreamDayAdmin(LookOnly):
    list_display = ("day", "tenant_id", "stream_id", "pool_id", "provider_id", "attempted", "delivered", "bounced", "complaints")
