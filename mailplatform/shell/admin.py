"""The shell in the admin: notices and the audit, to be read. A notice is cleared where it is shown, never edited."""

from django.contrib import admin

from mailplatform.shell.look_only import LookOnly
from mailplatform.shell.models import AuditEntry, ClusterBeat, Notice


@admin.register(Notice)
class NoticeAdmin(LookOnly):
    list_display = ("kind", "scope", "severity", "sentence", "created_at", "expires_at", "cleared_at", "cleared_by")
    list_filter = ("severity", "kind")


@admin.register(AuditEntry)
class AuditEntryAdmin(LookOnly):
    list_display = ("at", "actor", "action", "target", "sentence")
    search_fields = ("actor", "target")


@admin.register(ClusterBeat)
class ClusterBeatAdmin(LookOnly):
    list_display = ("name", "at", "host", "pid", "workers", "reborn")
