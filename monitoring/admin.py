"""Monitoring in the admin: to be read. What watchers and agents wrote is evidence; nobody edits it."""

from django.contrib import admin

from mailplatform.shell.look_only import LookOnly
from monitoring.alerts import admin as alerts_admin  # noqa: F401  registers its own
from monitoring.dns import admin as dns_admin  # noqa: F401  registers its own
from monitoring.drills import admin as drills_admin  # noqa: F401  registers its own
from monitoring.endpoints import admin as endpoints_admin  # noqa: F401  registers its own
from monitoring.metrics import admin as metrics_admin  # noqa: F401  registers its own
from monitoring.models import AgentBeat, NodeReport, Verdict, WatcherBeat
from monitoring.telling import admin as telling_admin  # noqa: F401  registers its own
from monitoring.zones import admin as zones_admin  # noqa: F401  registers its own


@admin.register(NodeReport)
class NodeReportAdmin(LookOnly):
    list_display = ("node", "at", "cpu_percent", "memory_percent", "load_1m", "sockets", "disk_free_bytes", "agent_pid")


@admin.register(AgentBeat)
class AgentBeatAdmin(LookOnly):
    list_display = ("node", "at", "pid")


@admin.register(WatcherBeat)
class WatcherBeatAdmin(LookOnly):
    list_display = ("zone", "at", "looks", "longest_gap_ms", "pid")


@admin.register(Verdict)
class VerdictAdmin(LookOnly):
    list_display = ("engine_id", "node", "slot", "kind", "at", "given_back", "answered_in_journal", "unknowable", "judge")
    list_filter = ("kind", "node")
    date_hierarchy = "at"
