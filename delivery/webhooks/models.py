"""Webhook endpoints, the outbox of what is to be told them, and the log of each try.

The outbox and the log have no foreign keys: the outbox is written in the transactions that move mail. Both are bounded in time: what is older than
the log's keep time is deleted from the lowest id up (`delivery.webhooks.upkeep`).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from mailplatform.tenants.models import Tenant


class EndpointState(models.TextChoices):
    ACTIVE = "active"
    PAUSED = "paused"  # by a person: what happens is written down and waits
    DISABLED = "disabled"  # by the platform, after failures or 410 Gone: nothing more is written down


class EventState(models.TextChoices):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"  # given up; a replay makes it pending again


class WebhookEndpoint(models.Model):
    """Where a tenant wants to be told what befalls its mail."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="webhooks")
    url = models.TextField()
    description = models.CharField(max_length=200, blank=True)
    kinds = ArrayField(models.CharField(max_length=40), default=list, blank=True, help_text="delivery.webhooks.kinds; empty: all of them.")
    streams = ArrayField(models.BigIntegerField(), default=list, blank=True, help_text="Ids of the tenant's streams; empty: all of them.")
    state = models.CharField(max_length=10, choices=EndpointState, default=EndpointState.ACTIVE)
    stopped_why = models.TextField(blank=True, help_text="Why it was disabled.")
    secret_encrypted = models.BinaryField()
    old_secret_encrypted = models.BinaryField(null=True, help_text="Signs too until then, after a rotation.")
    old_secret_until = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0, help_text="In a row.")
    failing_since = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True, help_text="Nothing is sent before: it failed several times in a row, or asked for it.")
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_problem = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["tenant", "id"]

    def __str__(self) -> str:
        return self.description or self.url


class WebhookEvent(models.Model):
    """One event for one endpoint: the outbox while it is pending, then what was sent or given up. Ids rise in the order in which things happened."""

    webhook_id = models.UUIDField(unique=True, help_text="Made of source, kind and endpoint: the same event twice is one row, and one webhook-id.")
    tenant_id = models.BigIntegerField()
    endpoint_id = models.BigIntegerField()
    message_id = models.UUIDField(help_text="Its events are sent in order.")
    delivery_id = models.UUIDField()
    source_id = models.UUIDField(help_text="The attempt or event that it tells of, or the delivery itself.")
    kind = models.CharField(max_length=40, help_text="delivery.webhooks.kinds")
    at = models.DateTimeField(help_text="When it happened.")
    state = models.CharField(max_length=8, choices=EventState, default=EventState.PENDING, db_default=EventState.PENDING)
    due_at = models.DateTimeField(help_text="When to send it next. A sender that has it in hand moves this on: its lease.")
    tries = models.SmallIntegerField(default=0, db_default=0)
    give_up_at = models.DateTimeField(null=True, help_text="Set by the first try.")
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["endpoint_id", "due_at"], name="webhook_due", condition=Q(state="pending")),
            models.Index(fields=["endpoint_id", "message_id", "id"], name="webhook_order", condition=Q(state="pending")),
            models.Index(fields=["endpoint_id", "id"], name="webhook_failed", condition=Q(state="failed")),
            models.Index(fields=["due_at"], name="webhook_tests", condition=Q(state="pending", kind="webhook.test")),
        ]

    def __str__(self) -> str:
        return f"evt_{self.webhook_id.hex}"


class WebhookTry(models.Model):
    """One request to an endpoint, and what it answered."""

    event_id = models.BigIntegerField()
    tenant_id = models.BigIntegerField()
    endpoint_id = models.BigIntegerField()
    at = models.DateTimeField()
    number = models.SmallIntegerField(help_text="Which try of its event, from 1.")
    ok = models.BooleanField()
    status = models.SmallIntegerField(null=True, help_text="Empty: there was no answer.")
    milliseconds = models.IntegerField()
    problem = models.TextField(blank=True)
    answer = models.TextField(blank=True, help_text="The beginning of the answer's body, cleaned.")

    class Meta:
        verbose_name_plural = "webhook tries"
        indexes = [
            models.Index(fields=["endpoint_id", "id"], name="webhook_tries"),
            models.Index(fields=["endpoint_id", "id"], name="webhook_failed_tries", condition=Q(ok=False)),
            models.Index(fields=["event_id"], name="webhook_tries_of_event"),
        ]

    def __str__(self) -> str:
        return f"{self.status or self.problem}"
