"""Drills in the admin: runs and faults are read, objectives and schedule are edited within their bounds."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from mailplatform.shell.look_only import LookOnly
from mailplatform.shell.one_row import OneRow
from monitoring.drills.models import Drill, DrillPolicy, DrillSchedule, Fault


@admin.register(Drill)
class DrillAdmin(LookOnly):
    list_display = ("kind", "scope", "state", "verdict", "started_by", "started_at", "ended_at", "figures")
    list_filter = ("kind", "state", "verdict")
    date_hierarchy = "started_at"


@admin.register(Fault)
class FaultAdmin(LookOnly):
    list_display = ("kind", "node", "ip", "begins_at", "until", "obeyed_at", "ended_at", "says")
    list_filter = ("kind",)


@admin.register(DrillPolicy)
class DrillPolicyAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("__str__", "planned", "every_days", "next_at", "detect_ms", "reroute_ms", "recovery_s", "point_s", "lost_max", "doubled_max")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(DrillSchedule)
class DrillScheduleAdmin(OneRow):
    list_display = ("__str__", "on", "in_live", "weekdays", "from_hour", "until_hour", "updated_at")
