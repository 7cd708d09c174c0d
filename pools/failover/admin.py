"""Failover in the admin: the policy is edited within its bounds, returns are read."""

from django.contrib import admin

from mailplatform.shell.look_only import LookOnly
from mailplatform.shell.one_row import OneRow
from pools.failover.models import FailoverPolicy, NodeReturn


@admin.register(FailoverPolicy)
class FailoverPolicyAdmin(OneRow):
    list_display = ("__str__", "give_up_ms", "agent_away_ms", "returns_by_steps", "return_s", "updated_at")


@admin.register(NodeReturn)
class NodeReturnAdmin(LookOnly):
    list_display = ("node", "lost_at", "losses", "takes_s", "back_at")
