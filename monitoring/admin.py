"""Monitoring in the admin: to be read. What watchers and agents wrote is evidence; nobody edits it."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from monitoring.models import Drill, NodeReport, Verdict, WatcherBeat


class ReadOnly(ModelAdmin):  # type: ignore[misc]
    """Lists and shows."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(NodeReport)
class NodeReportAdmin(ReadOnly):
    list_display = ("node", "at", "cpu_percent", "memory_percent", "load_1m", "sockets", "disk_free_bytes", "agent_pid")


@admin.register(WatcherBeat)
class WatcherBeatAdmin(ReadOnly):
    list_display = ("zone", "at", "looks", "longest_gap_ms", "pid")


@admin.register(Verdict)
class VerdictAdmin(ReadOnly):
    list_display = ("engine_id", "node", "slot", "kind", "at", "given_back", "answered_in_journal", "unknowable", "judge")
    list_filter = ("kind", "node")
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(Drill)
class DrillAdmin(ReadOnly):
    list_display = ("kind", "scope", "state", "started_by", "started_at", "ended_at", "figures")
    list_filter = ("kind", "state")
    date_hierarchy = "started_at"
    show_full_result_count = False
