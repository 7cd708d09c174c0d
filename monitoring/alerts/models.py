"""Alert rules, how each stands, incidents with their timeline, and silences.

Rules are staff's. `AlertStanding` lets another process go on counting where the last one stopped. At most one incident is open for a source (a rule
or a kind of notice) and a subject.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from mailplatform.shell.bounds import between
from mailplatform.shell.models import Severity

DAY_S = 86_400


class AlertRule(models.Model):
    """When somebody is to be told: a metric, of whom, compared with what, for how long."""

    class Comparison(models.TextChoices):
        ABOVE = "above", "above a number"
        BELOW = "below", "below a number"
        TIMES_MEDIAN = "times_median", "above so many times its usual"  # the median of its last seven days
        TIMES_WEEK = "times_week", "above so many times the same hour a week ago"
        NO_DATA = "no_data", "without data"

    name = models.CharField(max_length=120, unique=True)
    metric = models.CharField(max_length=40, help_text="monitoring.metrics.catalog")
    dimension = models.CharField(max_length=12, default="all", help_text="Each subject of it is judged by itself.")
    subjects = ArrayField(models.CharField(max_length=120), default=list, blank=True, help_text="Keys of subjects; empty: each of them.")
    comparison = models.CharField(max_length=12, choices=Comparison, default=Comparison.ABOVE)
    threshold = models.FloatField(null=True, blank=True, help_text="In the metric's unit, or how many times.")
    clear = models.FloatField(null=True, blank=True, help_text="Clears on the other side of this; empty: of the threshold.")
    at_least = models.FloatField(null=True, blank=True, help_text="Compared with its past, it must be this much as well.")
    window_s = models.PositiveIntegerField(
        null=True, blank=True, validators=between(10, DAY_S), help_text="Counts and shares are summed over it; empty: as the metric says."
    )
    for_s = models.PositiveIntegerField(default=180, validators=between(0, DAY_S), help_text="Seconds that it must hold without a break.")
    clear_for_s = models.PositiveIntegerField(default=60, validators=between(0, DAY_S), help_text="Seconds that it must be well again.")
    severity = models.IntegerField(choices=Severity, default=Severity.WARNING)
    enabled = models.BooleanField(default=True)
    quiet_from = models.TimeField(
        null=True, blank=True, help_text="UTC. In quiet hours incidents open and nobody is told until they end; critical ones are told."
    )
    quiet_until = models.TimeField(null=True, blank=True)
    runbook = models.TextField(blank=True, help_text="What to do, for whoever is woken.")
    link = models.CharField(max_length=300, blank=True, help_text="A page of this console, or a runbook elsewhere.")
    shipped = models.CharField(max_length=60, unique=True, null=True, blank=True, editable=False, help_text="The shipped rule that it came from.")
    changed_by = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(comparison="no_data") | Q(threshold__isnull=False), name="alert_rule_has_a_threshold"),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True) | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_hours_have_both_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ShippedRule(models.Model):
    """A shipped rule that was put in once: whoever deletes it is rid of it."""

    key = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key


class AlertStanding(models.Model):
    """How a rule stands: by subject, since when it is breached or well again. Written once a tick, only if it changed."""

    rule = models.OneToOneField(AlertRule, primary_key=True, on_delete=models.CASCADE, related_name="standing")
    state = models.JSONField(default=dict)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"how {self.rule} stands"


class Incident(models.Model):
    """Something that people have to know: from when to when, how bad, who has seen it."""

    class State(models.TextChoices):
        OPEN = "open"
        ACKNOWLEDGED = "acknowledged"
        RESOLVED = "resolved"

    source = models.CharField(max_length=80, help_text="rule:ID, notice:KIND, platform:WHAT, or group:…")
    rule = models.ForeignKey(AlertRule, null=True, blank=True, on_delete=models.SET_NULL, related_name="incidents")
    dimension = models.CharField(max_length=12, blank=True)
    subject = models.CharField(max_length=200, blank=True, help_text="The subject's key, or a notice's scope.")
    label = models.CharField(max_length=200, blank=True, help_text="The subject in words.")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="parts", help_text="It is part of this one, and not told by itself."
    )
    severity = models.IntegerField(choices=Severity, default=Severity.WARNING)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    sentence = models.TextField(help_text="What is wrong, in words, with the figure.")
    metric = models.CharField(max_length=40, blank=True)
    value = models.FloatField(null=True, blank=True, help_text="The last one.")
    worst = models.FloatField(null=True, blank=True)
    threshold = models.FloatField(null=True, blank=True, help_text="As it was when it opened.")
    link = models.CharField(max_length=300, blank=True)
    evidence = models.JSONField(default=dict, blank=True)
    since = models.DateTimeField(help_text="When it began.")
    opened_at = models.DateTimeField(help_text="When it had held for the rule's time.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=200, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=200, blank=True, help_text="Empty: by itself.")

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "dimension", "subject"], condition=Q(resolved_at=None), name="one_open_incident_a_source_and_subject"
            )
        ]
        indexes = [models.Index(fields=["resolved_at", "-opened_at"], name="incidents_that_are_open")]

    def __str__(self) -> str:
        return self.sentence

    @property
    def lasted_s(self) -> float | None:
        return (self.resolved_at - self.since).total_seconds() if self.resolved_at else None


class IncidentEntry(models.Model):
    """A line of an incident's timeline."""

    class Kind(models.TextChoices):
        OPENED = "opened"
        WORSE = "worse"
        GROUPED = "grouped"
        TOLD = "told"
        NOT_TOLD = "not_told", "not told"
        ESCALATED = "escalated"
        ACKNOWLEDGED = "acknowledged"
        SILENCED = "silenced"
        NOTE = "note"
        RESOLVED = "resolved"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="entries")
    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Kind)
    who = models.CharField(max_length=200, blank=True, help_text="Empty: the platform.")
    sentence = models.TextField()
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["at", "id"]
        verbose_name_plural = "incident entries"

    def __str__(self) -> str:
        return self.sentence


class Silence(models.Model):
    """Until then nobody is told of it. What it covers opens and is seen all the same."""

    source = models.CharField(max_length=80, blank=True, help_text="As an incident's; empty: any.")
    dimension = models.CharField(max_length=12, blank=True, help_text="Empty: any.")
    subject = models.CharField(max_length=200, blank=True, help_text="Empty: any.")
    since = models.DateTimeField()
    until = models.DateTimeField()
    why = models.CharField(max_length=300, blank=True)
    by = models.CharField(max_length=200)
    ended_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-until"]
        constraints = [models.CheckConstraint(condition=Q(until__gt=models.F("since")), name="silence_has_an_end")]

    def __str__(self) -> str:
        return f"{self.source or 'everything'} {self.subject}, until {self.until:%Y-%m-%d %H:%M}"
