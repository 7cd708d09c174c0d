"""Machines in the admin: to be read, and to be forgotten when they are no more."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from mailplatform.shell.look_only import LookOnly
from monitoring.zones.models import Machine


@admin.register(Machine)
class MachineAdmin(LookOnly):
    list_display = ("name", "zone", "public_url", "joined", "started_at")
    list_filter = ("joined", "zone")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(ModelAdmin.has_delete_permission(self, request, obj))
