"""Neighbours in the admin: the policy is edited, and never deleted; everything else is evidence and only looked at."""

from django.contrib import admin

from mailplatform.shell.look_only import LookOnly
from mailplatform.shell.one_row import OneRow
from pools.neighbours import models


@admin.register(models.NeighboursPolicy)
class NeighboursPolicyAdmin(OneRow):
    list_display = ("__str__", "mode", "moves", "caps_newcomers", "asks_alignment", "updated_at")
    readonly_fields = ("updated_at",)


@admin.register(models.TenantStanding)
class TenantStandingAdmin(LookOnly):
    list_display = ("tenant", "level", "since", "sentence", "judged_at")
    list_filter = ("level",)
    list_select_related = ("tenant",)


@admin.register(models.StandingAction)
class StandingActionAdmin(LookOnly):
    list_display = ("tenant", "kind", "state", "sentence", "begun_at", "expires_at", "ended_at", "ended_by")
    list_filter = ("kind", "state")
    list_select_related = ("tenant",)


@admin.register(models.PoolMove)
class PoolMoveAdmin(LookOnly):
    list_display = ("tenant", "stream", "from_pool", "to_pool", "state", "sentence", "proposed_at", "settled_at", "by")
    list_filter = ("state",)
    list_select_related = ("tenant", "stream", "from_pool", "to_pool")


@admin.register(models.NewcomerCap)
class NewcomerCapAdmin(LookOnly):
    list_display = ("tenant", "cap", "clean_days", "since", "lifted_at", "lifted_by")
    list_select_related = ("tenant",)


@admin.register(models.StandingWindow)
class StandingWindowAdmin(LookOnly):
    list_display = ("tenant_id", "stream_id", "provider_id", "at", "long_ended", "long_bounced", "delivered", "complaints")


@admin.register(models.CappedHour)
class CappedHourAdmin(LookOnly):
    list_display = ("tenant_id", "hour", "accepted")


@admin.register(models.SlowedPace)
class SlowedPaceAdmin(LookOnly):
    list_display = ("tenant_id", "spent_until")


@admin.register(models.NeighboursProgress)
class NeighboursProgressAdmin(LookOnly):
    list_display = ("folded_to",)
