"""Channels, who is told what when, and every notification with its answer. Secrets are encrypted and never shown."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from mailplatform.shell.bounds import between
from mailplatform.shell.models import Severity


class Channel(models.Model):
    """A way to reach people."""

    class Kind(models.TextChoices):
        EMAIL = "email", "mail"
        WEBHOOK = "webhook", "signed webhook"
        SLACK = "slack", "Slack-compatible"
        PAGERDUTY = "pagerduty", "PagerDuty-compatible"

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, choices=Kind)
    address = models.CharField(
        max_length=300,
        blank=True,
        help_text="Mail addresses, separated by commas, or an address as it may be shown. URLs with a secret in them are kept encrypted.",
    )
    secret_encrypted = models.BinaryField(null=True, blank=True, editable=False, help_text="The URL, the signing secret or the routing key, as JSON.")
    enabled = models.BooleanField(default=True)
    tells_resolved = models.BooleanField("tells the end too", default=True)
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(validators=between(1, 7)),
        default=list,
        blank=True,
        help_text="On call on these days, 1 is Monday; empty: every day.",
    )
    from_time = models.TimeField(null=True, blank=True, help_text="On call from, UTC; empty: all day.")
    until_time = models.TimeField(null=True, blank=True, help_text="On call until, UTC; may be on the next day.")
    per_hour = models.PositiveSmallIntegerField("at most an hour", default=60, validators=between(1, 1000))
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    last_told_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_problem = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(from_time__isnull=True, until_time__isnull=True) | Q(from_time__isnull=False, until_time__isnull=False),
                name="hours_on_call_have_both_ends",
            )
        ]

    def __str__(self) -> str:
        return self.name


class TellStep(models.Model):
    """Who is told of incidents of a severity, and after how long if nobody has acknowledged: 0 at once, more is an escalation."""

    severity = models.IntegerField("from severity", choices=Severity, default=Severity.WARNING, help_text="Of this severity or a worse one.")
    after_minutes = models.PositiveSmallIntegerField(
        "after", default=0, validators=between(0, 1440), help_text="Minutes without an acknowledgement; 0: at once."
    )
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="steps")

    class Meta:
        ordering = ["severity", "after_minutes"]
        constraints = [models.UniqueConstraint(fields=["severity", "after_minutes", "channel"], name="one_step_a_channel_and_time")]

    def __str__(self) -> str:
        return f"{self.get_severity_display()}: {self.channel}" + (f" after {self.after_minutes} min" if self.after_minutes else "")


class Telling(models.Model):
    """One notification to one channel."""

    class Kind(models.TextChoices):
        OPENED = "opened"
        ESCALATED = "escalated"
        ACKNOWLEDGED = "acknowledged"
        RESOLVED = "resolved"
        TEST = "test"

    class State(models.TextChoices):
        WAITING = "waiting"
        TOLD = "told"
        FAILED = "failed"  # given up after its tries
        DROPPED = "dropped"  # silenced, resolved before it was told, over the channel's rate: `answer` says which

    key = models.CharField(max_length=200, unique=True, help_text="Of what, to whom, which kind: the same thing is told once.")
    incident = models.ForeignKey("monitoring.Incident", null=True, blank=True, on_delete=models.CASCADE, related_name="tellings")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="tellings")
    kind = models.CharField(max_length=12, choices=Kind)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    facts = models.JSONField(default=dict, blank=True, help_text="What a webhook's body is made of.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    answer = models.TextField(blank=True, help_text="What the other side said last, or why it was dropped.")
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["due_at"], condition=Q(state="waiting"), name="tellings_that_are_due")]

    def __str__(self) -> str:
        return self.subject


OPENINGS = (Telling.Kind.OPENED, Telling.Kind.ESCALATED)  # that say of an incident that it is open; the others tell what became of it, or are tests
HEAR_WHO_HAS_IT = (Channel.Kind.PAGERDUTY,)  # that go on waking people until they are told that somebody has acknowledged


class MailRoute(models.Model):
    """The one row that says how monitoring's own mail leaves: an SMTP server that is not this platform."""

    class Security(models.TextChoices):
        STARTTLS = "starttls", "STARTTLS, required"
        TLS = "tls", "TLS from the first byte"
        NONE = "none", "none: a relay on this machine"

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    host = models.CharField(max_length=255, blank=True, help_text="Empty: no mail is sent.")
    port = models.PositiveIntegerField(default=587, validators=between(1, 65_535))
    security = models.CharField(max_length=8, choices=Security, default=Security.STARTTLS)
    user = models.CharField(max_length=200, blank=True)
    password_encrypted = models.BinaryField(null=True, blank=True, editable=False)
    sender = models.EmailField(blank=True, help_text="The From address.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "monitoring: mail route"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_mail_route")]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.host else "no mail route"
