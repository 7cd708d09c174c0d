"""Metrics in the admin: to be read; how long they are kept is edited."""

from django.contrib import admin

from mailplatform.shell.look_only import LookOnly
from mailplatform.shell.one_row import OneRow
from monitoring.metrics import models


@admin.register(models.MonitoringPolicy)
class MonitoringPolicyAdmin(OneRow):
    list_display = ("__str__", "judging", "telling", "ticks_hours", "minutes_days", "hours_days")


@admin.register(models.MetricSubject)
class MetricSubjectAdmin(LookOnly):
    list_display = ("dimension", "label", "key")
    list_filter = ("dimension",)
    search_fields = ("label", "key")


@admin.register(models.MetricTick, models.MetricMinute, models.MetricHour, models.MetricDay)
class MetricValuesAdmin(LookOnly):
    list_display = ("metric", "dimension", "at")
    list_filter = ("metric", "dimension")
    show_full_result_count = False
