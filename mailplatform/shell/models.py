"""Notices: rows that ask for a person's attention. Any app writes them; monitoring makes incidents of them."""

from django.db import models
from django.db.models import Q


class Severity(models.IntegerChoices):
    INFO = 0, "info"
    WARNING = 1, "warning"
    CRITICAL = 2, "critical"


class Notice(models.Model):
    """One open notice a (kind, scope); raising it again refreshes it."""

    kind = models.CharField(max_length=60)
    scope = models.CharField(max_length=200, blank=True)
    severity = models.IntegerField(choices=Severity, default=Severity.WARNING)
    sentence = models.TextField(help_text="What happened and what to do, in words.")
    evidence = models.JSONField(default=dict, blank=True)
    link = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    cleared_at = models.DateTimeField(null=True, blank=True)
    cleared_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-severity", "-created_at"]
        constraints = [models.UniqueConstraint(fields=["kind", "scope"], condition=Q(cleared_at=None), name="one_open_notice_a_scope")]

    def __str__(self) -> str:
        return self.sentence


class AuditEntry(models.Model):
    """Who did what to what. Written by shell.audit, never changed."""

    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True, help_text="The user, if it was one; kept when the account is gone.")
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=200)
    sentence = models.TextField()
    address = models.GenericIPAddressField(null=True, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["target", "-id"], name="audit_of_target"), models.Index(fields=["actor", "-id"], name="audit_of_actor")]

    def __str__(self) -> str:
        return self.sentence


class ClusterBeat(models.Model):
    """A django-q2 cluster's last sign of life, every few seconds, written by its broker (shell.database.broker)."""

    name = models.CharField(max_length=100, primary_key=True)
    at = models.DateTimeField(help_text="By the database's clock.")
    host = models.CharField(max_length=255, blank=True)
    pid = models.IntegerField()
    workers = models.PositiveSmallIntegerField(help_text="That live.")
    reborn = models.PositiveIntegerField(help_text="Processes started again since it began, those that had done their share too.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
