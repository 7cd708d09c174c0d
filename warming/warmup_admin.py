"""Warm-ups in the admin: the policy and what is known of an IP's past are edited; warm-ups and decisions are only looked at, their pages steer them."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from mailplatform.shell.look_only import LookOnly
from warming import warmups


@admin.register(warmups.WarmingPolicy)
class WarmingPolicyAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("__str__", "is_on", "starts_itself", "new_plan", "idle_plan", "updated_at")
    readonly_fields = ("updated_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not warmups.WarmingPolicy.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(warmups.IpPast)
class IpPastAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("ip", "warm_since", "why", "by", "last_sent_at")
    list_select_related = ("ip",)
    readonly_fields = ("last_sent_at",)


@admin.register(warmups.Warmup)
class WarmupAdmin(LookOnly):
    list_display = ("ip", "provider", "state", "stage", "cap_per_day", "pace", "plan", "started_at", "judged_at")
    list_filter = ("state",)
    list_select_related = ("ip", "provider", "plan")


@admin.register(warmups.WarmupDecision)
class WarmupDecisionAdmin(LookOnly):
    list_display = ("at", "warmup", "kind", "by", "sentence", "cap_before", "cap_after")
    list_filter = ("kind",)
    list_select_related = ("warmup__ip", "warmup__provider")


@admin.register(warmups.WarmupDay)
class WarmupDayAdmin(LookOnly):
    list_display = ("warmup", "number", "stage", "cap", "attempted", "delivered", "deferred", "blocked", "bounced", "complaints")
    list_select_related = ("warmup__ip", "warmup__provider")
