"""Failover in the admin: the policy is edited within its bounds, returns are read."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from mailplatform.shell.look_only import LookOnly
from pools.failover.models import FailoverPolicy, NodeReturn


@admin.register(FailoverPolicy)
class FailoverPolicyAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("__str__", "give_up_ms", "agent_away_ms", "returns_by_steps", "return_s", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not FailoverPolicy.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(NodeReturn)
class NodeReturnAdmin(LookOnly):
    list_display = ("node", "lost_at", "losses", "takes_s", "back_at")
